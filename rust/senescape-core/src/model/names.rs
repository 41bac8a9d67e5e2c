//! Checks of indices and names in a document, with messages that name the thing.

use crate::document::{DistDocument, InheritDocument, Kind, ModelDocument};
use crate::error::Error;
use std::cell::Cell;

const LIST_LIMIT: usize = 10_000;

/// Rules, each compiled from the nodes up to its own, times nodes: more would take seconds.
const WORK_LIMIT: usize = 50_000_000;

/// Fates times what there is for each of them.
const TABLE_LIMIT: usize = 1_000_000;

/// Refuse a document whose indices point nowhere or whose names clash.
pub fn check(document: &ModelDocument) -> Result<(), Error> {
    if document.format != 1 {
        return Err(Error::Model(format!(
            "format {} is not known to this version; it reads format 1",
            document.format
        )));
    }
    if document.fates.is_empty() {
        return Err(Error::Model("it has no fates; give at least one".into()));
    }
    if document.marks.len() > 64 {
        return Err(Error::Model(format!("it has {} marks; at most 64 are possible", document.marks.len())));
    }
    unique("fate", document.fates.iter())?;
    unique("mark", document.marks.iter())?;
    unique("parameter", document.params.iter().map(|p| &p.name))?;
    unique("trait", document.traits.iter().map(|t| &t.name))?;
    unique("drug", document.drugs.iter().map(|d| &d.name))?;
    unique("pool", document.pools.iter().map(|p| &p.name))?;
    unique("cause", document.causes.iter())?;
    unique("barrier", document.barriers.iter())?;
    unique("transition", document.transitions.iter().map(|t| &t.name))?;
    unique("observable", document.observables.iter().map(|o| &o.name))?;
    unique("slow rule", document.slow.iter().map(|s| &s.name))?;
    let each_fate = document.traits.len() + document.transitions.len() + document.slow.len();
    if document.fates.len().saturating_mul(each_fate) > TABLE_LIMIT {
        return Err(Error::Model(format!(
            "it has {} fates with {each_fate} traits and transitions; at most {TABLE_LIMIT} pairs are possible",
            document.fates.len()
        )));
    }
    let nodes = document.nodes.nodes.len();
    let work = Cell::new(0_usize);
    let node = |index: u32, place: &str| {
        work.set(work.get().saturating_add(index as usize));
        if work.get() > WORK_LIMIT {
            return Err(Error::Model(format!("{place}: the rules up to this one take too many operations to compile")));
        }
        within("node", index as usize, nodes, place)
    };
    let fate = |index: usize, place: &str| within("fate", index, document.fates.len(), place);
    for each in &document.traits {
        let place = format!("trait '{}'", each.name);
        dist(&each.initial, &place, &node)?;
        match &each.inherit {
            InheritDocument::Ar1 { rho: n }
            | InheritDocument::Scaled { factor: n }
            | InheritDocument::Rule { value: n } => node(*n, &place)?,
            InheritDocument::Copy | InheritDocument::Reset => {}
        }
        for flow in &each.flows {
            if let Some(f) = flow.fate {
                fate(f, &place)?;
            }
            node(flow.target, &place)?;
            node(flow.tau, &place)?;
        }
    }
    for drug in &document.drugs {
        let place = format!("drug '{}'", drug.name);
        let fields = [
            Some(drug.elimination),
            Some(drug.volume),
            drug.k12,
            drug.k21,
            drug.absorption,
            Some(drug.bioavailability),
        ];
        for n in fields.into_iter().flatten() {
            node(n, &place)?;
        }
    }
    for pool in &document.pools {
        let place = format!("pool '{}'", pool.name);
        node(pool.initial, &place)?;
        node(pool.rate, &place)?;
    }
    for transition in &document.transitions {
        let place = format!("transition '{}'", transition.name);
        fate(transition.source, &place)?;
        if let Some(target) = transition.target {
            fate(target, &place)?;
        }
        node(transition.hazard, &place)?;
        if let Some(cause) = transition.cause {
            within("cause", cause, document.causes.len(), &place)?;
        } else if transition.kind == Kind::Death {
            return Err(Error::Model(format!("{place} is a death without a cause; give cause=...")));
        }
        if let Some(barrier) = transition.barrier {
            within("barrier", barrier, document.barriers.len(), &place)?;
        }
        for set in &transition.set {
            within("trait", set.of, document.traits.len(), &place)?;
            dist(&set.value, &place, &node)?;
            if matches!(set.value, DistDocument::Column { .. }) {
                return Err(Error::Model(format!(
                    "{place} sets a trait from a column of founders; only a trait's initial value can"
                )));
            }
        }
        for mark in transition.mark.iter().chain(&transition.unmark) {
            within("mark", *mark, document.marks.len(), &place)?;
        }
    }
    for slow in &document.slow {
        for f in &slow.fates {
            fate(*f, &format!("slow rule '{}'", slow.name))?;
        }
    }
    for observable in &document.observables {
        let place = format!("observable '{}'", observable.name);
        fate(observable.fate, &place)?;
        node(observable.value, &place)?;
    }
    Ok(())
}

fn within(kind: &str, index: usize, length: usize, place: &str) -> Result<(), Error> {
    if index < length {
        return Ok(());
    }
    Err(Error::Model(format!("{place} points at {kind} {index}, but there are {length}")))
}

fn unique<'a>(kind: &str, names: impl ExactSizeIterator<Item = &'a String>) -> Result<(), Error> {
    if names.len() > LIST_LIMIT {
        return Err(Error::Model(format!("it lists {} {kind}s; at most {LIST_LIMIT} are possible", names.len())));
    }
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::Model(format!("two {kind}s are named '{name}'; rename one")));
        }
    }
    Ok(())
}

fn dist(dist: &DistDocument, place: &str, node: &impl Fn(u32, &str) -> Result<(), Error>) -> Result<(), Error> {
    let nodes = match *dist {
        DistDocument::Rule { value } => [Some(value), None, None, None],
        DistDocument::Normal { mean, sd, low, high } => [Some(mean), Some(sd), low, high],
        DistDocument::Lognormal { median: a, sigma: b }
        | DistDocument::Uniform { low: a, high: b }
        | DistDocument::Integers { low: a, high: b }
        | DistDocument::Beta { a, b }
        | DistDocument::Gamma { shape: a, scale: b } => [Some(a), Some(b), None, None],
        DistDocument::Exponential { mean: a } | DistDocument::Bernoulli { p: a } => [Some(a), None, None, None],
        DistDocument::Column { .. } => [None; 4],
    };
    nodes.into_iter().flatten().try_for_each(|n| node(n, place))
}
