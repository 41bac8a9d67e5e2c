//! Checks of documents: indices, names, sizes and times, with messages that name the thing.

use super::{DistDocument, EventKind, InheritDocument, ModelDocument, RunDocument};
use crate::error::Error;
use std::cell::Cell;

const LIST_LIMIT: usize = 10_000;

/// The limit on the work of compilation: the sum over all rules of the nodes up to their own. More would take seconds.
const WORK_LIMIT: usize = 50_000_000;

/// The limit on pairs of a fate with a trait, a transition or a callback rule.
const TABLE_LIMIT: usize = 1_000_000;

/// The limits on the threads of a run, and on the rows of a block.
const THREAD_LIMIT: usize = 1024;
const BLOCK_LIMIT: usize = 1 << 20;

/// Refuse a document whose indices point nowhere or whose names clash.
pub fn check_model(document: &ModelDocument) -> Result<(), Error> {
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
    unique("slow rule", document.callbacks.iter().map(|s| &s.name))?;
    let each_fate = document.traits.len() + document.transitions.len() + document.callbacks.len();
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
        } else if transition.kind == EventKind::Death {
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
    for callback in &document.callbacks {
        for f in &callback.fates {
            fate(*f, &format!("slow rule '{}'", callback.name))?;
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

/// Refuse impossible times and sizes of a run.
///
/// # Errors
/// [`Error::Run`], naming it.
pub fn check_run(run: &RunDocument) -> Result<(), Error> {
    if !(run.until > 0.0 && run.until.is_finite()) {
        return Err(Error::Run(format!("until is {} h; it must be a positive, finite time", run.until)));
    }
    if !(0.0..run.until).contains(&run.begin) {
        return Err(Error::Run(format!(
            "the run begins at {} h; it must begin from 0 to before the horizon",
            run.begin
        )));
    }
    if !(run.sync > 0.0) {
        return Err(Error::Run(format!("sync is {} h; it must be positive", run.sync)));
    }
    if !(1..=THREAD_LIMIT).contains(&run.threads) {
        return Err(Error::Run(format!("threads is {}; it must lie between 1 and {THREAD_LIMIT}", run.threads)));
    }
    if !(1..=BLOCK_LIMIT).contains(&run.block) {
        return Err(Error::Run(format!("block is {}; it must lie between 1 and {BLOCK_LIMIT}", run.block)));
    }
    if run.observe.windows(2).any(|w| !(w[0] < w[1])) {
        return Err(Error::Run("the times of observation must ascend without repeats".into()));
    }
    if run.observe.iter().any(|t| !(0.0..=run.until).contains(t)) {
        return Err(Error::Run(format!("a time of observation lies outside 0 to {} h", run.until)));
    }
    if run.cuts.iter().chain(&run.split).any(|t| !t.is_finite()) {
        return Err(Error::Run("the times of cuts must be finite".into()));
    }
    if run.visits.windows(2).any(|w| !(w[0] < w[1])) {
        return Err(Error::Run("the times of visits must ascend without repeats".into()));
    }
    if run.visits.iter().any(|t| !(0.0..run.until).contains(t)) {
        return Err(Error::Run(format!("a time of a visit lies outside 0 to {} h, the horizon excluded", run.until)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{CallbackDocument, TraitDocument};
    use crate::example::Example;

    /// A part of the message, and the change of a model that it refuses.
    type Refused = (&'static str, fn(&mut ModelDocument));

    const FAR: u32 = 9999;

    fn said(change: impl FnOnce(&mut ModelDocument)) -> String {
        let mut model = Example::load("everything").model;
        change(&mut model);
        check_model(&model).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn what_points_nowhere_is_named() {
        let refused: [Refused; 21] = [
            ("format 2 is not known", |of| of.format = 2),
            ("no fates", |of| of.fates.clear()),
            ("trait 'depth' points at node 9999", |of| of.traits[0].flows[0].target = FAR),
            ("trait 'depth' points at node 9999", |of| of.traits[0].flows[0].tau = FAR),
            ("trait 'depth' points at fate 2", |of| of.traits[0].flows[0].fate = Some(2)),
            ("trait 'bcl_xl' points at node", |of| of.traits[1].inherit = InheritDocument::Ar1 { rho: FAR }),
            ("trait 'bcl_xl' points at node", |of| of.traits[1].inherit = InheritDocument::Scaled { factor: FAR }),
            ("trait 'bcl_xl' points at node", |of| of.traits[1].inherit = InheritDocument::Rule { value: FAR }),
            ("drug 'chemo' points at node", |of| of.drugs[0].elimination = FAR),
            ("drug 'chemo' points at node", |of| of.drugs[0].k12 = Some(FAR)),
            ("pool 't_cells' points at node", |of| of.pools[0].initial = FAR),
            ("pool 't_cells' points at node", |of| of.pools[0].rate = FAR),
            ("transition 'division' points at fate 2", |of| of.transitions[0].source = 2),
            ("transition 'division' points at fate 2", |of| of.transitions[0].target = Some(2)),
            ("transition 'division' points at node", |of| of.transitions[0].hazard = FAR),
            ("transition 'division' points at cause 99", |of| of.transitions[0].cause = Some(99)),
            ("transition 'division' points at barrier 99", |of| of.transitions[0].barrier = Some(99)),
            ("transition 'arrest' points at trait 99", |of| of.transitions[1].set[0].of = 99),
            ("transition 'arrest' sets a trait from a column", |of| {
                of.transitions[1].set[0].value = DistDocument::Column { index: 0 };
            }),
            ("transition 'division' points at mark 2", |of| of.transitions[0].mark = vec![2]),
            ("transition 'division' points at mark 2", |of| of.transitions[0].unmark = vec![2]),
        ];
        for (what, change) in refused {
            assert!(said(change).contains(what), "{} for {what}", said(change));
        }
        let slow = |of: &mut ModelDocument| {
            of.callbacks.push(CallbackDocument { name: "called".into(), fates: vec![0, 1, 2] });
        };
        assert!(said(slow).contains("slow rule 'called' points at fate 2"));
        assert!(said(|of| of.transitions[2].cause = None).contains("is a death without a cause"));
        let mut read = Example::load("distributions").model;
        read.observables[0].fate = 2;
        assert!(check_model(&read).unwrap_err().to_string().contains("observable 'beta_a_mean' points at fate 2"));
        (read.observables[0].fate, read.observables[0].value) = (0, FAR);
        assert!(check_model(&read).unwrap_err().to_string().contains("observable 'beta_a_mean' points at node"));
        assert_eq!(said(|_| ()), "");
    }

    #[test]
    fn each_distribution_s_numbers_are_looked_at() {
        let all = [
            DistDocument::Rule { value: FAR },
            DistDocument::Normal { mean: FAR, sd: 0, low: None, high: None },
            DistDocument::Normal { mean: 0, sd: FAR, low: None, high: None },
            DistDocument::Normal { mean: 0, sd: 0, low: Some(FAR), high: None },
            DistDocument::Normal { mean: 0, sd: 0, low: None, high: Some(FAR) },
            DistDocument::Lognormal { median: 0, sigma: FAR },
            DistDocument::Uniform { low: FAR, high: 0 },
            DistDocument::Integers { low: 0, high: FAR },
            DistDocument::Beta { a: FAR, b: 0 },
            DistDocument::Gamma { shape: 0, scale: FAR },
            DistDocument::Exponential { mean: FAR },
            DistDocument::Bernoulli { p: FAR },
        ];
        for dist in all {
            let text = said(|of| of.traits[0].initial = dist.clone());
            assert!(text.contains("trait 'depth' points at node 9999"), "{text} for {dist:?}");
            let text = said(|of| of.transitions[1].set[0].value = dist.clone());
            assert!(text.contains("transition 'arrest' points at node 9999"), "{text} for {dist:?}");
        }
    }

    #[test]
    fn lists_are_as_long_as_they_may_be_and_names_differ() {
        let texts = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(said(|of| of.marks = texts(64)), "");
        assert!(said(|of| of.marks = texts(65)).contains("it has 65 marks"));
        assert_eq!(said(|of| of.causes = texts(LIST_LIMIT)), "");
        assert!(said(|of| of.causes = texts(LIST_LIMIT + 1)).contains("it lists 10001 causes"));
        let clash: [Refused; 10] = [
            ("two fates are named 'cycling'", |of| of.fates[1] = "cycling".into()),
            ("two marks are named", |of| of.marks[1] = of.marks[0].clone()),
            ("two parameters are named", |of| of.params[1].name = of.params[0].name.clone()),
            ("two traits are named", |of| of.traits[1].name = of.traits[0].name.clone()),
            ("two drugs are named", |of| of.drugs[1].name = of.drugs[0].name.clone()),
            ("two pools are named", |of| of.pools.push(of.pools[0].clone())),
            ("two causes are named", |of| of.causes.push(of.causes[0].clone())),
            ("two barriers are named", |of| of.barriers.push(of.barriers[0].clone())),
            ("two transitions are named", |of| of.transitions[1].name = of.transitions[0].name.clone()),
            ("two slow rules are named", |of| {
                let slow = CallbackDocument { name: "called".into(), fates: vec![] };
                of.callbacks = vec![slow.clone(), slow];
            }),
        ];
        for (what, change) in clash {
            assert!(said(change).contains(what), "{} for {what}", said(change));
        }
    }

    #[test]
    fn tables_and_programs_are_as_large_as_they_may_be() {
        let fill = |of: &mut ModelDocument, fates: usize, each: usize| {
            of.fates = (0..fates).map(|i| format!("f{i}")).collect();
            let (model, more) = (of.traits[0].clone(), each - of.traits.len() - of.transitions.len());
            of.traits.extend((0..more).map(|i| TraitDocument { name: format!("t{i}"), ..model.clone() }));
        };
        assert_eq!(said(|of| fill(of, 1000, 1000)), "");
        assert!(said(|of| fill(of, 1000, 1001)).contains("1000 fates with 1001 traits and transitions"));
        let long = |of: &mut ModelDocument, n: u32| {
            let nodes = &mut of.nodes.nodes;
            nodes.resize(n as usize + 1, crate::expr::Node::Const { value: 0.5 });
            let heir = |i| TraitDocument {
                name: format!("t{i}"),
                initial: DistDocument::Column { index: 0 },
                inherit: InheritDocument::Rule { value: n },
                flows: vec![],
            };
            of.traits.extend((0..500).map(heir));
        };
        assert_eq!(said(|of| long(of, 99_990)), "");
        assert!(said(|of| long(of, 100_001)).contains("take too many operations to compile"));
    }

    /// A part of the message, and the change of a run that it refuses.
    type RefusedRun = (&'static str, fn(&mut RunDocument));

    #[test]
    fn an_impossible_run_is_refused() {
        const UNTIL: &str = "until is";
        const OBSERVED: &str = "times of observation must ascend";
        const UNSEEN: &str = "a time of observation lies outside 0 to 150 h";
        const VISITED: &str = "times of visits must ascend";
        const UNVISITED: &str = "a time of a visit lies outside 0 to 150 h";
        let refused: [RefusedRun; 23] = [
            (UNTIL, |run| run.until = 0.0),
            (UNTIL, |run| run.until = f64::INFINITY),
            (UNTIL, |run| run.until = f64::NAN),
            ("the run begins at 150 h", |run| run.begin = 150.0),
            ("the run begins at -1 h", |run| run.begin = -1.0),
            ("sync is 0 h", |run| run.sync = 0.0),
            ("sync is NaN h", |run| run.sync = f64::NAN),
            ("threads is 0; it must lie between 1 and 1024", |run| run.threads = 0),
            ("threads is 1025", |run| run.threads = 1025),
            ("block is 0; it must lie between 1 and 1048576", |run| run.block = 0),
            ("block is 1048577", |run| run.block = 1_048_577),
            (OBSERVED, |run| run.observe = vec![1.0, 1.0]),
            (OBSERVED, |run| run.observe = vec![1.0, f64::NAN]),
            (UNSEEN, |run| run.observe = vec![-1.0]),
            (UNSEEN, |run| run.observe = vec![151.0]),
            (UNSEEN, |run| run.observe = vec![f64::NAN]),
            ("cuts must be finite", |run| run.cuts = vec![f64::NAN]),
            ("cuts must be finite", |run| run.split = Some(f64::INFINITY)),
            (VISITED, |run| run.visits = vec![1.0, 1.0]),
            (VISITED, |run| run.visits = vec![2.0, 1.0]),
            (UNVISITED, |run| run.visits = vec![-1.0]),
            (UNVISITED, |run| run.visits = vec![150.0]),
            (UNVISITED, |run| run.visits = vec![f64::NAN]),
        ];
        let stops = Example::load("stops");
        for (what, change) in refused {
            let said = check_run(&stops.with(change).run).unwrap_err().to_string();
            assert!(said.contains(what), "{said} for {what}");
        }
        let at_the_limits = stops.with(|run| {
            (run.threads, run.block, run.begin) = (1024, 1_048_576, 149.0);
            (run.observe, run.visits) = (vec![0.0, 150.0], vec![0.0, 149.0]);
            (run.cuts, run.split) = (vec![-1.0, 200.0], Some(200.0));
        });
        check_run(&at_the_limits.run).unwrap();
    }
}
