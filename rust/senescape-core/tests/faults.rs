//! Failures of a run are errors with a clear message, and finished replicates are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Case;
use senescape_core::document::{DoseDocument, EventKind};
use senescape_core::error::{Error, FaultKind, RateFault};
use senescape_core::expr::{Binary, Input, Node, NodeId};
use senescape_core::simulation::{Callbacks, Control, Scene};
use std::collections::BTreeMap;

/// Callbacks that return zeros, and panic in one replicate.
struct Panics(u64);

impl Callbacks for Panics {
    fn rule(&self, _: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
        assert!(scene.overview.replicate != self.0, "on purpose");
        Ok(vec![0.0; scene.tables[fate].rows()])
    }

    fn visit(&self, _: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        Ok(None)
    }
}

/// Return a case with one fate, whose only hazard (1/h) is 0.5 for an hour and another from then on.
fn with_rate(after: f64) -> Case {
    let mut case = Case::load("runaway");
    let constants = [after, 0.5, 1.0];
    for (node, value) in case.model.nodes.nodes.iter_mut().zip(constants) {
        *node = Node::Const { value };
    }
    case.model.transitions[0].kind = EventKind::Move;
    case.model.transitions[0].target = Some(0);
    (case.run.initial, case.run.replicates) = (vec![20], 1);
    case
}

/// Add a node for the rules.
fn node(case: &mut Case, node: Node) -> NodeId {
    let nodes = &mut case.model.nodes.nodes;
    nodes.push(node);
    NodeId::try_from(nodes.len() - 1).unwrap()
}

fn fault(case: &Case) -> RateFault {
    match case.job(|_| ()).run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap().error {
        Some(Error::Rate(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hazard_beyond_reason_is_reported_and_one_within_is_not() {
    // 150,000 events of a cell in an epoch of a day are many; a million are a slip of units.
    let job = with_rate(1.5e5 / 24.0).job(|run| (run.until, run.observe) = (24.0, vec![0.0, 24.0]));
    let outcome = job.run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap();
    assert!(outcome.error.is_none() && outcome.records[0].total_events[0] > 2_500_000, "{:?}", outcome.error);
    let fault = fault(&with_rate(1e6));
    assert!(matches!(fault.kind, FaultKind::TooFast(bound) if bound >= 1e6), "{fault:?}");
    assert_eq!((fault.rule.as_str(), fault.fate.as_str()), ("division", "a"));
}

/// Return a case with two fates between which cells go back and forth at a rate (1/h).
fn to_and_fro(rate: f64) -> Case {
    let mut case = with_rate(rate);
    case.model.nodes.nodes[1] = Node::Const { value: rate };
    case.model.fates.push("b".into());
    let mut back = case.model.transitions[0].clone();
    case.model.transitions[0].target = Some(1);
    (back.name, back.source, back.target) = ("back".into(), 1, Some(0));
    case.model.transitions.push(back);
    case.run.initial = vec![20, 0];
    case
}

#[test]
fn cells_that_go_to_and_fro_beyond_reason_are_reported() {
    let job = to_and_fro(2000.0).job(|run| (run.until, run.observe) = (24.0, vec![0.0, 24.0]));
    let outcome = job.run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap();
    assert!(outcome.error.is_none() && outcome.records[0].total_events[0] > 450_000, "{:?}", outcome.error);
    for rate in [1e6, 1e30] {
        let fault = fault(&to_and_fro(rate));
        assert!(matches!(fault.kind, FaultKind::TooFast(found) if found > 1e5), "{fault:?}");
        assert!(fault.time < 1.0 && ["division", "back"].contains(&fault.rule.as_str()), "{fault:?}");
    }
}

#[test]
fn what_is_beyond_reason_is_so_late_in_a_run_too() {
    for (rate, sound) in [(2000.0, true), (5e4, false)] {
        for mut case in [with_rate(rate), to_and_fro(rate)] {
            // Hardly anything happens before the 21st day.
            case.model.nodes.nodes[1] = Node::Const { value: 1e-3 };
            case.model.nodes.nodes[2] = Node::Const { value: 480.0 };
            let job = case.job(|run| (run.until, run.observe) = (486.0, vec![0.0, 486.0]));
            let error = job.run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap().error;
            assert_eq!(error.is_none(), sound, "{error:?}");
            if let Some(Error::Rate(fault)) = error {
                assert!(matches!(fault.kind, FaultKind::TooFast(_)), "{fault:?}");
                assert!((470.0..481.0).contains(&fault.time), "{fault:?}");
            }
        }
    }
}

#[test]
fn a_hazard_that_no_window_is_short_enough_for_is_reported() {
    // The hazard is 0 for two hours, beside another that is often accepted; then it is too large at the end of the
    // shortest window.
    let mut case = with_rate(0.5);
    let [two, zero, steep] = [2.0, 0.0, 1e30].map(|value| node(&mut case, Node::Const { value }));
    let time = node(&mut case, Node::Input { input: Input::Time });
    let past = node(&mut case, Node::Binary { f: Binary::Sub, x: time, y: two });
    let late = node(&mut case, Node::Binary { f: Binary::Max, x: past, y: zero });
    let hazard = node(&mut case, Node::Binary { f: Binary::Mul, x: late, y: steep });
    let mut often = case.model.transitions[0].clone();
    (often.name, often.hazard) = ("often".into(), 0);
    case.model.transitions[0].hazard = hazard;
    case.model.transitions.push(often);
    let fault = fault(&case);
    assert!(matches!(fault.kind, FaultKind::TooFast(bound) if bound > 1e28), "{fault:?}");
    assert!(fault.rule == "division" && (1.0..=2.0).contains(&fault.time), "{fault:?}");
}

#[test]
fn a_negative_hazard_is_reported_where_it_is_met() {
    // A second transition whose hazard falls below zero after an hour, beside a valid one.
    let mut case = with_rate(0.5);
    case.model.nodes.nodes[0] = Node::Const { value: -0.25 };
    let sound = node(&mut case, Node::Const { value: 2.0 });
    let mut first = case.model.transitions[0].clone();
    first.hazard = sound;
    first.name = "sound".into();
    case.model.transitions[0].name = "falling".into();
    case.model.transitions.insert(0, first);
    let fault = fault(&case);
    assert!(matches!(fault.kind, FaultKind::Negative(value) if value == -0.25), "{fault:?}");
    assert_eq!(fault.rule, "falling");
    assert!((1.0..24.0).contains(&fault.time), "{fault:?}");
}

#[test]
fn a_panic_is_an_error_that_names_the_replicate() {
    let case = Case::load("outside");
    for threads in [1, 2] {
        let job = case.job(|run| (run.replicates, run.first_replicate, run.threads) = (8, 0, threads));
        let control = Control::default();
        let outcome = job.run(&control, &Panics(5), &BTreeMap::new()).unwrap();
        let error = outcome.error.unwrap();
        assert!(matches!(error, Error::Internal(_)), "{error:?}");
        assert!(error.to_string().contains("panic in replicate 5: on purpose"), "{error}");
        assert!(outcome.records.len() < 8 && outcome.records.iter().all(|record| record.replicate != 5));
        if threads == 1 {
            assert_eq!(outcome.records.len(), 5);
        }
        // Nothing is left locked or poisoned: the same job runs again.
        let again = job.run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap();
        assert!(again.error.is_none() && again.records.len() == 8);
    }
}
