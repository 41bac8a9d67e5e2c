//! Traits that follow targets: which targets are refused, and how closely the others are followed.

use super::MOST_STEPS;
use crate::document::{Aggregation, DistDocument, FlowDocument, InheritDocument, ObservableDocument, TraitDocument};
use crate::error::{Error, FaultKind, RateFault};
use crate::example::Example;
use crate::expr::{Binary, Input, Node, NodeId, Unary};

/// Return the fault of the model with every feature if the flow of a trait is toward a function of (100 - t) * `by`.
fn fault_of(f: Unary, by: f64, change: impl FnOnce(&mut Example, FlowDocument)) -> RateFault {
    let mut example = Example::load("everything");
    let numbers = [100.0, by].map(|value| example.node(Node::Const { value }));
    let time = example.node(Node::Input { input: Input::Time });
    let left = example.node(Node::Binary { f: Binary::Sub, x: numbers[0], y: time });
    let x = example.node(Node::Binary { f: Binary::Mul, x: left, y: numbers[1] });
    let target = example.node(Node::Unary { f, x });
    let flow = FlowDocument { target, ..example.model.traits[4].flows[0].clone() };
    change(&mut example, flow);
    let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
    fault
}

#[test]
fn a_target_that_is_not_finite_is_reported_though_hazards_read_the_trait() {
    for (f, by) in [(Unary::Sqrt, 1.0), (Unary::Exp, -1e4)] {
        let fault = fault_of(f, by, |example, flow| example.model.traits[4].flows[0] = flow);
        assert!((fault.rule.as_str(), fault.kind) == ("flow of damage", FaultKind::Unbounded), "{fault:?}");
        assert!((90.0..101.0).contains(&fault.time), "{fault:?}");
    }
}

#[test]
fn a_target_that_is_not_finite_is_reported_though_only_a_read_out_reads_the_trait() {
    for (f, by, kind) in [(Unary::Sqrt, 1.0, FaultKind::NotANumber), (Unary::Exp, -1e4, FaultKind::Infinite)] {
        let fault = fault_of(f, by, |example, flow| {
            let value = example.node(Node::Input { input: Input::Trait(5) });
            let of = TraitDocument { name: "seen".into(), flows: vec![flow], ..example.model.traits[0].clone() };
            example.model.traits.push(of);
            let read_out = ObservableDocument { value, ..example.model.observables[0].clone() };
            example.model.observables.push(ObservableDocument { name: "seen".into(), ..read_out });
        });
        assert!((fault.rule.as_str(), fault.kind) == ("flow of seen", kind), "{fault:?}");
        assert!((100.0..130.0).contains(&fault.time), "{fault:?}");
    }
}

/// Return a cell to which nothing happens in 96 h, so that its steps are the epochs.
fn undisturbed() -> Example {
    Example::constant(1e-9, 1.0).with(|run| (run.until, run.observe) = (96.0, vec![96.0]))
}

/// Add a trait that is 0 at first and follows a target with time constant `tau` (h). Returns the node that reads it.
fn follower(example: &mut Example, name: &str, target: NodeId, tau: f64) -> NodeId {
    let [start, tau] = [0.0, tau].map(|value| example.node(Node::Const { value }));
    let of = u16::try_from(example.model.traits.len()).unwrap();
    let (name, initial) = (name.into(), DistDocument::Rule { value: start });
    let flows = vec![FlowDocument { fate: None, target, tau }];
    example.model.traits.push(TraitDocument { name, initial, flows, inherit: InheritDocument::Copy });
    example.node(Node::Input { input: Input::Trait(of) })
}

/// Return an observable: the mean of a value over cells of the first fate.
fn mean(value: NodeId) -> Vec<ObservableDocument> {
    vec![ObservableDocument { name: "seen".into(), fate: 0, kind: Aggregation::Mean, value }]
}

#[test]
fn a_target_that_reads_no_clock_is_reported_too() {
    // sqrt(0.5 - x), where x goes from 0 to 1 and is halfway at 34.7 h.
    let mut example = undisturbed();
    let [half, one] = [0.5, 1.0].map(|value| example.node(Node::Const { value }));
    let rising = follower(&mut example, "rising", one, 50.0);
    let left = example.node(Node::Binary { f: Binary::Sub, x: half, y: rising });
    let root = example.node(Node::Unary { f: Unary::Sqrt, x: left });
    let lost = follower(&mut example, "lost", root, 50.0);
    example.model.observables = mean(lost);
    let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
    assert!((fault.rule.as_str(), fault.kind) == ("flow of lost", FaultKind::NotANumber), "{fault:?}");
    assert!((24.0..49.0).contains(&fault.time), "{fault:?}");
}

/// Return what a trait that is 0 at first comes to by 96 h if it follows the target that `target` makes of the time,
/// with epochs of `every` hours.
fn followed(tau: f64, every: f64, target: impl FnOnce(&mut Example, NodeId) -> NodeId) -> f64 {
    let mut example = undisturbed();
    let time = example.node(Node::Input { input: Input::Time });
    let target = target(&mut example, time);
    let seen = follower(&mut example, "seen", target, tau);
    example.model.observables = mean(seen);
    example.run.sync = every;
    example.records().unwrap()[0].observables[0]
}

/// Return 1 + sin(2 pi t / period).
fn waves(example: &mut Example, time: NodeId, period: f64) -> NodeId {
    let speed = 2.0 * std::f64::consts::PI / period;
    let [one, speed] = [1.0, speed].map(|value| example.node(Node::Const { value }));
    let angle = example.node(Node::Binary { f: Binary::Mul, x: time, y: speed });
    let sine = example.node(Node::Unary { f: Unary::Sin, x: angle });
    example.node(Node::Binary { f: Binary::Add, x: one, y: sine })
}

/// Return exp(-((t - centre) / width)^2).
fn bump(example: &mut Example, time: NodeId, centre: f64, width: f64) -> NodeId {
    let [centre, up, down] = [centre, width, -width].map(|value| example.node(Node::Const { value }));
    let from = example.node(Node::Binary { f: Binary::Sub, x: time, y: centre });
    let [up, down] = [up, down].map(|y| example.node(Node::Binary { f: Binary::Div, x: from, y }));
    let x = example.node(Node::Binary { f: Binary::Mul, x: up, y: down });
    example.node(Node::Unary { f: Unary::Exp, x })
}

#[test]
fn a_target_with_a_period_is_followed_whatever_the_step_is() {
    for (period, tau) in [(24.0, 5.0), (24.0, 40.0), (6.0, 1.0), (3.0, 2.0), (1.5, 1.0)] {
        let speed = 2.0 * std::f64::consts::PI / period;
        let (a, z) = (speed * tau, 96.0_f64);
        // x' = (1 + sin(speed t) - x) / tau, x(0) = 0.
        let wave = ((speed * z).sin() - a * (speed * z).cos()) / (1.0 + a * a);
        let exact = 1.0 + wave - (1.0 - a / (1.0 + a * a)) * (-z / tau).exp();
        for every in [24.0, 12.0, 8.0, 10.0, 5.0, 96.0_f64] {
            let found = followed(tau, every, |example, time| waves(example, time, period));
            assert!((found - exact).abs() < 1e-4, "{period} {tau} {every}: {found} {exact}");
        }
    }
}

#[test]
fn what_comes_and_goes_within_a_step_is_seen() {
    // Nothing is there at the ends and in the middle of the long step.
    for centre in [13.0, 27.8, 63.6, 80.1] {
        for (width, tau) in [(4.0, 40.0), (0.5, 40.0), (0.02, 10.0)] {
            let [long, short] = [96.0, 1.0].map(|every| followed(tau, every, |e, time| bump(e, time, centre, width)));
            // The bump's area, what is left of it by the end.
            let exact = width * std::f64::consts::PI.sqrt() / tau * ((centre - 96.0) / tau).exp();
            let exact = exact * (0.5 * width / tau).powi(2).exp();
            for found in [long, short] {
                assert!((found / exact - 1.0).abs() < 2e-4, "{centre} {width}: {found} {exact}");
            }
        }
    }
}

/// Return `1 / width` from `a` to `a + width` on some clock, else 0.
fn window(example: &mut Example, clock: NodeId, a: f64, width: f64) -> NodeId {
    let [start, end, high, none] = [a, a + width, 1.0 / width, 0.0].map(|value| example.node(Node::Const { value }));
    let after = example.node(Node::Binary { f: Binary::Ge, x: clock, y: start });
    let before = example.node(Node::Binary { f: Binary::Lt, x: clock, y: end });
    let c = example.node(Node::Binary { f: Binary::And, x: after, y: before });
    example.node(Node::Where { c, x: high, y: none })
}

#[test]
fn a_target_that_is_switched_by_a_clock_is_followed_from_switch_to_switch() {
    let tau = 10.0_f64;
    for (i, width) in [5.0_f64, 1.0, 1e-2, 1e-4].into_iter().cycle().take(40).enumerate() {
        // Among the beginnings are ends of epochs, 24 and 72 h.
        let a = 20.0 + 1.36 * i as f64 - if i == 3 { 0.08 } else { 0.0 };
        let exact = (((a + width - 96.0) / tau).exp() - ((a - 96.0) / tau).exp()) / width;
        let by_time = followed(tau, 24.0, |example, time| window(example, time, a, width));
        // Nothing happens to the cell, so its age is the time.
        let by_age = followed(tau, 24.0, |example, _| {
            let age = example.node(Node::Input { input: Input::Age });
            window(example, age, a, width)
        });
        // Ages are rounded to single precision, both where the window begins and where it ends.
        let rounded = 2.0 * f64::from(f32::EPSILON) * a / width;
        for (found, slack) in [(by_time, 1e-3), (by_age, 1e-3 + rounded)] {
            assert!((found / exact - 1.0).abs() < slack, "{width} h at {a} h: {found} {exact}");
        }
    }
}

#[test]
fn a_target_whose_range_never_tells_is_followed_all_the_same() {
    // 1 where t / 50 < t / 50, which never holds, else 2.
    for tau in [1.0, 40.0] {
        let found = followed(tau, 24.0, |example, time| {
            let [fifty, one, two] = [50.0, 1.0, 2.0].map(|value| example.node(Node::Const { value }));
            let x = example.node(Node::Binary { f: Binary::Div, x: time, y: fifty });
            let c = example.node(Node::Binary { f: Binary::Lt, x, y: x });
            example.node(Node::Where { c, x: one, y: two })
        });
        let exact = 2.0 * (1.0 - (-96.0_f64 / tau).exp());
        assert!((found - exact).abs() < 1e-3, "{tau}: {found} {exact}");
    }
}

#[test]
fn a_target_that_never_rests_is_refused() {
    let mut example = undisturbed();
    let time = example.node(Node::Input { input: Input::Time });
    let target = waves(&mut example, time, 1e-4);
    let seen = follower(&mut example, "seen", target, 1.0);
    example.model.observables = mean(seen);
    let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
    assert_eq!((fault.rule.as_str(), fault.kind), ("flow of seen", FaultKind::Steps(MOST_STEPS)));
}
