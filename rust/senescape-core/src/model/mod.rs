//! A model with its rules compiled and its parameters bound: what the engine runs.

mod build;
mod names;

pub use build::bind;

use crate::dist::Dist;
use crate::document::{Gather, Kind};
use crate::drug::Pk;
use crate::expr::Bound;
use crate::pool::Pools;

/// A bound model. Traits that no rule reads are left out: `columns` says which are held.
pub struct Model {
    /// Names of the fates.
    pub fates: Vec<Fate>,
    /// The traits that are held, one column each.
    pub columns: Vec<Column>,
    /// Names of the marks.
    pub marks: Vec<String>,
    /// Names and kinetics of the drugs.
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
    /// The read-outs at observation times.
    pub observables: Vec<Observable>,
    /// Rules that are called, not compiled; their values are in the last columns of the cell tables, in this order.
    pub slow: Vec<Slow>,
}

/// A rule that is called at the start of every epoch; its values hold for the epoch.
pub struct Slow {
    /// Its name.
    pub name: String,
    /// The fates whose cells it is asked about.
    pub fates: Vec<usize>,
    /// The column that holds its values.
    pub column: usize,
}

/// A fate with what happens to the cells in it.
pub struct Fate {
    /// Its name.
    pub name: String,
    /// The transitions out of it, as indices into [`Model::transitions`].
    pub transitions: Vec<usize>,
    /// Their hazards: one output each, in the same order.
    pub hazards: Rules,
    /// The compiled hazards in words.
    pub listing: String,
    /// The hazards' values where none of them reads anything that varies.
    pub constant: Option<Vec<f64>>,
    /// How each column moves.
    pub flows: Vec<Flow>,
    /// The columns whose target varies, ordered so that each reads only those before it.
    pub driven: Vec<Driven>,
    /// What hazards and flows here read or move: what has to be gathered.
    pub read: Reads,
    /// The columns that move here: what has to be written back.
    pub moving: Vec<usize>,
    /// Whether a hazard or a flow here reads a pool or an aggregate, whose path is known for one epoch only.
    pub coupled: bool,
    /// Whether a hazard here can change with time, so that a bound holds for a window only.
    pub varying: bool,
}

/// What of a cell is gathered.
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
    /// What its random numbers are keyed by.
    pub luck: u64,
    /// A founder's value.
    pub initial: Value,
    /// A daughter's value.
    pub inherit: Inherit,
}

/// A value that a founder, a daughter or a transition gives a trait.
pub enum Value {
    /// Drawn from a distribution.
    Dist(Dist),
    /// Computed from the cell.
    Rule(Rules),
    /// Given by the user, one a founder.
    Given(usize),
}

/// What a daughter gets of her mother's trait.
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
    /// It does not.
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

/// A compiled program and where its inputs come from.
pub struct Rules {
    /// The program with its parameters.
    pub bound: Bound,
    /// Its inputs, in the program's order.
    pub inputs: Vec<Source>,
}

impl Rules {
    /// The value of the first output for one cell.
    pub(crate) fn value(
        &self,
        traits: &[f32],
        marks: u64,
        age: f64,
        env: impl Fn(EnvInput) -> f32,
        scratch: &mut Vec<f64>,
    ) -> f32 {
        let inputs: Vec<f64> = self
            .inputs
            .iter()
            .map(|source| match *source {
                Source::Column(column) => f64::from(traits[column]),
                Source::Mark(mark) => (marks >> mark & 1) as f64,
                Source::Age => age,
                Source::Env(input) => f64::from(env(input)),
            })
            .collect();
        let mut out = [0.0];
        self.bound.scalar(&inputs, &mut out, scratch);
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
    Env(EnvInput),
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

/// A hazard's effects.
pub struct Transition {
    /// Its name.
    pub name: String,
    /// The fate it leaves.
    pub source: usize,
    /// What it does.
    pub kind: Kind,
    /// The fate it leads to (also of daughters); the source's own for an event within a fate and for a death.
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
    /// What it is.
    pub kind: Gather,
    /// The fate.
    pub fate: usize,
    /// The column (unused by a count).
    pub column: usize,
}

/// A read-out over the cells of a fate.
pub struct Observable {
    /// Its name.
    pub name: String,
    /// How cells are gathered.
    pub kind: Gather,
    /// The fate.
    pub fate: usize,
    /// The cell's value: one output.
    pub value: Rules,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DistDocument, SetDocument};
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, NodeId};

    /// 2 * (2 * (2 * mark 0 + mark 1) + age) + time, read one by one.
    #[test]
    fn a_rule_reads_one_cell() {
        let mut example = Example::kept("everything");
        let nodes = &mut example.model.nodes.nodes;
        let mut add = |node| {
            nodes.push(node);
            NodeId::try_from(nodes.len() - 1).unwrap()
        };
        let mut value = add(Node::Const { value: 0.0 });
        for input in [Input::Mark(0), Input::Mark(1), Input::Age, Input::Time] {
            let twice = add(Node::Binary { f: Binary::Add, x: value, y: value });
            let y = add(Node::Input { input });
            value = add(Node::Binary { f: Binary::Add, x: twice, y });
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
}
