//! Fates drawn by thinning: bounds over windows, candidates, acceptance.
//!
//! A cell sleeps until its threshold, in units of integrated bound, is used up (a candidate) or its bound ends. At a
//! candidate the true hazards decide whether anything happens. If nothing does, the cell sleeps on under the same bound
//! with a new threshold, unless the bound proved loose. Whenever a bound ends, a new one is computed by interval
//! evaluation of the same rules over the box that the cell and its environment stay in until the window's end.
//! Which windows a cell takes follows from its own history only: longer ones after a quiet window, shorter ones after a
//! candidate that came to nothing. So nothing a cell does depends on which cells lie beside it.

use crate::choice::{Choices, DOUBTFUL, UNBOUND, add_bounds};
use crate::document::Kind;
use crate::env::FINEST;
use crate::error::{Error, FaultKind};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::flow::Driver;
use crate::lanes::{Boxes, Lanes};
use crate::model::Fate;
use crate::replicate::Worker;
use serde::{Deserialize, Serialize};

/// Candidates of one cell within one epoch after which its hazard is taken for a slip of units.
const ROUND_LIMIT: u32 = 200_000;

/// Counts of what the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Epochs begun.
    pub epochs: u64,
    /// Bounds computed.
    pub bounds: u64,
    /// Thresholds used up.
    pub candidates: u64,
    /// Candidates that became events.
    pub accepted: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.bounds += other.bounds;
        self.candidates += other.candidates;
        self.accepted += other.accepted;
    }
}

/// Where the hazard is a smaller share of its bound at a candidate that came to nothing, windows get shorter.
const SLACK: f64 = 0.5;

/// Where it is a smaller share even than this, the bound is computed anew at once.
const LOOSE: f64 = 0.3;

/// A window with fewer candidates to be expected was far too short.
const FEW: f64 = 0.25;

/// The highest level of windows where traits are written back every epoch: see [`crate::flow::ROUNDINGS`].
const WRITTEN_BACK: i8 = 6;

/// Scratch for the cells of one fate.
pub struct FateScratch {
    pub(crate) driver: Driver,
    values: Frame,
    bounds: IntervalFrame,
    boxes: Boxes,
    /// The sum of constant hazards.
    total: Option<f64>,
    queues: Queues,
}

/// Rows of a block that wait to be looked at.
#[derive(Default)]
struct Queues {
    /// Awake before the epoch's end.
    due: Vec<u32>,
    /// With a threshold that is used up.
    candidates: Vec<u32>,
    /// In need of a bound.
    unbound: Vec<u32>,
}

impl Queues {
    /// Part the rows that are due by whether their threshold is used up.
    fn part(&mut self, threshold: &[f64]) {
        let Self { due, candidates, unbound } = self;
        candidates.resize(due.len(), 0);
        unbound.resize(due.len(), 0);
        let mut ready = 0;
        // Which of the two a row is cannot be foretold, so no branch hangs on it.
        for (i, &row) in due.iter().enumerate() {
            candidates[ready] = row;
            unbound[i - ready] = row;
            ready += usize::from(threshold[row as usize] == 0.0);
        }
        candidates.truncate(ready);
        unbound.truncate(due.len() - ready);
        due.clear();
    }
}

impl FateScratch {
    /// Scratch for a fate.
    #[must_use]
    pub fn new(fate: &Fate, columns: usize) -> Self {
        Self {
            driver: Driver::new(fate, columns),
            values: fate.hazards.bound.frame(),
            bounds: fate.hazards.bound.interval_frame(),
            boxes: Boxes::new(columns),
            total: fate.constant.as_ref().map(|hazards| hazards.iter().fold(0.0, |sum, h| sum + h)),
            queues: Queues::default(),
        }
    }
}

impl Worker<'_> {
    /// Run the cells of one block that wake within the epoch until all of them sleep past it.
    pub(crate) fn run_block(&mut self, fate: usize, block: usize) -> Result<(), Error> {
        let mut queues = std::mem::take(&mut self.scratch[fate].queues);
        queues.due.clear();
        self.tables[fate].due(block, self.env.end, &mut queues.due);
        let outcome = self.run_due(fate, &mut queues);
        self.scratch[fate].queues = queues;
        outcome
    }

    fn run_due(&mut self, fate: usize, queues: &mut Queues) -> Result<(), Error> {
        let mut round = 0;
        while !queues.due.is_empty() {
            queues.part(&self.tables[fate].threshold);
            for rows in queues.candidates.chunks(LANES) {
                self.decide(fate, rows, &mut queues.unbound, &mut queues.due)?;
            }
            for rows in queues.unbound.chunks(LANES) {
                self.bound(fate, rows, &mut queues.due)?;
            }
            round += 1;
            if round > ROUND_LIMIT && self.over_rounds(fate, &queues.due)? {
                break;
            }
            // A long epoch holds many rounds. What is left undone here is never looked at again: the replicate ends.
            if round % 16 == 0 && (self.runs_away() || self.over_memory() || self.interrupted()) {
                break;
            }
        }
        Ok(())
    }

    /// A cell that comes up again and again within one epoch has a hazard beyond reason: refuse it, naming the rule.
    fn over_rounds(&self, fate: usize, due: &[u32]) -> Result<bool, Error> {
        let Some(&row) = due.first() else { return Ok(true) };
        let table = &self.tables[fate];
        let (time, bound) = (table.wake[row as usize], table.bound[row as usize]);
        Err(self.fault(fate, self.fastest(fate), time, FaultKind::TooFast(bound)))
    }

    /// Decide what happens to cells whose thresholds are used up. Those that need a new bound join `unbound`; those that
    /// sleep on under the old one and wake again within the epoch join `due`.
    fn decide(&mut self, fate: usize, rows: &[u32], unbound: &mut Vec<u32>, due: &mut Vec<u32>) -> Result<(), Error> {
        let model = self.model;
        let of = &model.fates[fate];
        let mut lanes = self.take_lanes();
        lanes.gather(&self.tables[fate], rows, &of.read);
        self.advance(fate, &mut lanes);
        if !of.driven.is_empty() {
            // Written back at once: where a driven trait stands is costly to find again.
            lanes.scatter(&mut self.tables[fate], &of.moving);
        }
        self.tally.candidates += rows.len() as u64;
        self.choices.open(&self.tables[fate], rows, self.stream);
        self.choose(fate, &lanes)?;
        let none = of.transitions.len() as u32;
        let (mut refused, mut happening) = ([0_u8; LANES], [0_u8; LANES]);
        let mut n = 0;
        // About as many candidates come to something as do not, so no branch hangs on it.
        for (lane, chosen) in self.choices.chosen[..rows.len()].iter().enumerate() {
            refused[n] = lane as u8;
            happening[lane - n] = lane as u8;
            n += usize::from(*chosen == none);
        }
        self.sleep_on(fate, &lanes, &refused[..n], unbound, due);
        for &lane in &happening[..rows.len() - n] {
            let lane = usize::from(lane);
            let (index, now) = (rows[lane], lanes.now[lane]);
            let k = of.transitions[self.choices.chosen[lane] as usize];
            if model.transitions[k].kind != Kind::Death && of.driven.is_empty() && of.read.since {
                lanes.scatter_lane(lane, &mut self.tables[fate], &of.moving);
            }
            if self.happen(fate, index as usize, now, k)? {
                self.tables[fate].wake[index as usize] = now;
                unbound.push(index);
            }
        }
        self.spare.push(lanes);
        Ok(())
    }

    /// After candidates that came to nothing: sleep on under the same bound, or get another where it proved loose.
    fn sleep_on(&mut self, fate: usize, lanes: &Lanes, refused: &[u8], unbound: &mut Vec<u32>, due: &mut Vec<u32>) {
        self.choices.sleep(&lanes.now);
        let Choices { thresholds, bounds, ends, total, wake, rest, .. } = &*self.choices;
        let table = &mut self.tables[fate];
        for &lane in refused {
            let lane = usize::from(lane);
            let index = lanes.rows[lane];
            let row = index as usize;
            table.draws[row] += 1;
            let share = total[lane] / bounds[lane];
            table.level[row] = (table.level[row] - i8::from(share < SLACK)).max(FINEST);
            if share < LOOSE && bounds[lane] * (ends[lane] - lanes.now[lane]) > 1.0 {
                table.threshold[row] = thresholds[lane];
                unbound.push(index);
                continue;
            }
            table.wake[row] = wake[lane];
            table.threshold[row] = rest[lane];
            if wake[lane] < self.env.end {
                due.push(index);
            }
        }
    }

    /// Which transition each candidate becomes: the first, among those out of the fate, whose summed hazard exceeds the
    /// drawn share of the bound.
    fn choose(&mut self, fate: usize, lanes: &Lanes) -> Result<(), Error> {
        let of = &self.model.fates[fate];
        if let Some(constant) = &of.constant {
            for hazard in constant {
                self.choices.add([*hazard; LANES]);
            }
            return Ok(());
        }
        let meter = &mut self.profile.fates[fate].values;
        let begun = meter.begin(lanes.n);
        let values = &mut self.scratch[fate].values;
        lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, values);
        of.hazards.bound.values(values, lanes.n);
        meter.end(begun);
        for output in 0..of.transitions.len() {
            self.choices.add(values.output(output).map(f64::from));
        }
        if self.choices.sound(lanes.n) { Ok(()) } else { Err(self.unsound(fate, lanes)) }
    }

    /// What is wrong with the hazards of some candidates.
    fn unsound(&self, fate: usize, lanes: &Lanes) -> Error {
        let of = &self.model.fates[fate];
        for lane in 0..lanes.n {
            for (output, &k) in of.transitions.iter().enumerate() {
                let hazard = f64::from(self.scratch[fate].values.output(output)[lane]);
                if !(hazard >= 0.0 && hazard.is_finite()) {
                    return self.bad_rate(fate, k, lane, lanes, hazard);
                }
            }
            let (value, bound) = (self.choices.total[lane], self.choices.bounds[lane]);
            if value > bound {
                let k = of.transitions.first().copied().unwrap_or(0);
                return self.named(fate, k, lane, lanes, FaultKind::AboveBound { value, bound });
            }
        }
        Error::Internal("hazards were refused without a reason".into())
    }

    /// Compute new bounds for cells that wake now; those that wake again within the epoch join `due`.
    fn bound(&mut self, fate: usize, rows: &[u32], due: &mut Vec<u32>) -> Result<(), Error> {
        let model = self.model;
        let of = &model.fates[fate];
        self.tally.bounds += rows.len() as u64;
        if let Some(total) = self.scratch[fate].total
            && of.driven.is_empty()
        {
            return self.bound_constant(fate, rows, total, due);
        }
        let mut lanes = self.take_lanes();
        lanes.gather(&self.tables[fate], rows, &of.read);
        self.advance(fate, &mut lanes);
        // Traits must go on from where their box begins: from elsewhere, rounding could lead them out of it.
        lanes.scatter(&mut self.tables[fate], &of.moving);
        let top = match (of.coupled, of.driven.is_empty()) {
            (true, _) => 0,
            (_, true) => self.env.top_level(),
            // Varying targets have traits written back every epoch: the box has room for so many roundings.
            (_, false) => self.env.top_level().min(WRITTEN_BACK),
        };
        let mut levels = [0_i8; LANES];
        for (level, &row) in levels.iter_mut().zip(rows) {
            // Where nothing a hazard reads can change, a bound holds to the horizon.
            *level = if of.varying { self.tables[fate].level[row as usize].min(top) } else { top };
        }
        let mut bounds = [0.0; LANES];
        loop {
            let meter = &mut self.profile.fates[fate].bounds;
            let begun = meter.begin(lanes.n);
            let FateScratch { driver, bounds: frame, boxes, .. } = &mut self.scratch[fate];
            boxes.set_windows(&levels, &lanes, &mut self.env);
            driver.enclose(of, &lanes, boxes, &self.env);
            boxes.fill(&of.hazards, &of.flows, &lanes, &self.env, frame);
            of.hazards.bound.bounds(frame, lanes.n);
            meter.end(begun);
            if self.sum_bounds(fate, &lanes, &mut levels, &mut bounds)? {
                break;
            }
        }
        self.choices.bounds = bounds;
        self.choices.ends = self.scratch[fate].boxes.end;
        self.fall_asleep(fate, &lanes, &levels, top, due);
        self.spare.push(lanes);
        Ok(())
    }

    /// Let cells with new bounds sleep.
    fn fall_asleep(&mut self, fate: usize, lanes: &Lanes, levels: &[i8; LANES], top: i8, due: &mut Vec<u32>) {
        let table = &mut self.tables[fate];
        let rows = &lanes.rows[..lanes.n];
        for (threshold, &row) in self.choices.thresholds.iter_mut().zip(rows) {
            *threshold = table.threshold[row as usize];
        }
        self.choices.sleep(&lanes.now);
        let Choices { bounds, ends, wake, rest, .. } = &*self.choices;
        let waiting = due.len();
        due.resize(waiting + rows.len(), 0);
        let mut last = waiting;
        for (lane, &index) in rows.iter().enumerate() {
            let row = index as usize;
            table.bound[row] = bounds[lane];
            table.window_end[row] = ends[lane];
            table.wake[row] = wake[lane];
            table.threshold[row] = rest[lane];
            // A window without a candidate was short enough; one with little chance of any was far too short.
            let quiet = rest[lane] > 0.0;
            let step = 1 + 2 * i8::from(bounds[lane] * (ends[lane] - lanes.now[lane]) < FEW);
            table.level[row] = (levels[lane] + i8::from(quiet) * step).min(top);
            due[last] = index;
            last += usize::from(wake[lane] < self.env.end);
        }
        due.truncate(last);
    }

    /// Carry the traits of some cells along their flows to now.
    pub(crate) fn advance(&mut self, fate: usize, lanes: &mut Lanes) {
        let of = &self.model.fates[fate];
        if of.moving.is_empty() {
            lanes.since = lanes.now;
            return;
        }
        let meter = &mut self.profile.fates[fate].flows;
        let begun = meter.begin(lanes.n);
        self.scratch[fate].driver.advance(of, lanes, &self.env, self.rtol);
        meter.end(begun);
    }

    /// Lanes to gather cells in; pushed back to `spare` after use.
    pub(crate) fn take_lanes(&mut self) -> Box<Lanes> {
        self.spare.pop().unwrap_or_else(|| Box::new(Lanes::new(self.model.columns.len())))
    }

    fn bound_constant(&mut self, fate: usize, rows: &[u32], total: f64, due: &mut Vec<u32>) -> Result<(), Error> {
        if !(total >= 0.0 && total.is_finite()) || self.model.fates[fate].constant.iter().flatten().any(|h| *h < 0.0) {
            let of = &self.model.fates[fate];
            let bad = of.constant.iter().flatten().position(|h| !(*h >= 0.0 && h.is_finite()));
            let k = of.transitions[bad.unwrap_or(0)];
            let value = of.constant.as_ref().map_or(f64::NAN, |h| h[bad.unwrap_or(0)]);
            return Err(self.fault(fate, self.model.transitions[k].name.clone(), self.env.start, rate_kind(value)));
        }
        let table = &mut self.tables[fate];
        for &index in rows {
            let row = index as usize;
            // The bound is the hazard itself and never ends.
            table.bound[row] = total;
            table.window_end[row] = f64::INFINITY;
            table.wake[row] += table.threshold[row] / total;
            table.threshold[row] = 0.0;
            if table.wake[row] < self.env.end {
                due.push(index);
            }
        }
        Ok(())
    }

    /// Add up the bounds of all hazards; false if some cell needs a shorter window first.
    fn sum_bounds(
        &mut self,
        fate: usize,
        lanes: &Lanes,
        levels: &mut [i8; LANES],
        bounds: &mut [f64; LANES],
    ) -> Result<bool, Error> {
        let model = self.model;
        let of = &model.fates[fate];
        *bounds = [0.0; LANES];
        let mut marks = [0; LANES];
        for output in 0..of.transitions.len() {
            let (low, high) = self.scratch[fate].bounds.output(output);
            add_bounds(low, high, bounds, &mut marks);
        }
        let marks = marks[..lanes.n].iter().fold(0, |all, mark| all | mark);
        let sound = marks & UNBOUND == 0;
        if !sound {
            self.shorten(fate, lanes, levels)?;
        } else if marks & DOUBTFUL != 0 {
            self.check_signs(fate, lanes)?;
        }
        Ok(sound)
    }

    /// Take the next shorter window for cells whose bound is not finite.
    fn shorten(&self, fate: usize, lanes: &Lanes, levels: &mut [i8; LANES]) -> Result<(), Error> {
        let of = &self.model.fates[fate];
        for (lane, level) in levels[..lanes.n].iter_mut().enumerate() {
            let unbounded = (0..of.transitions.len()).find(|&output| {
                let (low, high) = self.scratch[fate].bounds.output(output);
                !(high[lane] < f32::INFINITY) || low[lane].is_nan()
            });
            match unbounded {
                None => {}
                Some(_) if *level > FINEST => *level -= 1,
                Some(output) => {
                    return Err(self.named(fate, of.transitions[output], lane, lanes, FaultKind::Unbounded));
                }
            }
        }
        Ok(())
    }

    /// Where a bound allows a negative hazard, look at the hazard itself.
    fn check_signs(&mut self, fate: usize, lanes: &Lanes) -> Result<(), Error> {
        let model = self.model;
        let of = &model.fates[fate];
        let scratch = &mut self.scratch[fate];
        lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, &mut scratch.values);
        of.hazards.bound.values(&mut scratch.values, lanes.n);
        for (output, &k) in of.transitions.iter().enumerate() {
            for lane in 0..lanes.n {
                let hazard = f64::from(self.scratch[fate].values.output(output)[lane]);
                if !(hazard >= 0.0) {
                    return Err(self.bad_rate(fate, k, lane, lanes, hazard));
                }
            }
        }
        Ok(())
    }

    fn bad_rate(&self, fate: usize, k: usize, lane: usize, lanes: &Lanes, hazard: f64) -> Error {
        self.named(fate, k, lane, lanes, rate_kind(hazard))
    }

    /// A fault of one cell's hazard, with the values that its rule reads.
    fn named(&self, fate: usize, k: usize, lane: usize, lanes: &Lanes, kind: FaultKind) -> Error {
        let rule = self.model.transitions[k].name.clone();
        let mut error = self.fault(fate, rule, lanes.now[lane], kind);
        if let Error::Rate(fault) = &mut error {
            fault.inputs = self.inputs_of(fate, lane, lanes);
        }
        error
    }
}

fn rate_kind(hazard: f64) -> FaultKind {
    if hazard.is_nan() {
        FaultKind::NotANumber
    } else if hazard.is_infinite() {
        FaultKind::Infinite
    } else {
        FaultKind::Negative(hazard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let mut sum = Tally { epochs: 1, bounds: 20, candidates: 300, accepted: 4000 };
        sum += Tally { epochs: 5, bounds: 60, candidates: 700, accepted: 8000 };
        assert_eq!(sum, Tally { epochs: 6, bounds: 80, candidates: 1000, accepted: 12_000 });
    }
}
