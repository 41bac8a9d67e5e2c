//! Spans of epochs, and the order in which cells are run through them.
//!
//! A block of cells is run through all epochs of a span while it is at hand in the cache. The order changes nothing but
//! speed: what a cell does follows from its own state, its own draws and the environment.

use super::Worker;
use crate::error::Error;
use crate::expr::LANES;
use crate::thinning::Pace;

/// Rows that a fate may grow by within a span before rows of the gone are dropped, and cells that may be too many within an
/// epoch.
pub(super) const SLACK: usize = 1 << 15;

impl Worker<'_> {
    /// The last epoch of the span that begins with an epoch, for cells that know nothing of each other.
    pub(super) fn last_of_span(&self, epoch: usize) -> usize {
        let horizon = self.env.plan.epochs() - 1;
        if self.job.model.observables.is_empty() {
            return horizon;
        }
        // Read-outs look at all cells at one time.
        (epoch..horizon).find(|e| self.env.plan.observation[e + 1].is_some()).unwrap_or(horizon)
    }

    /// Run all cells from the start of one epoch to the end of another; false if there are too many of them to finish.
    pub(super) fn span(&mut self, first: usize, last: usize) -> Result<bool, Error> {
        let end = self.env.plan.edges[last + 1];
        let limits: Vec<usize> = self.population.tables.iter().map(|table| 2 * table.rows() + SLACK).collect();
        let mut begun = false;
        let mut pace = Pace::from(self.env.plan.edges[first]);
        loop {
            let mut moved = false;
            for (fate, limit) in limits.iter().enumerate() {
                // Where traits follow varying targets, every cell is carried through every epoch.
                let all = !begun && !self.job.model.fates[fate].driven.is_empty();
                let mut block = 0;
                // Daughters join the last block, or new ones, while this runs.
                while block < self.population.tables[fate].block_wake.len() {
                    let wake = self.population.tables[fate].block_wake[block];
                    if all || wake < end {
                        moved = true;
                        let from = if all { first } else { self.env.plan.epoch_at(wake, first) };
                        if !self.run_through(fate, block, from, last)? {
                            return Ok(false);
                        }
                    }
                    block += 1;
                    let table = &mut self.population.tables[fate];
                    if table.rows() > *limit && table.is_sparse() {
                        table.compact();
                        block = 0;
                    }
                }
            }
            begun = true;
            if !moved {
                break;
            }
            // Cells that go to and fro between fates.
            if pace.is_over_a_stretch()
                && let Some((fate, row)) = self.population.first_to_wake()
            {
                let wake = self.population.tables[fate].wake[row];
                let epoch = self.env.plan.epoch_at(wake, first).min(last);
                if let Some(rate) = pace.too_slow(wake, self.env.plan.edges[epoch + 1] - self.env.plan.edges[epoch]) {
                    self.env.enter(epoch);
                    return Err(self.too_fast(fate, row, rate));
                }
            }
        }
        if self.env.epoch != last {
            self.env.enter(last);
        }
        Ok(true)
    }

    /// Run the cells of one block through the epochs `from..=last` of a span.
    fn run_through(&mut self, fate: usize, block: usize, from: usize, last: usize) -> Result<bool, Error> {
        let driven = !self.job.model.fates[fate].driven.is_empty();
        let mut epoch = from;
        while epoch <= last {
            if self.env.epoch != epoch {
                self.env.enter(epoch);
            }
            self.progress.events.turn_to(epoch, &self.env.plan, &self.job.model);
            while self.population.tables[fate].block_wake[block] < self.env.end {
                self.run_block(fate, block)?;
                self.population.tables[fate].refresh_block(block);
                if self.runs_away() {
                    return Ok(false);
                }
                if self.over_memory() {
                    return Err(self.too_large());
                }
                if self.interrupted() {
                    return Err(Error::Interrupted);
                }
            }
            epoch = if driven {
                self.carry(fate, block)?;
                epoch + 1
            } else {
                self.env.plan.epoch_at(self.population.tables[fate].block_wake[block], epoch + 1)
            };
        }
        Ok(true)
    }

    /// Bring the traits of a block's cells to the epoch's end: the paths of varying targets are known for the epoch only.
    fn carry(&mut self, fate: usize, block: usize) -> Result<(), Error> {
        let model = &self.job.model;
        let of = &model.fates[fate];
        let end = self.env.end;
        let mut lanes = self.scratch.take_lanes();
        let mut rows = Vec::with_capacity(LANES);
        let block = self.population.tables[fate].block(block);
        let last = block.end;
        for row in block {
            let table = &self.population.tables[fate];
            if !table.is_gone(row) && table.since[row] < end {
                rows.push(row as u32);
            }
            if rows.len() == LANES || (row + 1 == last && !rows.is_empty()) {
                lanes.gather(&self.population.tables[fate], &rows, &of.read);
                lanes.now = [end; LANES];
                self.advance(fate, &mut lanes)?;
                lanes.scatter(&mut self.population.tables[fate], &of.moving);
                rows.clear();
            }
        }
        self.scratch.put_lanes(lanes);
        Ok(())
    }
}
