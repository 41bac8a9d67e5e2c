//! How traits move between events: relaxation `x' = (target - x) / tau`.
//!
//! A constant target is followed exactly. A varying one is followed by an exponential integrator: the target is
//! interpolated by a parabola over the step and the linear part is integrated exactly. The step is cut, per cell and
//! from the cell's own values only, where the parabola and the straight line differ by more than `rtol`, or where the
//! target is off the parabola: one that reads the clock may go up and down within a step and be alike at its ends.

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
        for (to, from) in self.first.iter_mut().zip(&lanes.columns) {
            *to = *from;
        }
        let whole = lanes.since;
        let mut error = self.step(fate, lanes, env, &whole, &lanes.now, rtol)?;
        if self.clocked.contains(&true) {
            self.look_between(fate, lanes, env, rtol, &mut error)?;
        }
        let mut parts = [1_u32; LANES];
        for lane in 0..lanes.n {
            // Halving a step cuts the summed error of the straight line fourfold.
            while parts[lane] < MOST_PARTS && f64::from(parts[lane]).powi(2) < error[lane] {
                parts[lane] *= 2;
            }
        }
        let most = parts[..lanes.n].iter().copied().max().unwrap_or(1);
        if most > 1 {
            for i in 0..most {
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
        }
        for (to, from) in lanes.columns.iter_mut().zip(&self.last) {
            *to = *from;
        }
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

    /// Look at the targets that read the clock once more, between the looks of the step from `since` to `now` that was
    /// made: `worst` takes by how much they are off the parabola, in units of the tolerance.
    fn look_between(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Env,
        rtol: f64,
        worst: &mut Times,
    ) -> Result<(), Lost> {
        for share in LOOKS {
            let mut times = lanes.since;
            for (time, now) in times.iter_mut().zip(&lanes.now) {
                *time += share * (now - *time);
            }
            self.between.clone_from(&self.first);
            relax(&fate.flows, &hours_between(&lanes.since, &times), &mut self.between);
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
                    let taken = 1.0 - exp_f64(-(lanes.now[lane] - lanes.since[lane]) / driven.tau);
                    let there = f64::from(self.last[driven.column][lane]).abs();
                    let scale = goals.iter().fold(there.max(1e-12), |most, goal| most.max(goal.abs()));
                    worst[lane] = worst[lane].max(off * taken / (rtol * scale));
                }
            }
        }
        Ok(())
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
    use crate::document::{DistDocument, FlowDocument, Gather, ObservableDocument, TraitDocument};
    use crate::error::{Error, FaultKind, RateFault};
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, Unary};

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

    /// What a trait comes to by 96 h that follows 1 + sin(2 pi t / period), looked at so often.
    fn after_waves(period: f64, tau: f64, every: f64) -> f64 {
        let mut example = Example::kept("closed");
        let numbers = [1.0, 2.0 * std::f64::consts::PI / period, tau];
        let [one, speed, tau] = numbers.map(|value| example.node(Node::Const { value }));
        let time = example.node(Node::Input { input: Input::Time });
        let angle = example.node(Node::Binary { f: Binary::Mul, x: time, y: speed });
        let sine = example.node(Node::Unary { f: Unary::Sin, x: angle });
        let target = example.node(Node::Binary { f: Binary::Add, x: one, y: sine });
        let of = example.model.traits.len();
        let seen = Node::Input { input: Input::Trait(u16::try_from(of).unwrap()) };
        let value = example.node(seen);
        let flow = FlowDocument { fate: None, target, tau };
        let start = example.node(Node::Const { value: 0.0 });
        let initial = DistDocument::Rule { value: start };
        example.model.traits.push(TraitDocument {
            name: "seen".into(),
            initial,
            flows: vec![flow],
            ..example.model.traits[0].clone()
        });
        example.model.observables =
            vec![ObservableDocument { name: "seen".into(), fate: 0, kind: Gather::Mean, value }];
        (example.run.until, example.run.sync, example.run.observe) = (96.0, every, vec![96.0]);
        (example.run.initial, example.run.replicates) = (vec![20, 0], 1);
        example.records().unwrap()[0].observables[0]
    }

    #[test]
    fn a_target_with_a_period_is_followed_whatever_the_step_is() {
        for (period, tau) in [(24.0, 5.0), (24.0, 40.0), (6.0, 1.0), (3.0, 2.0)] {
            let speed = 2.0 * std::f64::consts::PI / period;
            let (a, z) = (speed * tau, 96.0_f64);
            // x' = (1 + sin(speed t) - x) / tau, x(0) = 0.
            let wave = ((speed * z).sin() - a * (speed * z).cos()) / (1.0 + a * a);
            let exact = 1.0 + wave - (1.0 - a / (1.0 + a * a)) * (-z / tau).exp();
            for every in [24.0, 12.0, 8.0, 10.0, 5.0, 96.0] {
                let found = after_waves(period, tau, every);
                assert!((found - exact).abs() < 2e-4, "{period} {tau} {every}: {found} {exact}");
            }
        }
    }
}
