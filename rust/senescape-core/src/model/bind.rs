//! The binder: from a document and parameter values to a bound model.

use super::inputs::{reads, traits_read};
use super::{
    Aggregate, CallbackRule, Column, Driven, EnvInput, Fate, Flow, Inherit, Model, Observable, Reads, Rules, Source,
    Transition, Value,
};
use crate::document::{
    Aggregation, CallbackDocument, DistDocument, EventKind, FlowDocument, InheritDocument, ModelDocument, check_model,
};
use crate::error::Error;
use crate::expr::{Dims, Input, Limits, NodeId, Program};
use crate::kinetics::drug::Pk;
use crate::kinetics::pools::Pools;
use crate::random::{Distribution, name_key};

/// Compile the rules of a document and bind parameter values (in the document's order).
///
/// `given` holds the user's columns of founder values; `rtol` is the relative tolerance of pools. If `all_traits` is
/// true, traits that no compiled rule reads are kept too, because callbacks may read them.
///
/// # Errors
/// [`Error::Model`] or [`Error::Expr`], naming what is wrong.
pub fn bind(
    document: &ModelDocument,
    params: &[f64],
    given: &[Vec<f32>],
    rtol: f64,
    all_traits: bool,
) -> Result<Model, Error> {
    check_model(document)?;
    if params.len() != document.params.len() {
        return Err(Error::Run(format!("{} parameter values for {} parameters", params.len(), document.params.len())));
    }
    if let Some((p, value)) = document.params.iter().zip(params).find(|(_, v)| !v.is_finite()) {
        return Err(Error::Run(format!("parameter '{}' is {value}; it must be finite", p.name)));
    }
    let dims = Dims {
        traits: document.traits.len(),
        callbacks: document.callbacks.len(),
        marks: document.marks.len(),
        drugs: document.drugs.len(),
        pools: document.pools.len(),
        fates: document.fates.len(),
        params: document.params.len(),
    };
    document.nodes.check(&dims, &Limits::default())?;
    let traits = if all_traits { (0..dims.traits).collect() } else { traits_read(document) };
    let mut binder = Binder {
        document,
        params,
        column_of: vec![None; dims.traits],
        trait_columns: traits.len(),
        aggregates: Vec::new(),
    };
    for (column, &of) in traits.iter().enumerate() {
        binder.column_of[of] = Some(column);
    }
    binder.build(&traits, given, rtol)
}

struct Binder<'a> {
    document: &'a ModelDocument,
    params: &'a [f64],
    column_of: Vec<Option<usize>>,
    /// The number of columns that hold traits; those of callback rules follow.
    trait_columns: usize,
    aggregates: Vec<Aggregate>,
}

impl Binder<'_> {
    fn build(mut self, traits: &[usize], given: &[Vec<f32>], rtol: f64) -> Result<Model, Error> {
        let document = self.document;
        let mut columns = traits.iter().map(|&of| self.column(of, given)).collect::<Result<Vec<_>, _>>()?;
        let callbacks: Vec<CallbackRule> = document
            .callbacks
            .iter()
            .zip(self.trait_columns..)
            .map(|(each, column)| callback_rule(each, column))
            .collect();
        columns.extend(callbacks.iter().map(callback_column));
        let transitions = document.transitions.iter().map(|t| self.transition(t)).collect::<Result<Vec<_>, _>>()?;
        let fates = (0..document.fates.len()).map(|f| self.fate(f, traits)).collect::<Result<Vec<_>, _>>()?;
        let mut observables = Vec::new();
        for each in &document.observables {
            let value = self.rules(&[each.value])?;
            observables.push(Observable { name: each.name.clone(), kind: each.kind, fate: each.fate, value });
        }
        let mut kinetics = Vec::new();
        for drug in &document.drugs {
            let of = |field: &str| format!("{field} of drug '{}'", drug.name);
            let peripheral = match (drug.k12, drug.k21) {
                (Some(a), Some(b)) => Some((self.fixed(a, &of("k12"))?, self.fixed(b, &of("k21"))?)),
                (None, None) => None,
                _ => {
                    return Err(Error::Model(format!(
                        "drug '{}' has one of k12 and k21; give both or none",
                        drug.name
                    )));
                }
            };
            kinetics.push(Pk {
                elimination: self.fixed(drug.elimination, &of("elimination"))?,
                volume: self.fixed(drug.volume, &of("volume"))?,
                peripheral,
                absorption: drug.absorption.map(|n| self.fixed(n, &of("absorption"))).transpose()?,
                bioavailability: self.fixed(drug.bioavailability, &of("bioavailability"))?,
            });
        }
        let mut pool_initial = Vec::new();
        for pool in &document.pools {
            pool_initial.push(self.fixed(pool.initial, &format!("initial of pool '{}'", pool.name))?);
        }
        let pools: Vec<String> = document.pools.iter().map(|p| p.name.clone()).collect();
        let pool_rates = if pools.is_empty() { None } else { Some(self.pools(&pools, rtol)?) };
        Ok(Model {
            fates,
            columns,
            marks: document.marks.clone(),
            drugs: document.drugs.iter().map(|d| d.name.clone()).collect(),
            kinetics,
            pools,
            pool_initial,
            pool_rates,
            transitions,
            aggregates: self.aggregates,
            observables,
            callbacks,
        })
    }

    fn pools(&mut self, names: &[String], rtol: f64) -> Result<Pools, Error> {
        let rates: Vec<NodeId> = self.document.pools.iter().map(|p| p.rate).collect();
        for (pool, root) in self.document.pools.iter().zip(&rates) {
            for input in reads(&self.document.nodes, *root) {
                if matches!(input, Input::Trait(_) | Input::Callback(_) | Input::Mark(_) | Input::Age) {
                    return Err(Error::Model(format!(
                        "the rate of pool '{}' reads a single cell; a pool sees cells through env.count, env.sum or env.mean",
                        pool.name
                    )));
                }
                self.source(input)?;
            }
        }
        let program = Program::compile(&self.document.nodes, &rates)?;
        let reads_time = |pool: &usize| reads(&self.document.nodes, rates[*pool]).contains(&Input::Time);
        let clocked = (0..rates.len()).filter(reads_time).collect();
        Ok(Pools::new(program.bind(self.params), program.inputs().to_vec(), names.to_vec(), rtol, clocked))
    }

    /// Return the value of a node that reads parameters and constants only.
    fn fixed(&self, node: NodeId, place: &str) -> Result<f64, Error> {
        let program = Program::compile(&self.document.nodes, &[node])?;
        if !program.inputs().is_empty() {
            return Err(Error::Model(format!("{place} reads cells or the environment; it can read parameters only")));
        }
        let mut out = [0.0];
        program.bind(self.params).scalar(&[], &mut out, &mut Vec::new());
        if out[0].is_nan() {
            return Err(Error::Model(format!("{place} is not a number")));
        }
        Ok(out[0])
    }

    fn rules(&mut self, roots: &[NodeId]) -> Result<Rules, Error> {
        let program = Program::compile(&self.document.nodes, roots)?;
        let inputs = program.inputs().iter().map(|&input| self.source(input)).collect::<Result<_, _>>()?;
        Ok(Rules { program: program.bind(self.params), inputs })
    }

    fn source(&mut self, input: Input) -> Result<Source, Error> {
        let mut aggregate = |kind, fate: u16, column| {
            let wanted = Aggregate { kind, fate: usize::from(fate), column };
            let known = self.aggregates.iter().position(|a| *a == wanted);
            let index = known.unwrap_or_else(|| {
                self.aggregates.push(wanted);
                self.aggregates.len() - 1
            });
            Source::Environment(EnvInput::Aggregate(index))
        };
        Ok(match input {
            Input::Trait(of) => Source::Column(self.column_of_trait(of)?),
            Input::Callback(index) => Source::Column(self.trait_columns + usize::from(index)),
            Input::Mark(mark) => Source::Mark(usize::from(mark)),
            Input::Age => Source::Age,
            Input::Time => Source::Environment(EnvInput::Time),
            Input::Drug(drug) => Source::Environment(EnvInput::Drug(usize::from(drug))),
            Input::Pool(pool) => Source::Environment(EnvInput::Pool(usize::from(pool))),
            Input::Count(fate) => aggregate(Aggregation::Count, fate, 0),
            Input::Sum { fate, of } => {
                let column = self.column_of[usize::from(of)];
                aggregate(Aggregation::Sum, fate, column.ok_or_else(|| missing_column(of))?)
            }
            Input::Mean { fate, of } => {
                let column = self.column_of[usize::from(of)];
                aggregate(Aggregation::Mean, fate, column.ok_or_else(|| missing_column(of))?)
            }
        })
    }

    fn column_of_trait(&self, of: u16) -> Result<usize, Error> {
        self.column_of[usize::from(of)].ok_or_else(|| missing_column(of))
    }

    fn dist(&self, dist: &DistDocument, place: &str) -> Result<Option<Distribution>, Error> {
        let value = |node: NodeId| self.fixed(node, place);
        let found = match *dist {
            DistDocument::Column { .. } => return Ok(None),
            DistDocument::Rule { value: node } => {
                if !reads(&self.document.nodes, node).is_empty() {
                    return Ok(None);
                }
                Distribution::Constant(value(node)?)
            }
            DistDocument::Normal { mean, sd, low, high } => Distribution::Normal {
                mean: value(mean)?,
                sd: value(sd)?,
                low: low.map_or(Ok(f64::NEG_INFINITY), value)?,
                high: high.map_or(Ok(f64::INFINITY), value)?,
            },
            DistDocument::Lognormal { median, sigma } => {
                Distribution::LogNormal { median: value(median)?, sigma: value(sigma)? }
            }
            DistDocument::Integers { low, high } => Distribution::Integers { low: value(low)?, high: value(high)? },
            DistDocument::Uniform { low, high } => Distribution::Uniform { low: value(low)?, high: value(high)? },
            DistDocument::Beta { a, b } => Distribution::Beta { a: value(a)?, b: value(b)? },
            DistDocument::Gamma { shape, scale } => Distribution::Gamma { shape: value(shape)?, scale: value(scale)? },
            DistDocument::Exponential { mean } => Distribution::Exponential { mean: value(mean)? },
            DistDocument::Bernoulli { p } => Distribution::Bernoulli { p: value(p)? },
        };
        match found.fault() {
            Some(fault) => Err(Error::Model(format!("{place}: {fault}"))),
            None => Ok(Some(found)),
        }
    }

    fn value(&mut self, dist: &DistDocument, place: &str) -> Result<Value, Error> {
        if let Some(found) = self.dist(dist, place)? {
            return Ok(Value::Distribution(found));
        }
        match *dist {
            DistDocument::Rule { value } => Ok(Value::Rule(self.rules(&[value])?)),
            DistDocument::Column { index } => Ok(Value::Given(index)),
            _ => Err(Error::Internal(format!("{place}: a distribution without a value"))),
        }
    }

    fn column(&mut self, of: usize, given: &[Vec<f32>]) -> Result<Column, Error> {
        let document = &self.document.traits[of];
        let place = format!("the initial value of trait '{}'", document.name);
        let initial = self.value(&document.initial, &place)?;
        if let Value::Given(index) = initial
            && index >= given.len()
        {
            return Err(Error::Model(format!("{place} is column {index}, but {} columns were given", given.len())));
        }
        if let DistDocument::Rule { value } = document.initial {
            for input in reads(&self.document.nodes, value) {
                let earlier = matches!(input, Input::Trait(other) if usize::from(other) < of);
                if !earlier && !matches!(input, Input::Time) {
                    return Err(Error::Model(format!("{place} may read parameters and traits listed before it only")));
                }
            }
        }
        let place = format!("the inheritance of trait '{}'", document.name);
        let inherit = match document.inherit {
            InheritDocument::Copy => Inherit::Copy,
            InheritDocument::Reset if matches!(initial, Value::Given(_)) => {
                return Err(Error::Model(format!(
                    "{place} is a fresh draw, but its initial values were given as a table; use ar1 or copy"
                )));
            }
            InheritDocument::Reset => Inherit::Reset,
            InheritDocument::Scaled { factor } => Inherit::Scaled(self.fixed(factor, &place)?),
            InheritDocument::Rule { value } => Inherit::Rule(self.rules(&[value])?),
            InheritDocument::Ar1 { rho } => {
                let rho = self.fixed(rho, &place)?;
                if !(-1.0..=1.0).contains(&rho) {
                    return Err(Error::Model(format!("{place}: the correlation is {rho}; it must lie in [-1, 1]")));
                }
                match &initial {
                    Value::Distribution(Distribution::LogNormal { median, sigma }) => {
                        Inherit::Ar1 { rho, centre: libm::log(*median), spread: *sigma, log: true }
                    }
                    Value::Distribution(Distribution::Normal { mean, sd, .. }) => {
                        Inherit::Ar1 { rho, centre: *mean, spread: *sd, log: false }
                    }
                    Value::Given(index) => measured(rho, &given[*index]),
                    Value::Distribution(_) if rho >= 0.0 => Inherit::Mixture { rho },
                    _ => {
                        return Err(Error::Model(format!(
                            "{place}: ar1 needs an initial distribution or table to regress to"
                        )));
                    }
                }
            }
        };
        Ok(Column { name: document.name.clone(), of, random_key: name_key(&document.name), initial, inherit })
    }

    fn transition(&mut self, document: &crate::document::TransitionDocument) -> Result<Transition, Error> {
        let place = format!("transition '{}'", document.name);
        let target = match (document.kind, document.target) {
            (EventKind::Death, _) | (EventKind::Division, None) => document.source,
            (EventKind::Move | EventKind::Division, Some(target)) => target,
            (EventKind::Move, None) => return Err(Error::Model(format!("{place} leads nowhere; give it a target"))),
        };
        let mut set = Vec::new();
        for each in &document.set {
            // A trait that no rule reads has no column, so there is nothing to set.
            if let Some(column) = self.column_of[each.of] {
                set.push((column, self.value(&each.value, &place)?));
            }
        }
        let bits = |marks: &[usize]| marks.iter().fold(0_u64, |bits, mark| bits | 1 << mark);
        Ok(Transition {
            name: document.name.clone(),
            source: document.source,
            kind: document.kind,
            target,
            set,
            raise: bits(&document.mark),
            clear: bits(&document.unmark),
        })
    }

    fn fate(&mut self, fate: usize, traits: &[usize]) -> Result<Fate, Error> {
        let document = self.document;
        let transitions: Vec<usize> =
            (0..document.transitions.len()).filter(|&k| document.transitions[k].source == fate).collect();
        let roots: Vec<NodeId> = transitions.iter().map(|&k| document.transitions[k].hazard).collect();
        let hazards = self.rules(&roots)?;
        let listing = Program::compile(&document.nodes, &roots)?.listing();
        let constant = hazards.inputs.is_empty().then(|| {
            let mut frame = hazards.program.frame();
            hazards.program.values(&mut frame, 1);
            (0..roots.len()).map(|k| f64::from(frame.output(k)[0])).collect::<Vec<f64>>()
        });
        let mut flows = vec![Flow::Hold; traits.len() + document.callbacks.len()];
        let mut driven = Vec::new();
        for (column, &of) in traits.iter().enumerate() {
            let Some(flow) = flow_in(&document.traits[of].flows, fate) else { continue };
            let place = format!("the flow of trait '{}'", document.traits[of].name);
            let tau = self.fixed(flow.tau, &format!("tau in {place}"))?;
            if !(tau > 0.0 && tau.is_finite()) {
                return Err(Error::Model(format!("tau in {place} is {tau} h; it must be a positive time")));
            }
            if reads(&document.nodes, flow.target).is_empty() {
                let target = self.fixed(flow.target, &format!("the target in {place}"))? as f32;
                if !target.is_finite() {
                    return Err(Error::Model(format!("the target in {place} is {target}; it must be finite")));
                }
                flows[column] = Flow::Relax { target, tau: tau as f32 };
            } else {
                flows[column] = Flow::Driven;
                driven.push(Driven { column, tau, target: self.rules(&[flow.target])? });
            }
        }
        let driven = in_order(driven, |column| document.traits[traits[column]].name.clone())?;
        let env = |rules: &Rules| {
            rules.inputs.iter().any(|s| matches!(s, Source::Environment(EnvInput::Pool(_) | EnvInput::Aggregate(_))))
        };
        // The values of a callback rule hold for the epoch, like a pool's path.
        let asked = hazards.inputs.iter().any(|s| matches!(s, Source::Column(column) if *column >= self.trait_columns));
        let coupled = asked || env(&hazards) || driven.iter().any(|d| env(&d.target));
        let varying = hazards.inputs.iter().any(|source| match source {
            Source::Mark(_) => false,
            Source::Column(column) => *column >= self.trait_columns || flows[*column] != Flow::Hold,
            Source::Age | Source::Environment(_) => true,
        });
        let moving: Vec<usize> = (0..flows.len()).filter(|c| flows[*c] != Flow::Hold).collect();
        let mut read = Reads { columns: moving.clone(), since: !moving.is_empty(), ..Reads::default() };
        for source in driven.iter().map(|d| &d.target).chain([&hazards]).flat_map(|rules| &rules.inputs) {
            match *source {
                Source::Column(column) => read.columns.push(column),
                Source::Mark(_) => read.marks = true,
                Source::Age => read.age = true,
                Source::Environment(_) => {}
            }
        }
        read.columns.sort_unstable();
        read.columns.dedup();
        Ok(Fate {
            name: document.fates[fate].clone(),
            transitions,
            hazards,
            listing,
            constant,
            flows,
            driven,
            read,
            moving,
            coupled,
            varying,
        })
    }
}

fn callback_rule(document: &CallbackDocument, column: usize) -> CallbackRule {
    CallbackRule { name: document.name.clone(), fates: document.fates.clone(), column }
}

/// Return the column of a callback rule, which is zero until the rule is called for the cell.
fn callback_column(callbacks: &CallbackRule) -> Column {
    let initial = Value::Distribution(Distribution::Constant(0.0));
    Column {
        name: callbacks.name.clone(),
        of: usize::MAX,
        random_key: name_key(&callbacks.name),
        initial,
        inherit: Inherit::Copy,
    }
}

fn missing_column(of: u16) -> Error {
    Error::Internal(format!("trait {of} is read but not held"))
}

fn flow_in(flows: &[FlowDocument], fate: usize) -> Option<&FlowDocument> {
    flows.iter().find(|f| f.fate == Some(fate)).or_else(|| flows.iter().find(|f| f.fate.is_none()))
}

/// Return the autoregression about a measured column, in logarithms if all values are positive.
pub(super) fn measured(rho: f64, values: &[f32]) -> Inherit {
    let log = values.iter().all(|v| *v > 0.0);
    let scaled = |v: &f32| if log { libm::log(f64::from(*v)) } else { f64::from(*v) };
    let n = values.len().max(1) as f64;
    let centre = values.iter().map(scaled).sum::<f64>() / n;
    let spread = (values.iter().map(|v| (scaled(v) - centre).powi(2)).sum::<f64>() / n).sqrt();
    Inherit::Ar1 { rho, centre, spread, log }
}

/// Order driven traits so that each target reads only targets before it.
fn in_order(mut left: Vec<Driven>, name: impl Fn(usize) -> String) -> Result<Vec<Driven>, Error> {
    let mut ordered: Vec<Driven> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: Vec<usize> = left.iter().map(|d| d.column).collect();
        let ready = left.iter().position(|d| {
            !d.target.inputs.iter().any(|s| matches!(s, Source::Column(column) if waiting.contains(column)))
        });
        let Some(ready) = ready else {
            let names: Vec<String> = waiting.into_iter().map(&name).collect();
            return Err(Error::Model(format!(
                "the flows of the traits {} read each other in a circle; break it, for example by a pool or by a transition that sets one of them",
                names.join(", ")
            )));
        };
        ordered.push(left.remove(ready));
    }
    Ok(ordered)
}
