//! How traits move between events: relaxation `x' = (target - x) / tau`.
//!
//! A constant target is followed exactly. A varying one is followed by an exponential integrator: the target is
//! interpolated by a parabola over the step and the linear part is integrated exactly. The step is cut, per cell and
//! from the cell's own values only, where the parabola and the straight line differ by more than `rtol`, or where the
//! target is off the parabola: one that reads the clock may go up and down within a step and be alike at its ends. Its
//! parts are looked at in the same way, and there are more of them where that tells more.

mod relaxation;

use crate::env::{Env, Times};
use crate::expr::math::exp_f64;
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::lanes::{Boxes, Column, Lanes};
use crate::model::{Fate, Flow};
use relaxation::{enclose_driven, enclose_relaxation, follow_half, follow_whole, hours_between, parabola, relax};

/// Room in a box for the roundings of a trait that is written back at the end of every epoch, relative to its size: 64
/// epochs, half a unit in the last place each, and as much again.
pub const ROUNDINGS: f32 = 1e-5;

/// The same for a trait that is followed in one step: two units.
const ONE_STEP: f32 = 2.5e-7;

/// The most parts that an interval is cut into.
const MOST_PARTS: u32 = 256;

/// Shares of a step at which a target that reads the clock is looked at beside its ends and middle. They lie unevenly:
/// a target with a period would look still to looks that are a whole number of periods apart.
const LOOKS: [f64; 2] = [0.2899, 0.6628];

/// A target that is not finite, and whose.
#[derive(Debug)]
pub struct Lost {
    /// The trait's column.
    pub column: usize,
    /// The cell.
    pub lane: usize,
    /// The target.
    pub target: f32,
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
    /// Which targets read the clock.
    clocked: Vec<bool>,
    between: Vec<Column>,
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
            clocked: fate.driven.iter().map(|d| d.target.reads_clock()).collect(),
            between: vec![[0.0; LANES]; columns],
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
        let (since, now) = (lanes.since, lanes.now);
        let mut error = self.step(fate, lanes, env, &since, &now, rtol)?;
        let off = self.look_between(fate, lanes, env, &since, &now, rtol)?;
        error.iter_mut().zip(off).for_each(|(error, off)| *error = error.max(off));
        let mut parts = [1_u32; LANES];
        for lane in 0..lanes.n {
            // Halving a step cuts the summed error of the straight line fourfold.
            while parts[lane] < MOST_PARTS && f64::from(parts[lane]).powi(2) < error[lane] {
                parts[lane] *= 2;
            }
        }
        while parts[..lanes.n].iter().any(|parts| *parts > 1) {
            let off = self.in_parts(fate, lanes, env, &parts, rtol)?;
            // A target that goes up and down many times within the step hides from the few looks at the whole.
            let mut again = false;
            for lane in 0..lanes.n {
                if off[lane] > 1.0 && (2..MOST_PARTS).contains(&parts[lane]) {
                    (parts[lane], again) = (2 * parts[lane], true);
                }
            }
            if !again {
                break;
            }
        }
        for (to, from) in lanes.columns.iter_mut().zip(&self.last) {
            *to = *from;
        }
        Ok(())
    }

    /// Have the traits at the start of the way in `self.first`.
    fn start(&mut self, lanes: &Lanes) {
        for (to, from) in self.first.iter_mut().zip(&lanes.columns) {
            *to = *from;
        }
    }

    /// The whole way to `self.last`, each cell in as many steps as it is given; by how much targets that read the clock
    /// are off their parabolas, in units of the tolerance.
    fn in_parts(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Env,
        parts: &[u32; LANES],
        rtol: f64,
    ) -> Result<Times, Lost> {
        self.start(lanes);
        let mut sum = [0.0; LANES];
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
            let off = self.look_between(fate, lanes, env, &from, &to, rtol)?;
            sum.iter_mut().zip(off).for_each(|(sum, off)| *sum += off);
            std::mem::swap(&mut self.first, &mut self.last);
        }
        std::mem::swap(&mut self.first, &mut self.last);
        Ok(sum)
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
        self.middle.clone_from(&self.first);
        relax(&fate.flows, &hours_between(from, &centre), &mut self.middle);
        self.last.clone_from(&self.first);
        relax(&fate.flows, &hours_between(from, to), &mut self.last);
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
            follow_whole(first, goals, &hours, driven.tau, rtol, &mut self.last[column], &mut worst);
            if worst.iter().fold(0.0, |most, each| each.max(most)) == f64::INFINITY {
                let infinite = |lane: usize| goals.iter().map(|goal| goal[lane]).find(|goal| !goal.is_finite());
                if let Some((lane, target)) = (0..lanes.n).find_map(|lane| Some((lane, infinite(lane)?))) {
                    return Err(Lost { column, lane, target });
                }
            }
        }
        Ok(worst)
    }

    /// Look at the targets that read the clock once more, between the looks of the step that was made: by how much they
    /// are off the parabola, in units of the tolerance of what is left of it by now.
    fn look_between(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Env,
        from: &Times,
        to: &Times,
        rtol: f64,
    ) -> Result<Times, Lost> {
        let mut most_off = [0.0_f64; LANES];
        if !self.clocked.contains(&true) {
            return Ok(most_off);
        }
        for share in LOOKS {
            let mut times = *from;
            for (time, to) in times.iter_mut().zip(to) {
                *time += share * (to - *time);
            }
            self.between.clone_from(&self.first);
            relax(&fate.flows, &hours_between(from, &times), &mut self.between);
            for driven in &fate.driven {
                let [first, middle, last] = [&self.first, &self.middle, &self.last].map(|all| &all[driven.column]);
                for (lane, x) in self.between[driven.column].iter_mut().enumerate() {
                    *x = parabola([first[lane], middle[lane], last[lane]].map(f64::from), share) as f32;
                }
            }
            let targets = fate.driven.iter().zip(&mut self.values).zip(&self.goals).zip(&self.clocked);
            for (((driven, frame), goals), _) in targets.filter(|(_, clocked)| **clocked) {
                lanes.fill(&driven.target, &self.between, &times, env, frame);
                driven.target.bound.values(frame, lanes.n);
                for lane in 0..lanes.n {
                    let target = frame.output(0)[lane];
                    if !target.is_finite() {
                        return Err(Lost { column: driven.column, lane, target });
                    }
                    let goals = goals.each_ref().map(|goal| f64::from(goal[lane]));
                    let off = (f64::from(target) - parabola(goals, share)).abs();
                    let kept = |time: f64| exp_f64(-(lanes.now[lane] - time) / driven.tau);
                    let taken = kept(to[lane]) - kept(from[lane]);
                    let there = f64::from(self.last[driven.column][lane]).abs();
                    let scale = goals.iter().fold(there.max(1e-12), |most, goal| most.max(goal.abs()));
                    most_off[lane] = most_off[lane].max(off * taken / (rtol * scale));
                }
            }
        }
        Ok(most_off)
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
    use super::{Driver, LANES, LOOKS, Lanes};
    use crate::document::{DistDocument, FlowDocument, Gather, InheritDocument, ObservableDocument, TraitDocument};
    use crate::ensemble::Control;
    use crate::error::{Error, FaultKind, RateFault};
    use crate::example::{Example, founded};
    use crate::expr::{Binary, Input, Node, NodeId, Unary};

    /// What is told of the model with every feature if the flow of a trait is toward a function of (100 - t) * `by`.
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
            // A step has too few parts for more periods than that.
            for every in [24.0, 12.0, 8.0, 10.0, 5.0, 96.0_f64].into_iter().filter(|every| every / period <= 40.0) {
                let found = followed(tau, every, |example, time| waves(example, time, period));
                assert!((found - exact).abs() < 1e-4, "{period} {tau} {every}: {found} {exact}");
            }
        }
    }

    #[test]
    fn what_comes_and_goes_within_a_step_is_seen() {
        // Nothing is there at the ends and in the middle of the long step.
        for centre in LOOKS.map(|share| 96.0 * share) {
            let [long, short] = [96.0, 1.0].map(|every| followed(40.0, every, |e, time| bump(e, time, centre, 4.0)));
            assert!(long > 0.03 && (long / short - 1.0).abs() < 1e-3, "{centre}: {long} {short}");
        }
    }

    #[test]
    fn how_far_a_target_is_off_its_parabola_is_told_in_tolerances() {
        let (tau, rtol, from, to, now) = (7.0, 1e-3, [5.0; LANES], [20.0; LANES], 24.0_f64);
        let mut example = undisturbed();
        let time = example.node(Node::Input { input: Input::Time });
        let target = waves(&mut example, time, 30.0);
        let seen = follower(&mut example, "seen", target, tau);
        example.model.observables = mean(seen);
        let (job, control) = (example.job(), Control::default());
        let worker = founded(&job, &control);
        let (fate, columns) = (&worker.model.fates[0], worker.model.columns.len());
        let (mut lanes, mut driver) = (Lanes::new(columns), Driver::new(fate, columns));
        (lanes.n, lanes.now) = (1, [now; LANES]);
        driver.step(fate, &lanes, &worker.env, &from, &to, rtol).unwrap();
        let told = driver.look_between(fate, &lanes, &worker.env, &from, &to, rtol).unwrap()[0];

        let wave = |t: f64| 1.0 + (2.0 * std::f64::consts::PI * t / 30.0).sin();
        let [first, middle, last] = [5.0, 12.5, 20.0].map(wave);
        let off = LOOKS.map(|u| {
            let parabola =
                first * (1.0 - u) * (1.0 - 2.0 * u) + middle * 4.0 * u * (1.0 - u) + last * u * (2.0 * u - 1.0);
            (wave(5.0 + 15.0 * u) - parabola).abs()
        });
        let left = (-(now - 20.0) / tau).exp() - (-(now - 5.0) / tau).exp();
        let expected = off[0].max(off[1]) * left / (rtol * first.max(middle).max(last));
        assert!((told / expected - 1.0).abs() < 1e-3, "{told} {expected}");
    }
}
