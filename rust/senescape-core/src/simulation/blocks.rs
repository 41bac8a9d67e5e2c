//! Block sweeps: the order in which blocks of cells are advanced through epochs.
//!
//! A sweep advances each block through all epochs of the sweep while the block is in the cache. The order has no
//! influence but on speed: what a cell does follows from its own state, its own draws and the environment.

use super::Worker;
use crate::error::Error;
use crate::expr::LANES;
use crate::thinning::StallCheck;

/// The number of rows that a fate may grow by within a sweep before the rows of removed cells are dropped, and of cells
/// that may exceed the limit within an epoch.
pub(super) const ROW_ALLOWANCE: usize = 1 << 15;

impl Worker<'_> {
    /// Return the last epoch of the sweep that begins with an epoch, for independent cells.
    pub(super) fn last_epoch_of_sweep(&self, epoch: usize) -> usize {
        let horizon = self.env.timeline.epochs() - 1;
        if self.job.model.observables.is_empty() {
            return horizon;
        }
        // Observables need all cells at one time.
        (epoch..horizon).find(|e| self.env.timeline.observation[e + 1].is_some()).unwrap_or(horizon)
    }

    /// Advance all cells from the start of one epoch to the end of another. Returns false if there are too many cells
    /// to finish.
    pub(super) fn sweep_blocks(&mut self, first: usize, last: usize) -> Result<bool, Error> {
        let end = self.env.timeline.edges[last + 1];
        let limits: Vec<usize> = self.population.tables.iter().map(|table| 2 * table.rows() + ROW_ALLOWANCE).collect();
        let mut begun = false;
        let mut stall = StallCheck::starting_at(self.env.timeline.edges[first]);
        loop {
            let mut moved = false;
            for (fate, limit) in limits.iter().enumerate() {
                // Where traits follow varying targets, every cell is advanced through every epoch.
                let all = !begun && !self.job.model.fates[fate].driven.is_empty();
                let mut block = 0;
                // Daughters join the last block, or new ones, during the loop.
                while block < self.population.tables[fate].block_wake.len() {
                    let wake = self.population.tables[fate].block_wake[block];
                    if all || wake < end {
                        moved = true;
                        let from = if all { first } else { self.env.timeline.epoch_at(wake, first) };
                        if !self.sweep_block(fate, block, from, last)? {
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
            // The stall check for cells that go back and forth between fates.
            if stall.ends_stretch()
                && let Some((fate, row)) = self.population.first_to_wake()
            {
                let wake = self.population.tables[fate].wake[row];
                let epoch = self.env.timeline.epoch_at(wake, first).min(last);
                if let Some(rate) =
                    stall.stalled_rate(wake, self.env.timeline.edges[epoch + 1] - self.env.timeline.edges[epoch])
                {
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

    /// Advance the cells of one block through the epochs `from..=last` of a sweep.
    fn sweep_block(&mut self, fate: usize, block: usize, from: usize, last: usize) -> Result<bool, Error> {
        let driven = !self.job.model.fates[fate].driven.is_empty();
        let mut epoch = from;
        while epoch <= last {
            if self.env.epoch != epoch {
                self.env.enter(epoch);
            }
            self.progress.events.enter_epoch(epoch, &self.env.timeline, &self.job.model);
            while self.population.tables[fate].block_wake[block] < self.env.end {
                self.run_block(fate, block)?;
                self.population.tables[fate].refresh_block(block);
                if self.runs_away() {
                    return Ok(false);
                }
                if self.over_memory() {
                    return Err(self.memory_error());
                }
                if self.interrupted() {
                    return Err(Error::Interrupted);
                }
            }
            epoch = if driven {
                self.advance_block(fate, block)?;
                epoch + 1
            } else {
                self.env.timeline.epoch_at(self.population.tables[fate].block_wake[block], epoch + 1)
            };
        }
        Ok(true)
    }

    /// Advance the traits of a block's cells to the epoch's end, because the paths of varying targets are known for the
    /// epoch only.
    fn advance_block(&mut self, fate: usize, block: usize) -> Result<(), Error> {
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
