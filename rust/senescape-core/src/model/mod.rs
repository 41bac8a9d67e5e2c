//! A model with its rules compiled and its parameters bound: what the engine runs.

mod bind;
mod inputs;

pub use bind::bind;

use crate::document::{Aggregation, EventKind};
use crate::expr::BoundProgram;
use crate::kinetics::drug::Pk;
use crate::kinetics::pools::Pools;
use crate::random::Distribution;

/// A bound model. Traits that no rule reads are left out; `columns` lists the others.
pub struct Model {
    /// The fates.
    pub fates: Vec<Fate>,
    /// The traits that have a column in the cell tables.
    pub columns: Vec<Column>,
    /// Names of the marks.
    pub marks: Vec<String>,
    /// Names of the drugs.
    pub drugs: Vec<String>,
    /// Kinetics of the drugs.
    pub kinetics: Vec<Pk>,
    /// Names of the pools.
    pub pools: Vec<String>,
    /// Start values of the pools.
    pub pool_initial: Vec<f64>,
    /// The pools' differential equations, if there are any.
    pub pool_rates: Option<Pools>,
    /// All transitions, in the order of the document.
    pub transitions: Vec<Transition>,
    /// The sums, means and counts that rules and pools read.
    pub aggregates: Vec<Aggregate>,
    /// The observables, evaluated at observation times.
    pub observables: Vec<Observable>,
    /// The callback rules. Their values are in the last columns of the cell tables, in this order.
    pub callbacks: Vec<CallbackRule>,
}

/// A callback rule: called at the start of every epoch, with values that hold for the epoch.
pub struct CallbackRule {
    /// Its name.
    pub name: String,
    /// The fates for whose cells it is called.
    pub fates: Vec<usize>,
    /// The column that holds its values.
    pub column: usize,
}

/// A fate with the transitions and flows of the cells in it.
pub struct Fate {
    /// Its name.
    pub name: String,
    /// The transitions out of it, as indices into [`Model::transitions`].
    pub transitions: Vec<usize>,
    /// Their hazards: one output each, in the same order.
    pub hazards: Rules,
    /// The program of the hazards in words.
    pub listing: String,
    /// The hazards' values, if none of them reads anything that varies.
    pub constant: Option<Vec<f64>>,
    /// How each column moves.
    pub flows: Vec<Flow>,
    /// The columns whose target varies, ordered so that each reads only those before it.
    pub driven: Vec<Driven>,
    /// What has to be gathered: everything that hazards and flows here read or move.
    pub read: Reads,
    /// What has to be written back: the columns that move here.
    pub moving: Vec<usize>,
    /// True if a hazard or a flow here reads a pool, an aggregate or a callback rule, which are known for one epoch
    /// only.
    pub coupled: bool,
    /// True if a hazard here can change with time, so that a bound holds for a window only.
    pub varying: bool,
}

/// The parts of a cell that are gathered.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Columns.
    pub columns: Vec<usize>,
    /// When the cell entered its fate.
    pub age: bool,
    /// Its marks.
    pub marks: bool,
    /// The time of its traits, where any of them moves.
    pub since: bool,
}

/// A column of the cell tables: one trait.
pub struct Column {
    /// The trait's name.
    pub name: String,
    /// Its number among the traits of the document.
    pub of: usize,
    /// The key of its random numbers.
    pub random_key: u64,
    /// A founder's value.
    pub initial: Value,
    /// A daughter's value.
    pub inherit: Inherit,
}

/// A value that a founder, a daughter or a transition gives a trait.
pub enum Value {
    /// Drawn from a distribution.
    Distribution(Distribution),
    /// Computed from the cell.
    Rule(Rules),
    /// Given by the user, one value for each founder.
    Given(usize),
}

/// How a daughter gets a trait from her mother.
#[allow(missing_docs, reason = "the fields are explained where they are used")]
pub enum Inherit {
    /// The mother's value.
    Copy,
    /// First-order autoregression about the initial distribution, in logarithms or not.
    Ar1 { rho: f64, centre: f64, spread: f64, log: bool },
    /// The mother's value with probability `rho`, else a fresh draw: the same correlation for any distribution.
    Mixture { rho: f64 },
    /// A multiple of the mother's value.
    Scaled(f64),
    /// A fresh draw.
    Reset,
    /// Computed from the mother.
    Rule(Rules),
}

/// How a column moves in a fate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are explained where they are used")]
pub enum Flow {
    /// It stays.
    Hold,
    /// Toward a constant target, in closed form.
    Relax { target: f32, tau: f32 },
    /// Toward a target that varies: see [`Fate::driven`].
    Driven,
}

/// A trait that follows a varying target.
pub struct Driven {
    /// Its column.
    pub column: usize,
    /// Its time constant (h).
    pub tau: f64,
    /// The target: one output.
    pub target: Rules,
}

/// A compiled program, and where its inputs come from.
pub struct Rules {
    /// The program with its parameters.
    pub program: BoundProgram,
    /// Its inputs, in the program's order.
    pub inputs: Vec<Source>,
}

impl Rules {
    /// Return whether it reads a time, which changes even if everything else stands still.
    pub(crate) fn reads_clock(&self) -> bool {
        self.inputs.iter().any(|source| matches!(source, Source::Age | Source::Environment(EnvInput::Time)))
    }

    /// Return the value of the first output for one cell.
    pub(crate) fn value(
        &self,
        traits: &[f32],
        marks: u64,
        age: f64,
        env: impl Fn(EnvInput) -> f64,
        scratch: &mut Vec<f64>,
    ) -> f32 {
        let inputs: Vec<f64> = self
            .inputs
            .iter()
            .map(|source| match *source {
                Source::Column(column) => f64::from(traits[column]),
                Source::Mark(mark) => (marks >> mark & 1) as f64,
                Source::Age => age,
                Source::Environment(input) => env(input),
            })
            .collect();
        let mut out = [0.0];
        self.program.scalar(&inputs, &mut out, scratch);
        out[0] as f32
    }
}

/// Where a program's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column of the cell table.
    Column(usize),
    /// A mark of the cell.
    Mark(usize),
    /// Hours since the cell entered its fate.
    Age,
    /// Something of the environment.
    Environment(EnvInput),
}

/// Something of the environment that a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvInput {
    /// Hours since the start.
    Time,
    /// A drug's concentration.
    Drug(usize),
    /// A pool.
    Pool(usize),
    /// A sum, mean or count: an index into [`Model::aggregates`].
    Aggregate(usize),
}

/// A transition: its effects on the cell.
pub struct Transition {
    /// Its name.
    pub name: String,
    /// The fate it leaves.
    pub source: usize,
    /// Its kind.
    pub kind: EventKind,
    /// The fate it leads to (also of daughters). For a death and for an event within a fate, it is the source.
    pub target: usize,
    /// Columns to set.
    pub set: Vec<(usize, Value)>,
    /// Marks to raise.
    pub raise: u64,
    /// Marks to clear.
    pub clear: u64,
}

/// A sum, mean or count over the cells of a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Count, sum or mean.
    pub kind: Aggregation,
    /// The fate.
    pub fate: usize,
    /// The column (unused by a count).
    pub column: usize,
}

/// An observable: an aggregate over the cells of a fate.
pub struct Observable {
    /// Its name.
    pub name: String,
    /// How values of cells are aggregated.
    pub kind: Aggregation,
    /// The fate.
    pub fate: usize,
    /// The cell's value: one output.
    pub value: Rules,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DistDocument, InheritDocument, SetDocument, TraitDocument};
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, NodeId};

    /// 2 * (2 * (2 * mark 0 + mark 1) + age) + time, read one by one.
    #[test]
    fn a_rule_reads_one_cell() {
        let mut example = Example::load("everything");
        let mut value = number(&mut example, 0.0);
        for input in [Input::Mark(0), Input::Mark(1), Input::Age, Input::Time] {
            let twice = example.node(Node::Binary { f: Binary::Add, x: value, y: value });
            let y = example.node(Node::Input { input });
            value = example.node(Node::Binary { f: Binary::Add, x: twice, y });
        }
        example.model.transitions[1].set[0] = SetDocument { of: 0, value: DistDocument::Rule { value } };
        let job = example.job();
        let Value::Rule(rules) = &job.model().transitions[1].set[0].1 else { panic!("no rule") };
        let mut scratch = Vec::new();
        for (marks, of_marks) in [(0, 0.0), (1, 8.0), (2, 4.0), (3, 12.0), (7, 12.0), (4, 0.0)] {
            let found = rules.value(&[], marks, 16.0, |_| 64.0, &mut scratch);
            assert_eq!(found, of_marks + 2.0 * 16.0 + 64.0, "{marks}");
        }
    }

    /// A part of the message, and the change of an example that it refuses.
    type Refused = (&'static str, fn(&mut Example));

    fn trait_of<'e>(example: &'e mut Example, name: &str) -> &'e mut TraitDocument {
        example.model.traits.iter_mut().find(|each| each.name == name).unwrap()
    }

    /// Return a node with a number.
    fn number(example: &mut Example, value: f64) -> NodeId {
        example.node(Node::Const { value })
    }

    fn ar1(example: &mut Example, name: &str, rho: f64) {
        let rho = number(example, rho);
        trait_of(example, name).inherit = InheritDocument::Ar1 { rho };
    }

    #[test]
    fn a_model_whose_parts_do_not_fit_is_refused() {
        let refused: [Refused; 9] = [
            ("'measured' is column 1, but 1 columns were given", |of| {
                trait_of(of, "measured").initial = DistDocument::Column { index: 1 };
            }),
            ("'uniform' may read parameters and traits listed before it only", |of| {
                let told = trait_of(of, "told").initial.clone();
                trait_of(of, "uniform").initial = told;
            }),
            ("'measured' is a fresh draw, but its initial values were given as a table", |of| {
                trait_of(of, "measured").inherit = InheritDocument::Reset;
            }),
            ("the correlation is 1.5; it must lie in [-1, 1]", |of| ar1(of, "normal", 1.5)),
            ("'uniform': ar1 needs an initial distribution", |of| ar1(of, "uniform", -0.5)),
            ("'told': ar1 needs an initial distribution", |of| ar1(of, "told", 0.5)),
            ("'go' leads nowhere", |of| of.model.transitions[1].target = None),
            ("a uniform needs finite low <= high", |of| {
                let (low, high) = (number(of, 2.0), number(of, 1.0));
                trait_of(of, "uniform").initial = DistDocument::Uniform { low, high };
            }),
            ("'uniform' reads cells or the environment", |of| {
                let low = of.node(Node::Input { input: Input::Time });
                trait_of(of, "uniform").initial = DistDocument::Uniform { low, high: low };
            }),
        ];
        for (what, change) in refused {
            let mut example = Example::load("distributions");
            change(&mut example);
            let said = example.try_job().err().map_or_else(String::new, |error| error.to_string());
            assert!(said.contains(what), "{said} for {what}");
        }
    }

    #[test]
    fn a_flow_needs_a_time_and_a_target() {
        let said = |tau: f64, target: f64| {
            let mut example = Example::load("closed");
            let (tau, target) = (number(&mut example, tau), number(&mut example, target));
            let flow = &mut trait_of(&mut example, "x").flows[0];
            (flow.tau, flow.target) = (tau, target);
            example.try_job().err().map_or_else(String::new, |error| error.to_string())
        };
        assert_eq!(said(1e-3, -1.0), "");
        assert!(said(0.0, 1.0).contains("tau in the flow of trait 'x' is 0 h; it must be a positive time"));
        assert!(said(-1.0, 1.0).contains("tau in the flow of trait 'x' is -1 h"));
        assert!(said(1.0, 1e39).contains("the target in the flow of trait 'x' is inf; it must be finite"));
    }

    #[test]
    fn what_daughters_get_follows_from_the_first_value() {
        let inherited = |name: &str, rho| {
            let mut example = Example::load("distributions");
            ar1(&mut example, name, rho);
            let job = example.job();
            let column = job.model().columns.iter().find(|column| column.name == name).unwrap();
            match column.inherit {
                Inherit::Ar1 { rho, centre, spread, log } => (rho, centre, spread, u8::from(log)),
                Inherit::Mixture { rho } => (rho, 0.0, 0.0, 2),
                _ => panic!("{name} is neither"),
            }
        };
        assert_eq!(inherited("uniform", 0.0), (0.0, 0.0, 0.0, 2));
        assert_eq!(inherited("normal", -1.0), (-1.0, 2.0, 1.0, 0));
        assert_eq!(inherited("lognormal", 1.0), (1.0, 0.0, 0.5, 1));
        // A table regresses to its own mean, in logarithms where it has them.
        let values = Example::load("distributions").columns.remove(0);
        let moments = |of: fn(f64) -> f64| {
            let mean = values.iter().map(|x| of(f64::from(*x))).sum::<f64>() / 300.0;
            let square = values.iter().map(|x| of(f64::from(*x)).powi(2)).sum::<f64>() / 300.0;
            (mean, (square - mean * mean).sqrt())
        };
        let near = |found: (f64, f64, f64, u8), (mean, sd): (f64, f64), log| {
            assert!(
                (found.1 - mean).abs() < 1e-12 && (found.2 - sd).abs() < 1e-12 && found.3 == log,
                "{found:?} {mean} {sd}"
            );
        };
        near(inherited("measured", 0.5), moments(f64::ln), 1);
        let mut with_zero = values.clone();
        with_zero[0] = 0.0;
        let Inherit::Ar1 { centre, log: false, .. } = bind::measured(0.5, &with_zero) else { panic!("in logarithms") };
        assert!((centre - (moments(|x| x).0 - f64::from(values[0]) / 300.0)).abs() < 1e-12);
    }

    #[test]
    fn several_marks_are_raised_at_once() {
        let mut example = Example::load("distributions");
        example.model.transitions[1].mark = vec![1, 0, 1];
        assert_eq!(example.job().model().transitions[1].raise, 3);
    }
}
