//! How traits move between events: relaxation `x' = (target - x) / tau`.
//!
//! A constant target is followed exactly. A varying one is followed by an exponential integrator: the target is
//! interpolated by a parabola over the step and the linear part is integrated exactly. The step is cut, per cell and
//! from the cell's own values only, where the parabola and the straight line differ by more than `rtol`.
//!
//! A target that reads the clock may go up and down within a step and be alike wherever it is looked at. Its range over
//! the step tells, so such targets are followed in steps of their own length: halved until nothing can hide that would
//! move the trait by more than `rtol`.

mod relaxation;

use crate::environment::env::{Env, Times};
use crate::expr::course::{Off, PIECES, Trust, edges, left_by, off_parabola};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::model::{Fate, Flow};
use crate::population::lanes::{Boxes, Column, Lanes};
use relaxation::{enclose_driven, enclose_relaxation, follow_half, follow_whole, hours_between, relax};

/// Room in a box for the roundings of a trait that is written back at the end of every epoch, relative to its size: 64
/// epochs, half a unit in the last place each, and as much again.
pub const ROUNDINGS: f32 = 1e-5;

/// The same for a trait that is followed in one step: two units.
const ONE_STEP: f32 = 2.5e-7;

/// The most parts that an interval is cut into.
const MOST_PARTS: u32 = 256;

/// The share of the tolerance that one step of a target that reads the clock may take, however short it is.
const STEP_SHARE: f64 = 1.0 / 32.0;

/// A step that is no longer than this (h) is not halved: what hides in it is over at once.
const SHORTEST: f64 = 1e-7;

/// Steps over one epoch after which a target is taken for one that cannot be followed.
const MOST_STEPS: u32 = 20_000;

/// Why a target cannot be followed.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// It is this, which is not finite.
    Target(f32),
    /// It takes this many steps.
    Steps(u32),
}

/// A target that cannot be followed, and whose.
#[derive(Debug)]
pub struct Lost {
    /// The trait's column.
    pub column: usize,
    /// The cell.
    pub lane: usize,
    /// What is wrong.
    pub cause: Cause,
}

/// Scratch of the integrator for one fate.
pub struct Driver {
    values: Vec<Frame>,
    bounds: Vec<IntervalFrame>,
    first: Vec<Column>,
    middle: Vec<Column>,
    last: Vec<Column>,
    /// What the targets were at the start, in the middle and at the end of a step.
    goals: Vec<[Column; 3]>,
    /// The targets that read the clock.
    clocked: Vec<usize>,
    /// One cell at the edges of the pieces of a step.
    pieces: Box<Lanes>,
}

impl Driver {
    /// Scratch for the driven traits of a fate.
    #[must_use]
    pub fn new(fate: &Fate, columns: usize) -> Self {
        Self {
            values: fate.driven.iter().map(|d| d.target.bound.frame()).collect(),
            bounds: fate.driven.iter().map(|d| d.target.bound.interval_frame()).collect(),
            first: vec![[0.0; LANES]; columns],
            middle: vec![[0.0; LANES]; columns],
            last: vec![[0.0; LANES]; columns],
            goals: vec![[[0.0; LANES]; 3]; fate.driven.len()],
            clocked: (0..fate.driven.len()).filter(|i| fate.driven[*i].target.reads_clock()).collect(),
            pieces: Box::new(Lanes::new(columns)),
        }
    }

    /// Carry the traits of some cells from `since` to `now`; `since` is then `now`.
    ///
    /// # Errors
    /// The first target that is not finite.
    pub fn advance(&mut self, fate: &Fate, lanes: &mut Lanes, env: &Env, rtol: f64) -> Result<(), Lost> {
        if lanes.since == lanes.now {
            return Ok(());
        }
        if fate.driven.is_empty() {
            relax(&fate.flows, &hours_between(&lanes.since, &lanes.now), &mut lanes.columns);
        } else {
            self.drive(fate, lanes, env, rtol)?;
        }
        lanes.since = lanes.now;
        Ok(())
    }

    fn drive(&mut self, fate: &Fate, lanes: &mut Lanes, env: &Env, rtol: f64) -> Result<(), Lost> {
        self.start(lanes);
        if !self.clocked.is_empty() {
            return self.drive_by_the_clock(fate, lanes, env, rtol);
        }
        let (since, now) = (lanes.since, lanes.now);
        let error = self.step(fate, lanes, env, &since, &now, rtol)?;
        let mut parts = [1_u32; LANES];
        for lane in 0..lanes.n {
            // Halving a step cuts the summed error of the straight line fourfold.
            while parts[lane] < MOST_PARTS && f64::from(parts[lane]).powi(2) < error[lane] {
                parts[lane] *= 2;
            }
        }
        if parts[..lanes.n].iter().any(|parts| *parts > 1) {
            self.in_parts(fate, lanes, env, &parts, rtol)?;
        }
        for (to, from) in lanes.columns.iter_mut().zip(&self.last) {
            *to = *from;
        }
        Ok(())
    }

    /// Follow targets that read the clock, each cell by steps of its own.
    fn drive_by_the_clock(&mut self, fate: &Fate, lanes: &mut Lanes, env: &Env, rtol: f64) -> Result<(), Lost> {
        let mut reached = lanes.since;
        let mut length: Times = std::array::from_fn(|lane| lanes.now[lane] - lanes.since[lane]);
        let (mut steps, mut trust) = ([0_u32; LANES], [Trust::default(); LANES]);
        loop {
            let (mut from, mut to) = (lanes.now, lanes.now);
            let mut on_its_way = [false; LANES];
            for lane in 0..lanes.n {
                if reached[lane] < lanes.now[lane] {
                    on_its_way[lane] = true;
                    from[lane] = reached[lane];
                    let end = from[lane] + length[lane];
                    // No last sliver of a step.
                    to[lane] = if end + SHORTEST < lanes.now[lane] { end } else { lanes.now[lane] };
                }
            }
            if !on_its_way.contains(&true) {
                break;
            }
            let error = self.step(fate, lanes, env, &from, &to, rtol)?;
            for lane in (0..lanes.n).filter(|lane| on_its_way[*lane]) {
                let (step, way) = (to[lane] - from[lane], lanes.now[lane] - lanes.since[lane]);
                let allowed = (step / way).max(STEP_SHARE);
                let mut off = Off { seen: error[lane] / allowed, hidden: 0.0 };
                if off.seen <= 1.0 {
                    let between = self.between(fate, lanes, env, lane, (from[lane], to[lane]), rtol)?;
                    off = Off { seen: off.seen.max(between.seen / allowed), hidden: between.hidden / allowed };
                }
                if trust[lane].refuses(off, length[lane] <= SHORTEST) {
                    length[lane] *= 0.5;
                    continue;
                }
                for (first, last) in self.first.iter_mut().zip(&self.last) {
                    first[lane] = last[lane];
                }
                (reached[lane], length[lane]) = (to[lane], (2.0 * step).min(trust[lane].longest(way)));
                steps[lane] += 1;
                if steps[lane] > MOST_STEPS {
                    let column = fate.driven[self.clocked[0]].column;
                    return Err(Lost { column, lane, cause: Cause::Steps(MOST_STEPS) });
                }
            }
        }
        for (to, from) in lanes.columns.iter_mut().zip(&self.first) {
            to[..lanes.n].copy_from_slice(&from[..lanes.n]);
        }
        Ok(())
    }

    /// How far one cell's targets that read the clock may be off between the looks of a step that was made, in units of the
    /// tolerance of what is left of it by now.
    fn between(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Env,
        lane: usize,
        (from, to): (f64, f64),
        rtol: f64,
    ) -> Result<Off, Lost> {
        let at = edges(from, to);
        let mut times = [to; LANES];
        times[..=PIECES].copy_from_slice(&at);
        let pieces = &mut *self.pieces;
        pieces.n = PIECES + 1;
        pieces.entered = [lanes.entered[lane]; LANES];
        pieces.marks = [lanes.marks[lane]; LANES];
        for (column, first) in pieces.columns.iter_mut().zip(&self.first) {
            *column = [first[lane]; LANES];
        }
        let mut most = Off::default();
        for &i in &self.clocked {
            let (driven, values, ranges) = (&fate.driven[i], &mut self.values[i], &mut self.bounds[i]);
            pieces.fill(&driven.target, &pieces.columns, &times, env, values);
            driven.target.bound.course(values, ranges);
            if let Some(target) = values.output(0)[..=PIECES].iter().find(|target| !target.is_finite()) {
                return Err(Lost { column: driven.column, lane, cause: Cause::Target(*target) });
            }
            let left = left_by(lanes.now[lane], driven.tau, &at);
            let off = off_parabola(values, ranges, 0, |j| left[j + 1] - left[j]);
            let [first, last] = [&self.first, &self.last].map(|all| f64::from(all[driven.column][lane]).abs());
            let tolerance = rtol * first.max(last).max(1e-12);
            most.seen = most.seen.max(off.seen / tolerance);
            most.hidden = most.hidden.max(off.hidden / tolerance);
        }
        Ok(most)
    }

    /// Have the traits at the start of the way in `self.first`.
    fn start(&mut self, lanes: &Lanes) {
        for (to, from) in self.first.iter_mut().zip(&lanes.columns) {
            *to = *from;
        }
    }

    /// Go the whole way to `self.last`, each cell in as many steps as it is given.
    fn in_parts(&mut self, fate: &Fate, lanes: &Lanes, env: &Env, parts: &[u32; LANES], rtol: f64) -> Result<(), Lost> {
        self.start(lanes);
        for i in 0..parts[..lanes.n].iter().copied().max().unwrap_or(1) {
            let mut from = lanes.now;
            let mut to = lanes.now;
            for lane in 0..lanes.n {
                let length = lanes.now[lane] - lanes.since[lane];
                let edge = |i: u32| lanes.since[lane] + length * (f64::from(i) / f64::from(parts[lane]));
                if i < parts[lane] {
                    from[lane] = edge(i);
                    to[lane] = if i + 1 == parts[lane] { lanes.now[lane] } else { edge(i + 1) };
                }
            }
            self.step(fate, lanes, env, &from, &to, rtol)?;
            std::mem::swap(&mut self.first, &mut self.last);
        }
        std::mem::swap(&mut self.first, &mut self.last);
        Ok(())
    }

    /// One step from `self.first` to `self.last`; the difference of parabola and line, in units of the tolerance.
    fn step(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Env,
        from: &Times,
        to: &Times,
        rtol: f64,
    ) -> Result<[f64; LANES], Lost> {
        let mut centre = [0.0; LANES];
        for lane in 0..LANES {
            centre[lane] = from[lane] + 0.5 * (to[lane] - from[lane]);
        }
        // Steps may be so short that one alone would be lost in rounding: those of many lengths go on from where all began.
        let (start, begun) = if self.clocked.is_empty() { (&self.first, from) } else { (&lanes.columns, &lanes.since) };
        self.middle.clone_from(start);
        relax(&fate.flows, &hours_between(begun, &centre), &mut self.middle);
        self.last.clone_from(start);
        relax(&fate.flows, &hours_between(begun, to), &mut self.last);
        // A short peak of a target that is switched says nothing of how far the trait goes.
        let by_goals = self.clocked.is_empty();
        let mut worst = [0.0_f64; LANES];
        let mut hours = [0.0_f64; LANES];
        for lane in 0..LANES {
            hours[lane] = to[lane] - from[lane];
        }
        for ((driven, frame), goals) in fate.driven.iter().zip(&mut self.values).zip(&mut self.goals) {
            let mut target = |columns: &[Column], times: &Times| {
                lanes.fill(&driven.target, columns, times, env, frame);
                driven.target.bound.values(frame, lanes.n);
                *frame.output(0)
            };
            *goals = [target(&self.first, from), target(&self.middle, &centre), target(&self.last, to)];
            let column = driven.column;
            let goals = goals.each_ref();
            let first = &self.first[column];
            follow_half(first, goals, &hours, driven.tau, &mut self.middle[column]);
            follow_whole(first, goals, &hours, driven.tau, rtol, by_goals, &mut self.last[column], &mut worst);
            if worst.iter().fold(0.0, |most, each| each.max(most)) == f64::INFINITY {
                let infinite = |lane: usize| goals.iter().map(|goal| goal[lane]).find(|goal| !goal.is_finite());
                if let Some((lane, target)) = (0..lanes.n).find_map(|lane| Some((lane, infinite(lane)?))) {
                    return Err(Lost { column, lane, cause: Cause::Target(target) });
                }
            }
        }
        Ok(worst)
    }

    /// The box that the traits of some cells stay in from `now` to the ends of their windows.
    pub fn enclose(&mut self, fate: &Fate, lanes: &Lanes, boxes: &mut Boxes, env: &Env) {
        let hours = hours_between(&lanes.now, &boxes.end);
        let room = if fate.driven.is_empty() { ONE_STEP } else { ROUNDINGS };
        for (column, flow) in fate.flows.iter().enumerate() {
            let x = &lanes.columns[column];
            match *flow {
                Flow::Hold | Flow::Driven => {}
                Flow::Relax { target, tau } => {
                    let (low, high) = (&mut boxes.low[column], &mut boxes.high[column]);
                    enclose_relaxation(x, &hours, (target, tau), room, low, high);
                }
            }
        }
        for (driven, frame) in fate.driven.iter().zip(&mut self.bounds) {
            boxes.fill(&driven.target, &fate.flows, lanes, env, frame);
            driven.target.bound.bounds(frame, lanes.n);
            let (low, high) = frame.output(0);
            let column = driven.column;
            let (to_low, to_high) = (&mut boxes.low[column], &mut boxes.high[column]);
            enclose_driven(&lanes.columns[column], low, high, &hours, driven.tau, to_low, to_high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MOST_STEPS;
    use crate::document::{DistDocument, FlowDocument, Gather, InheritDocument, ObservableDocument, TraitDocument};
    use crate::error::{Error, FaultKind, RateFault};
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, NodeId, Unary};

    /// The fault of the model with every feature if the flow of a trait is toward a function of (100 - t) * `by`.
    fn told(f: Unary, by: f64, change: impl FnOnce(&mut Example, FlowDocument)) -> RateFault {
        let mut example = Example::kept("everything");
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
    fn a_target_that_is_not_finite_is_told_though_hazards_read_the_trait() {
        for (f, by) in [(Unary::Sqrt, 1.0), (Unary::Exp, -1e4)] {
            let fault = told(f, by, |example, flow| example.model.traits[4].flows[0] = flow);
            assert!((fault.rule.as_str(), fault.kind) == ("flow of damage", FaultKind::Unbounded), "{fault:?}");
            assert!((90.0..101.0).contains(&fault.time), "{fault:?}");
        }
    }

    #[test]
    fn a_target_that_is_not_finite_is_told_though_only_a_read_out_reads_the_trait() {
        for (f, by, kind) in [(Unary::Sqrt, 1.0, FaultKind::NotANumber), (Unary::Exp, -1e4, FaultKind::Infinite)] {
            let fault = told(f, by, |example, flow| {
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

    /// A cell to which nothing happens in 96 h, so that its steps are the epochs.
    fn undisturbed() -> Example {
        Example::constant(1e-9, 1.0).with(|run| (run.until, run.observe) = (96.0, vec![96.0]))
    }

    /// Add a trait that is 0 at first and follows a target, hours `tau` behind; the node that reads it.
    fn follower(example: &mut Example, name: &str, target: NodeId, tau: f64) -> NodeId {
        let [start, tau] = [0.0, tau].map(|value| example.node(Node::Const { value }));
        let of = u16::try_from(example.model.traits.len()).unwrap();
        let (name, initial) = (name.into(), DistDocument::Rule { value: start });
        let flows = vec![FlowDocument { fate: None, target, tau }];
        example.model.traits.push(TraitDocument { name, initial, flows, inherit: InheritDocument::Copy });
        example.node(Node::Input { input: Input::Trait(of) })
    }

    /// The mean of a value over cells of the first fate, as what is read out.
    fn mean(value: NodeId) -> Vec<ObservableDocument> {
        vec![ObservableDocument { name: "seen".into(), fate: 0, kind: Gather::Mean, value }]
    }

    #[test]
    fn a_target_that_reads_no_clock_is_told_too() {
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

    /// What a trait that is 0 at first comes to by 96 h if it follows what `target` makes of the time, looked at so often.
    fn followed(tau: f64, every: f64, target: impl FnOnce(&mut Example, NodeId) -> NodeId) -> f64 {
        let mut example = undisturbed();
        let time = example.node(Node::Input { input: Input::Time });
        let target = target(&mut example, time);
        let seen = follower(&mut example, "seen", target, tau);
        example.model.observables = mean(seen);
        example.run.sync = every;
        example.records().unwrap()[0].observables[0]
    }

    /// 1 + sin(2 pi t / period).
    fn waves(example: &mut Example, time: NodeId, period: f64) -> NodeId {
        let speed = 2.0 * std::f64::consts::PI / period;
        let [one, speed] = [1.0, speed].map(|value| example.node(Node::Const { value }));
        let angle = example.node(Node::Binary { f: Binary::Mul, x: time, y: speed });
        let sine = example.node(Node::Unary { f: Unary::Sin, x: angle });
        example.node(Node::Binary { f: Binary::Add, x: one, y: sine })
    }

    /// exp(-((t - centre) / width)^2).
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
                let [long, short] =
                    [96.0, 1.0].map(|every| followed(tau, every, |e, time| bump(e, time, centre, width)));
                // The bump's area, what is left of it by the end.
                let exact = width * std::f64::consts::PI.sqrt() / tau * ((centre - 96.0) / tau).exp();
                let exact = exact * (0.5 * width / tau).powi(2).exp();
                for found in [long, short] {
                    assert!((found / exact - 1.0).abs() < 2e-4, "{centre} {width}: {found} {exact}");
                }
            }
        }
    }

    /// `1 / width` from `a` to `a + width` on some clock, else 0.
    fn window(example: &mut Example, clock: NodeId, a: f64, width: f64) -> NodeId {
        let [start, end, high, none] =
            [a, a + width, 1.0 / width, 0.0].map(|value| example.node(Node::Const { value }));
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
    fn a_target_that_never_rests_is_refused() {
        let mut example = undisturbed();
        let time = example.node(Node::Input { input: Input::Time });
        let target = waves(&mut example, time, 1e-4);
        let seen = follower(&mut example, "seen", target, 1.0);
        example.model.observables = mean(seen);
        let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
        assert_eq!((fault.rule.as_str(), fault.kind), ("flow of seen", FaultKind::Steps(MOST_STEPS)));
    }
}
