//! Fates drawn by thinning: bounds over windows, candidates, acceptance.
//!
//! A cell sleeps until its threshold, in units of integrated bound, is used up (a candidate) or its bound ends. At a
//! candidate the true hazards decide whether anything happens. Then, and whenever a bound ends, a new bound is computed by
//! interval evaluation of the same rules over the box that the cell and its environment stay in until the window's end.
//! Which windows a cell takes follows from its own history only: longer ones after a quiet window, shorter ones after a
//! candidate that came to nothing. So nothing a cell does depends on which cells lie beside it.

use crate::cells::BLOCK;
use crate::document::Kind;
use crate::env::FINEST;
use crate::error::{Error, FaultKind};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::flow::Driver;
use crate::lanes::{Boxes, Lanes};
use crate::model::Fate;
use crate::replicate::Worker;

/// Candidates of one cell within one epoch after which its hazard is taken for a slip of units.
const ROUND_LIMIT: u32 = 1_000_000;

/// Counts of what the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Scratch for the cells of one fate.
pub struct FateScratch {
    pub(crate) driver: Driver,
    values: Frame,
    bounds: IntervalFrame,
    boxes: Boxes,
    /// The sum of constant hazards.
    total: Option<f64>,
    due: Vec<u32>,
    asleep: Vec<u32>,
    rebound: Vec<u32>,
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
            due: Vec::new(),
            asleep: Vec::new(),
            rebound: Vec::new(),
        }
    }
}

impl Worker<'_> {
    /// Run all cells to the epoch's end; false if there are too many of them.
    pub(crate) fn epoch(&mut self) -> Result<bool, Error> {
        self.tally.epochs += 1;
        loop {
            let mut moved = false;
            for fate in 0..self.tables.len() {
                let mut block = 0;
                // Daughters join the last block, or new ones, while this runs.
                while block < self.tables[fate].block_wake.len() {
                    if self.tables[fate].block_wake[block] < self.env.end {
                        moved = true;
                        self.run_block(fate, block)?;
                        self.tables[fate].refresh_block(block);
                        if self.over_cap() {
                            return Ok(false);
                        }
                        if self.interrupted() {
                            return Err(Error::Interrupted);
                        }
                    } else {
                        block += 1;
                    }
                }
            }
            if !moved {
                return Ok(true);
            }
        }
    }

    #[inline(never)]
    /// Run the cells of one block that wake within the epoch until all of them sleep past it.
    fn run_block(&mut self, fate: usize, block: usize) -> Result<(), Error> {
        let end = self.env.end;
        let rows = block * BLOCK..((block + 1) * BLOCK).min(self.tables[fate].rows());
        let scratch = &mut self.scratch[fate];
        let (mut due, mut candidates) = (std::mem::take(&mut scratch.due), std::mem::take(&mut scratch.asleep));
        let mut rebound = std::mem::take(&mut scratch.rebound);
        due.clear();
        let wake = &self.tables[fate].wake[rows.clone()];
        due.extend(rows.zip(wake).filter(|(_, t)| **t < end).map(|(row, _)| row as u32));
        let mut round = 0;
        while !due.is_empty() {
            candidates.clear();
            rebound.clear();
            let threshold = &self.tables[fate].threshold;
            for &row in &due {
                if threshold[row as usize] == 0.0 { candidates.push(row) } else { rebound.push(row) }
            }
            for rows in candidates.chunks(LANES) {
                self.decide(fate, rows, &mut rebound)?;
            }
            due.clear();
            for rows in rebound.chunks(LANES) {
                self.bound(fate, rows, &mut due)?;
            }
            round += 1;
            if round > ROUND_LIMIT && self.over_rounds(fate, &due)? {
                break;
            }
            // A long epoch holds many rounds. What is left undone here is never looked at again: the replicate ends.
            if round % 16 == 0 && (self.over_cap() || self.interrupted()) {
                break;
            }
        }
        let scratch = &mut self.scratch[fate];
        (scratch.due, scratch.asleep, scratch.rebound) = (due, candidates, rebound);
        Ok(())
    }

    /// A cell that comes up again and again within one epoch has a hazard beyond reason: refuse it, naming the rule.
    fn over_rounds(&self, fate: usize, due: &[u32]) -> Result<bool, Error> {
        let Some(&row) = due.first() else { return Ok(true) };
        let table = &self.tables[fate];
        let (time, bound) = (table.wake[row as usize], table.bound[row as usize]);
        Err(self.fault(fate, self.fastest(fate), time, FaultKind::TooFast(bound)))
    }

    /// The transition with the most events so far out of a fate.
    fn fastest(&self, fate: usize) -> String {
        let of = &self.model.fates[fate].transitions;
        let most = of.iter().copied().max_by_key(|&k| self.events[k]);
        most.map_or_else(String::new, |k| self.model.transitions[k].name.clone())
    }

    #[inline(never)]
    /// Decide what happens to cells whose thresholds are used up; those that live on in this fate join `rebound`.
    fn decide(&mut self, fate: usize, rows: &[u32], rebound: &mut Vec<u32>) -> Result<(), Error> {
        let model = self.model;
        let of = &model.fates[fate];
        let mut lanes = self.take_lanes();
        lanes.gather(&self.tables[fate], rows, &of.read);
        let scratch = &mut self.scratch[fate];
        scratch.driver.advance(of, &mut lanes, &self.env, self.rtol);
        // Written back at once: what happens next reads and changes the cells' own rows.
        lanes.scatter(&mut self.tables[fate], &of.moving);
        if of.constant.is_none() {
            lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, &mut scratch.values);
            of.hazards.bound.values(&mut scratch.values, lanes.n);
        }
        let mut draws = [(0.0, 0.0); LANES];
        for (lane, &row) in rows.iter().enumerate() {
            let table = &self.tables[fate];
            draws[lane] = self.stream.candidate(table.key[row as usize], table.draws[row as usize]);
        }
        self.tally.candidates += rows.len() as u64;
        for (lane, &(u, threshold)) in draws[..lanes.n].iter().enumerate() {
            let row = rows[lane] as usize;
            let chosen = self.choose(fate, lane, u * self.tables[fate].bound[row], &lanes)?;
            let lives = match chosen {
                None => {
                    let table = &mut self.tables[fate];
                    table.level[row] = (table.level[row] - 1).max(FINEST);
                    true
                }
                Some(k) => self.happen(fate, row, lane, &lanes, k)?,
            };
            if lives {
                let table = &mut self.tables[fate];
                // A daughter in her mother's row has a key, draws and a threshold of her own already.
                if chosen.is_none_or(|k| model.transitions[k].kind != Kind::Division) {
                    table.draws[row] += 1;
                    table.threshold[row] = threshold;
                }
                rebound.push(rows[lane]);
            }
        }
        self.spare.push(lanes);
        Ok(())
    }

    /// Which transition a candidate becomes, if any: the first whose summed hazard exceeds `level`.
    fn choose(&self, fate: usize, lane: usize, level: f64, lanes: &Lanes) -> Result<Option<usize>, Error> {
        let of = &self.model.fates[fate];
        if let Some(constant) = &of.constant {
            let mut sum = 0.0;
            return Ok(of.transitions.iter().zip(constant).find_map(|(&k, hazard)| {
                sum += hazard;
                (level < sum).then_some(k)
            }));
        }
        let values = &self.scratch[fate].values;
        let mut sum = 0.0;
        let mut chosen = None;
        for (output, &k) in of.transitions.iter().enumerate() {
            let hazard = f64::from(values.output(output)[lane]);
            // Written so that NaN fails too.
            if !(hazard >= 0.0 && hazard.is_finite()) {
                return Err(self.bad_rate(fate, k, lane, lanes, hazard));
            }
            sum += hazard;
            if chosen.is_none() && level < sum {
                chosen = Some(k);
            }
        }
        let bound = self.tables[fate].bound[lanes.rows[lane] as usize];
        if sum > bound {
            let kind = FaultKind::AboveBound { value: sum, bound };
            let k = of.transitions.first().copied().unwrap_or(0);
            return Err(self.named(fate, k, lane, lanes, kind));
        }
        Ok(chosen)
    }

    #[inline(never)]
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
        self.scratch[fate].driver.advance(of, &mut lanes, &self.env, self.rtol);
        lanes.scatter(&mut self.tables[fate], &of.moving);
        let top = if of.coupled { 0 } else { self.env.top_level() };
        let mut levels = [0_i8; LANES];
        for (lane, &row) in rows.iter().enumerate() {
            // Where nothing a hazard reads can change, a bound holds to the horizon.
            levels[lane] = if of.varying { self.tables[fate].level[row as usize].min(top) } else { top };
        }
        let mut bounds = [0.0; LANES];
        loop {
            let FateScratch { driver, bounds: frame, boxes, .. } = &mut self.scratch[fate];
            for lane in 0..LANES {
                let (window, end) = self.env.window(levels[lane.min(lanes.n - 1)], lanes.now[lane]);
                boxes.window[lane] = window as u16;
                boxes.end[lane] = end;
            }
            driver.enclose(of, &lanes, boxes, &self.env);
            boxes.fill(&of.hazards, &of.flows, &lanes, &self.env, frame);
            of.hazards.bound.bounds(frame, lanes.n);
            if self.sum_bounds(fate, &lanes, &mut levels, &mut bounds)? {
                break;
            }
        }
        let end_of_epoch = self.env.end;
        for (lane, &row) in rows.iter().enumerate() {
            let row = row as usize;
            let window_end = self.scratch[fate].boxes.end[lane];
            let table = &mut self.tables[fate];
            let now = lanes.now[lane];
            let bound = bounds[lane];
            let candidate = now + table.threshold[row] / bound;
            table.bound[row] = bound;
            if candidate < window_end {
                table.wake[row] = candidate;
                table.threshold[row] = 0.0;
                table.level[row] = levels[lane];
            } else {
                table.wake[row] = window_end;
                // Rounding must not turn the rest into 0, which would make it a candidate.
                let rest = table.threshold[row] - bound * (window_end - now);
                table.threshold[row] = rest.max(f64::MIN_POSITIVE);
                table.level[row] = (levels[lane] + 1).min(top);
            }
            if table.wake[row] < end_of_epoch {
                due.push(rows[lane]);
            }
        }
        self.spare.push(lanes);
        Ok(())
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
        let end_of_epoch = self.env.end;
        let table = &mut self.tables[fate];
        for &index in rows {
            let row = index as usize;
            // The bound is the hazard itself and never ends. Traits stay as they were at `since`: flows carry them on.
            let candidate = table.wake[row] + table.threshold[row] / total;
            table.bound[row] = total;
            table.wake[row] = candidate;
            table.threshold[row] = 0.0;
            if candidate < end_of_epoch {
                due.push(index);
            }
        }
        Ok(())
    }

    #[inline(never)]
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
        let mut settled = true;
        let mut doubtful = false;
        for (output, &k) in of.transitions.iter().enumerate() {
            let (low, high) = self.scratch[fate].bounds.output(output);
            for lane in 0..lanes.n {
                if !high[lane].lt(&f32::INFINITY) || low[lane].is_nan() {
                    if levels[lane] > FINEST {
                        levels[lane] -= 1;
                        settled = false;
                        continue;
                    }
                    return Err(self.named(fate, k, lane, lanes, FaultKind::Unbounded));
                }
                doubtful |= low[lane] < 0.0;
                bounds[lane] += f64::from(high[lane].max(0.0));
            }
        }
        if settled && doubtful {
            self.check_signs(fate, lanes)?;
        }
        Ok(settled)
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
