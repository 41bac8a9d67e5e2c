//! How traits move between events: relaxation `x' = (target - x) / tau`.
//!
//! A constant target is followed exactly. A varying one is followed by an exponential integrator: the target is
//! interpolated by a parabola over the step and the linear part is integrated exactly. The step is cut, per cell and
//! from the cell's own values only, where the parabola and the straight line differ by more than `rtol`.

use crate::env::{Env, Times};
use crate::expr::math::{exp_f32, exp_f64};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::expr::{Level, at_level};
use crate::lanes::{Boxes, Column, Lanes};
use crate::model::{Fate, Flow};

/// Room in a box for the roundings of a trait that is written back at the end of every epoch, relative to its size: 64
/// epochs, half a unit in the last place each, and as much again.
pub const ROUNDINGS: f32 = 1e-5;

/// The same for a trait that is followed in one step: two units.
const ONE_STEP: f32 = 2.5e-7;

/// The most parts that an interval is cut into.
const MOST_PARTS: u32 = 256;

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
        let error = self.step(fate, lanes, env, &whole, &lanes.now, rtol)?;
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
        for (driven, frame) in fate.driven.iter().zip(&mut self.values) {
            let mut target = |columns: &[Column], times: &Times| {
                lanes.fill(&driven.target, columns, times, env, frame);
                driven.target.bound.values(frame, lanes.n);
                *frame.output(0)
            };
            let start = target(&self.first, from);
            let half = target(&self.middle, &centre);
            let end = target(&self.last, to);
            let column = driven.column;
            let goals = [&start, &half, &end];
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

fn hours_between(from: &Times, to: &Times) -> Column {
    let mut hours = [0.0; LANES];
    for lane in 0..LANES {
        hours[lane] = (to[lane] - from[lane]) as f32;
    }
    hours
}

fn relax(flows: &[Flow], hours: &Column, columns: &mut [Column]) {
    for (flow, column) in flows.iter().zip(columns) {
        if let Flow::Relax { target, tau } = *flow {
            relax_column(column, hours, target, tau);
        }
    }
}

fn relax_column(column: &mut Column, hours: &Column, target: f32, tau: f32) {
    at_level!(Level::best(), relax_body(column: &mut Column, hours: &Column, target: f32, tau: f32));
}

#[inline(always)]
fn relax_body(column: &mut Column, hours: &Column, target: f32, tau: f32) {
    let rate = -1.0 / tau;
    for (x, h) in column.iter_mut().zip(hours) {
        *x = toward(*x, target, h * rate);
    }
}

fn enclose_relaxation(x: &Column, hours: &Column, flow: (f32, f32), room: f32, low: &mut Column, high: &mut Column) {
    at_level!(
        Level::best(),
        enclose_body(x: &Column, hours: &Column, flow: (f32, f32), room: f32, low: &mut Column, high: &mut Column)
    );
}

#[inline(always)]
fn enclose_body(x: &Column, hours: &Column, flow: (f32, f32), room: f32, low: &mut Column, high: &mut Column) {
    let (target, tau) = flow;
    let rate = -1.0 / tau;
    for (((x, h), low), high) in x.iter().zip(hours).zip(low).zip(high) {
        let end = toward(*x, target, h * rate);
        // The exponential may be off by two units in the last place, either way; the sum is rounded to one of its own.
        let slack = 1e-6 * (x - target).abs() + room * x.abs().max(target.abs());
        *low = (x.min(end) - slack).max(x.min(target));
        *high = (x.max(end) + slack).min(x.max(target));
    }
}

/// `target + (x - target) exp(exponent)`, kept between `x` and the target where rounding would step over.
#[inline(always)]
fn toward(x: f32, target: f32, exponent: f32) -> f32 {
    (target + (x - target) * exp_f32(exponent)).max(x.min(target)).min(x.max(target))
}

/// Follow targets over the first half of a step.
fn follow_half(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column) {
    at_level!(
        Level::best(),
        follow_half_body(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column)
    );
}

#[inline(always)]
fn follow_half_body(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column) {
    for lane in 0..LANES {
        let goals = goals.map(|goal| f64::from(goal[lane]));
        to[lane] = follow(f64::from(x[lane]), goals, 0.5, 0.5 * (hours[lane] / tau)).0 as f32;
    }
}

/// Follow targets over a step; `worst` takes the difference of parabola and line, in units of the tolerance.
fn follow_whole(
    x: &Column,
    goals: [&Column; 3],
    hours: &Times,
    tau: f64,
    rtol: f64,
    to: &mut Column,
    worst: &mut Times,
) {
    at_level!(
        Level::best(),
        follow_whole_body(
            x: &Column,
            goals: [&Column; 3],
            hours: &Times,
            tau: f64,
            rtol: f64,
            to: &mut Column,
            worst: &mut Times
        )
    );
}

#[inline(always)]
fn follow_whole_body(
    x: &Column,
    goals: [&Column; 3],
    hours: &Times,
    tau: f64,
    rtol: f64,
    to: &mut Column,
    worst: &mut Times,
) {
    for lane in 0..LANES {
        let x = f64::from(x[lane]);
        let [g0, g1, g2] = goals.map(|goal| f64::from(goal[lane]));
        let (next, difference) = follow(x, [g0, g1, g2], 1.0, hours[lane] / tau);
        to[lane] = next as f32;
        // Relative to the trait and to where it goes: a trait that starts at 0 has no scale of its own.
        let scale = x.abs().max(next.abs()).max(1e-12).max(g0.abs()).max(g1.abs()).max(g2.abs());
        let error = difference / (rtol * scale);
        // Where a target is not finite, this is not a number, or infinite.
        worst[lane] = worst[lane].max(if error.is_nan() { f64::INFINITY } else { error });
    }
}

/// The box of traits that follow targets of a known range for some hours.
fn enclose_driven(
    x: &Column,
    low: &Column,
    high: &Column,
    hours: &Column,
    tau: f64,
    to_low: &mut Column,
    to_high: &mut Column,
) {
    at_level!(
        Level::best(),
        enclose_driven_body(
            x: &Column,
            low: &Column,
            high: &Column,
            hours: &Column,
            tau: f64,
            to_low: &mut Column,
            to_high: &mut Column
        )
    );
}

#[inline(always)]
fn enclose_driven_body(
    x: &Column,
    low: &Column,
    high: &Column,
    hours: &Column,
    tau: f64,
    to_low: &mut Column,
    to_high: &mut Column,
) {
    for lane in 0..LANES {
        let (x, low, high) = (x[lane], low[lane], high[lane]);
        // x moves at most this share of the way to the ends of the target's range.
        let share = ((1.0 - exp_f64(-(f64::from(hours[lane]) / tau))) as f32 * 1.000_01).min(1.0);
        let slack = ROUNDINGS * (x.abs() + low.abs().max(high.abs()));
        let down = (x + share * (low - x).min(0.0) - slack).max(x.min(low));
        let up = (x + share * (high - x).max(0.0) + slack).min(x.max(high));
        // Without a finite range, hand the fact on, so that a rule that reads the trait reports it.
        let known = (low.abs() < f32::INFINITY) & (high.abs() < f32::INFINITY);
        to_low[lane] = if known { down } else { f32::NEG_INFINITY };
        to_high[lane] = if known { up } else { f32::INFINITY };
    }
}

/// The value after relaxation for `z` time constants toward the parabola through three goals (at 0, 1/2 and 1 of the
/// step), of which the share `part` is run through; and by how much a straight line would differ.
#[inline(always)]
fn follow(x: f64, [g0, g1, g2]: [f64; 3], part: f64, z: f64) -> (f64, f64) {
    let (c1, c2) = (part * (-3.0 * g0 + 4.0 * g1 - g2), part * part * (2.0 * g0 - 4.0 * g1 + 2.0 * g2));
    let (m0, m1, m2) = moments(z);
    let next = x + m0 * (g0 - x) + c1 * m1 + c2 * m2;
    // The exact path stays within this share of the way to the goals; so must the approximate one, for the bounds.
    let (low, high) = (g0.min(g1).min(g2) - x, g0.max(g1).max(g2) - x);
    let next = next.max(x + m0 * low.min(0.0)).min(x + m0 * high.max(0.0));
    (next, (c2 * (m2 - m1)).abs())
}

/// `z * integral of s^k exp(-z (1 - s))` over s in [0, 1], for k = 0, 1, 2. Written without a branch, for vector code.
#[inline(always)]
fn moments(z: f64) -> (f64, f64, f64) {
    // Near 0 the formulas cancel; there the series do.
    let small = z < 0.05;
    let s1 = z * (0.5 - z * (1.0 / 6.0 - z * (1.0 / 24.0 - z * (1.0 / 120.0 - z / 720.0))));
    let s2 = z * (1.0 / 3.0 - z * (1.0 / 12.0 - z * (1.0 / 60.0 - z * (1.0 / 360.0 - z / 2520.0))));
    let f0 = 1.0 - exp_f64(-z);
    let f1 = 1.0 - f0 / z;
    let f2 = 1.0 - 2.0 * f1 / z;
    (if small { z * (1.0 - s1) } else { f0 }, if small { s1 } else { f1 }, if small { s2 } else { f2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{FlowDocument, ObservableDocument, TraitDocument};
    use crate::error::{Error, FaultKind, RateFault};
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, Unary};

    #[test]
    fn moments_join_smoothly_and_match_their_integrals() {
        for z in [1e-9, 1e-3, 0.049_999, 0.05, 0.7, 5.0, 60.0] {
            let (m0, m1, m2) = moments(z);
            let n = 20_000;
            let mut sums = [0.0; 3];
            for i in 0..n {
                let s = (f64::from(i) + 0.5) / f64::from(n);
                let w = z * (-z * (1.0 - s)).exp() / f64::from(n);
                sums[0] += w;
                sums[1] += w * s;
                sums[2] += w * s * s;
            }
            for (m, sum) in [m0, m1, m2].into_iter().zip(sums) {
                assert!((m - sum).abs() < 1e-6 * z.min(1.0) + 2e-6 * sum, "{z}: {m} {sum}");
            }
        }
    }

    #[test]
    fn a_parabolic_target_is_followed_exactly() {
        // x' = (g - x)/tau with g = 1 + 2 s + 3 s^2, tau = 1/z, on s in [0, 1].
        let (x0, z) = (0.3, 1.7);
        let g = |s: f64| 1.0 + 2.0 * s + 3.0 * s * s;
        let mut x = x0;
        let n = 100_000;
        for i in 0..n {
            let s = f64::from(i) / f64::from(n);
            let h = 1.0 / f64::from(n);
            let k1 = z * (g(s) - x);
            let k2 = z * (g(s + h) - (x + h * k1));
            x += 0.5 * h * (k1 + k2);
        }
        let (next, _) = follow(x0, [g(0.0), g(0.5), g(1.0)], 1.0, z);
        assert!((next - x).abs() < 1e-8, "{next} {x}");
    }

    #[test]
    fn a_trait_stays_between_where_it_is_and_where_its_target_has_been() {
        // The parabola through these goals runs past them; the bounds allow for the share of the way to them.
        let (goals, z) = ([0.0, 1.0, 1.0], 4.0);
        for side in [1.0, -1.0] {
            let next = |x: f64| side * follow(side * x, goals.map(|g| side * g), 1.0, z).0;
            assert_eq!([next(0.0), next(1.0)], [moments(z).0, 1.0]);
        }
    }

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
}
