//! The flows of traits between events: relaxation `x' = (target - x) / tau`.
//!
//! A constant target is followed exactly. A varying one is followed by an exponential integrator: the target is
//! interpolated by a parabola over the step, and the linear part is integrated exactly. Where the parabola and the
//! straight line differ by more than `rtol`, the step is cut, for each cell and from the cell's own values only.
//!
//! A target that reads the clock may go up and down within a step and have the same value at every moment that is read.
//! Its range over the step shows this, so each cell follows such targets in steps of its own length, halved until
//! nothing can hide that would move the trait by more than `rtol`.

mod relaxation;
#[cfg(test)]
mod tests;

use crate::environment::{Environment, Times};
use crate::expr::course::{Deviation, PIECES, StepTrust, deviation_from_parabola, edges, left_by};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::model::{Fate, Flow};
use crate::population::{Boxes, Column, Lanes};
use relaxation::{enclose_driven, enclose_relaxation, follow_half, follow_whole, hours_between, relax};

/// Room in a box for the roundings of a trait that is written back at the end of every epoch, relative to the trait: 64
/// epochs with half a unit in the last place each, and as much again.
pub const ROUNDINGS: f32 = 1e-5;

/// Room for the rounding of a trait that is followed in one step: two units in the last place.
const ONE_STEP: f32 = 2.5e-7;

/// The most parts that an interval is cut into.
const MOST_PARTS: u32 = 256;

/// The least size of a trait beside its target: one that passes zero has no scale of its own.
const GOAL_FLOOR: f64 = 1e-5;

/// The fraction of the tolerance that one step of a target that reads the clock may take, however short it is.
const STEP_FRACTION: f64 = 1.0 / 32.0;

/// A step that is no longer than this (h) is not halved for what may hide in it.
const SHORTEST: f64 = 1e-7;

/// The limit on the steps of a target over one epoch.
const MOST_STEPS: u32 = 20_000;

/// Why a target cannot be followed.
#[derive(Clone, Copy, Debug)]
pub enum FlowFault {
    /// Its value, which is not finite.
    Target(f32),
    /// The number of steps it takes.
    Steps(u32),
}

/// A target that cannot be followed, with its trait and cell.
#[derive(Debug)]
pub struct FlowError {
    /// The trait's column.
    pub column: usize,
    /// The cell.
    pub lane: usize,
    /// What is wrong.
    pub fault: FlowFault,
}

/// The steps that cells take next.
struct Step {
    from: Times,
    to: Times,
    /// True for the cells that are not at the end of their way.
    pending: [bool; LANES],
}

/// Cells on their way, each by steps of its own.
struct Walk {
    /// The time that each cell has reached (h).
    reached: Times,
    /// The length of each cell's next step (h).
    length: Times,
    steps: [u32; LANES],
    trust: [StepTrust; LANES],
}

impl Walk {
    /// Begin the way of some cells, with one step each.
    fn new(lanes: &Lanes) -> Self {
        Self {
            reached: lanes.since,
            length: std::array::from_fn(|lane| lanes.now[lane] - lanes.since[lane]),
            steps: [0; LANES],
            trust: [StepTrust::default(); LANES],
        }
    }

    /// Return the next steps, or nothing if all cells are at the end of their way.
    fn next_step(&self, lanes: &Lanes) -> Option<Step> {
        let mut step = Step { from: lanes.now, to: lanes.now, pending: [false; LANES] };
        for lane in 0..lanes.n {
            if self.reached[lane] < lanes.now[lane] {
                step.pending[lane] = true;
                step.from[lane] = self.reached[lane];
                let end = step.from[lane] + self.length[lane];
                // The last step ends at `now`, so that no sliver of a step is left.
                step.to[lane] = if end + SHORTEST < lanes.now[lane] { end } else { lanes.now[lane] };
            }
        }
        step.pending.contains(&true).then_some(step)
    }

    /// Return whether a cell's step is too long; its next one is then half as long.
    fn refuses(&mut self, lane: usize, off: Deviation) -> bool {
        let refused = self.trust[lane].refuses(off, self.length[lane] <= SHORTEST);
        if refused {
            self.length[lane] *= 0.5;
        }
        refused
    }

    /// Advance a cell by a step on a way of some length (h). Returns the number of its steps so far.
    fn advance(&mut self, lane: usize, (from, to): (f64, f64), way: f64) -> u32 {
        self.reached[lane] = to;
        self.length[lane] = (2.0 * (to - from)).min(self.trust[lane].longest(way));
        self.steps[lane] += 1;
        self.steps[lane]
    }
}

/// The integrator of one fate, with its memory.
pub struct Driver {
    values: Vec<Frame>,
    bounds: Vec<IntervalFrame>,
    first: Vec<Column>,
    middle: Vec<Column>,
    last: Vec<Column>,
    /// The targets at the start, in the middle and at the end of a step.
    goals: Vec<[Column; 3]>,
    /// The targets that read the clock.
    clocked: Vec<usize>,
    /// One cell at the edges of the pieces of a step.
    pieces: Box<Lanes>,
}

impl Driver {
    /// Make the integrator of a fate.
    #[must_use]
    pub fn new(fate: &Fate, columns: usize) -> Self {
        Self {
            values: fate.driven.iter().map(|d| d.target.program.frame()).collect(),
            bounds: fate.driven.iter().map(|d| d.target.program.interval_frame()).collect(),
            first: vec![[0.0; LANES]; columns],
            middle: vec![[0.0; LANES]; columns],
            last: vec![[0.0; LANES]; columns],
            goals: vec![[[0.0; LANES]; 3]; fate.driven.len()],
            clocked: (0..fate.driven.len()).filter(|i| fate.driven[*i].target.reads_clock()).collect(),
            pieces: Box::new(Lanes::new(columns)),
        }
    }

    /// Advance the traits of some cells from `since` to `now`; `since` is then `now`.
    ///
    /// # Errors
    /// The first target that is not finite, or that takes too many steps.
    pub fn advance(&mut self, fate: &Fate, lanes: &mut Lanes, env: &Environment, rtol: f64) -> Result<(), FlowError> {
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

    fn drive(&mut self, fate: &Fate, lanes: &mut Lanes, env: &Environment, rtol: f64) -> Result<(), FlowError> {
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
    fn drive_by_the_clock(
        &mut self,
        fate: &Fate,
        lanes: &mut Lanes,
        env: &Environment,
        rtol: f64,
    ) -> Result<(), FlowError> {
        let mut walk = Walk::new(lanes);
        while let Some(step) = walk.next_step(lanes) {
            let error = self.step(fate, lanes, env, &step.from, &step.to, rtol)?;
            for lane in (0..lanes.n).filter(|lane| step.pending[*lane]) {
                let (from, to, way) = (step.from[lane], step.to[lane], lanes.now[lane] - lanes.since[lane]);
                let allowed = ((to - from) / way).max(STEP_FRACTION);
                let mut off = Deviation { seen: error[lane] / allowed, hidden: 0.0 };
                if off.seen <= 1.0 {
                    let between = self.between(fate, lanes, env, lane, (from, to), rtol)?;
                    off = Deviation { seen: off.seen.max(between.seen / allowed), hidden: between.hidden / allowed };
                }
                if walk.refuses(lane, off) {
                    continue;
                }
                for (first, last) in self.first.iter_mut().zip(&self.last) {
                    first[lane] = last[lane];
                }
                if walk.advance(lane, (from, to), way) > MOST_STEPS {
                    let column = fate.driven[self.clocked[0]].column;
                    return Err(FlowError { column, lane, fault: FlowFault::Steps(MOST_STEPS) });
                }
            }
        }
        for (to, from) in lanes.columns.iter_mut().zip(&self.first) {
            to[..lanes.n].copy_from_slice(&from[..lanes.n]);
        }
        Ok(())
    }

    /// Return how far one cell's targets that read the clock may be off between the moments that a step has read, in
    /// units of the tolerance. A deviation counts by what is left of it at `now`.
    fn between(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Environment,
        lane: usize,
        (from, to): (f64, f64),
        rtol: f64,
    ) -> Result<Deviation, FlowError> {
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
        let mut most = Deviation::default();
        for &i in &self.clocked {
            let (driven, values, ranges) = (&fate.driven[i], &mut self.values[i], &mut self.bounds[i]);
            pieces.fill(&driven.target, &pieces.columns, &times, env, values);
            driven.target.program.course(values, ranges);
            if let Some(target) = values.output(0)[..=PIECES].iter().find(|target| !target.is_finite()) {
                return Err(FlowError { column: driven.column, lane, fault: FlowFault::Target(*target) });
            }
            let left = left_by(lanes.now[lane], driven.tau, &at);
            let off = deviation_from_parabola(values, ranges, 0, |j| left[j + 1] - left[j]);
            let [first, last] = [&self.first, &self.last].map(|all| f64::from(all[driven.column][lane]).abs());
            let goal = self.goals[i].iter().fold(0.0_f64, |most, goal| most.max(f64::from(goal[lane]).abs()));
            let tolerance = rtol * first.max(last).max(GOAL_FLOOR * goal).max(1e-12);
            most.seen = most.seen.max(off.seen / tolerance);
            most.hidden = most.hidden.max(off.hidden / tolerance);
        }
        Ok(most)
    }

    /// Copy the traits at the start of the way to `self.first`.
    fn start(&mut self, lanes: &Lanes) {
        for (to, from) in self.first.iter_mut().zip(&lanes.columns) {
            *to = *from;
        }
    }

    /// Go the whole way to `self.last`, with a number of steps for each cell.
    fn in_parts(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Environment,
        parts: &[u32; LANES],
        rtol: f64,
    ) -> Result<(), FlowError> {
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

    /// Take one step from `self.first` to `self.last`. Returns the difference of parabola and line, in units of the
    /// tolerance.
    fn step(
        &mut self,
        fate: &Fate,
        lanes: &Lanes,
        env: &Environment,
        from: &Times,
        to: &Times,
        rtol: f64,
    ) -> Result<[f64; LANES], FlowError> {
        let mut centre = [0.0; LANES];
        for lane in 0..LANES {
            centre[lane] = from[lane] + 0.5 * (to[lane] - from[lane]);
        }
        // Short steps would lose relaxation in rounding, so each step starts from where all steps began.
        let (start, begun) = if self.clocked.is_empty() { (&self.first, from) } else { (&lanes.columns, &lanes.since) };
        self.middle.clone_from(start);
        relax(&fate.flows, &hours_between(begun, &centre), &mut self.middle);
        self.last.clone_from(start);
        relax(&fate.flows, &hours_between(begun, to), &mut self.last);
        // A short peak of a target that is switched does not show how far the trait goes.
        let by_goals = self.clocked.is_empty();
        let mut worst = [0.0_f64; LANES];
        let mut hours = [0.0_f64; LANES];
        for lane in 0..LANES {
            hours[lane] = to[lane] - from[lane];
        }
        for ((driven, frame), goals) in fate.driven.iter().zip(&mut self.values).zip(&mut self.goals) {
            let mut target = |columns: &[Column], times: &Times| {
                lanes.fill(&driven.target, columns, times, env, frame);
                driven.target.program.values(frame, lanes.n);
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
                    return Err(FlowError { column, lane, fault: FlowFault::Target(target) });
                }
            }
        }
        Ok(worst)
    }

    /// Compute the box that the traits of some cells stay in from `now` to the ends of their windows.
    pub fn enclose(&mut self, fate: &Fate, lanes: &Lanes, boxes: &mut Boxes, env: &Environment) {
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
            driven.target.program.bounds(frame, lanes.n);
            let (low, high) = frame.output(0);
            let column = driven.column;
            let (to_low, to_high) = (&mut boxes.low[column], &mut boxes.high[column]);
            enclose_driven(&lanes.columns[column], low, high, &hours, driven.tau, to_low, to_high);
        }
    }
}
