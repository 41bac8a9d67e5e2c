//! Spans of epochs, and the order in which cells are run through them.
//!
//! A block of cells is run through all epochs of a span while it is at hand in the cache. The order changes nothing but
//! speed: what a cell does follows from its own state, its own draws and the environment.

use crate::error::Error;
use crate::expr::LANES;
use crate::simulation::worker::Worker;
use crate::thinning::stall::Pace;

/// Rows that a fate may grow by within a span before rows of the gone are dropped, and cells that may be too many within an
/// epoch.
pub(crate) const SLACK: usize = 1 << 15;

impl Worker<'_> {
    /// The last epoch of the span that begins with an epoch, for cells that know nothing of each other.
    pub(crate) fn last_of_span(&self, epoch: usize) -> usize {
        let horizon = self.plan.epochs() - 1;
        if self.model.observables.is_empty() {
            return horizon;
        }
        // Read-outs look at all cells at one time.
        (epoch..horizon).find(|e| self.plan.observation[e + 1].is_some()).unwrap_or(horizon)
    }

    /// Run all cells from the start of one epoch to the end of another; false if there are too many of them to finish.
    pub(crate) fn span(&mut self, first: usize, last: usize) -> Result<bool, Error> {
        let end = self.plan.edges[last + 1];
        let limits: Vec<usize> = self.tables.iter().map(|table| 2 * table.rows() + SLACK).collect();
        let mut begun = false;
        let mut pace = Pace::from(self.plan.edges[first]);
        loop {
            let mut moved = false;
            for (fate, limit) in limits.iter().enumerate() {
                // Where traits follow varying targets, every cell is carried through every epoch.
                let all = !begun && !self.model.fates[fate].driven.is_empty();
                let mut block = 0;
                // Daughters join the last block, or new ones, while this runs.
                while block < self.tables[fate].block_wake.len() {
                    let wake = self.tables[fate].block_wake[block];
                    if all || wake < end {
                        moved = true;
                        let from = if all { first } else { self.plan.epoch_at(wake, first) };
                        if !self.run_through(fate, block, from, last)? {
                            return Ok(false);
                        }
                    }
                    block += 1;
                    let table = &mut self.tables[fate];
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
                && let Some((fate, row)) = self.slowest()
            {
                let wake = self.tables[fate].wake[row];
                let epoch = self.plan.epoch_at(wake, first).min(last);
                if let Some(rate) = pace.too_slow(wake, self.plan.edges[epoch + 1] - self.plan.edges[epoch]) {
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

    /// The cell that wakes first: its fate and row.
    fn slowest(&self) -> Option<(usize, usize)> {
        let cells =
            self.tables.iter().enumerate().flat_map(|(fate, table)| (0..table.rows()).map(move |row| (fate, row)));
        cells.min_by(|a, b| self.tables[a.0].wake[a.1].total_cmp(&self.tables[b.0].wake[b.1]))
    }

    /// Run the cells of one block through the epochs `from..=last` of a span.
    fn run_through(&mut self, fate: usize, block: usize, from: usize, last: usize) -> Result<bool, Error> {
        let driven = !self.model.fates[fate].driven.is_empty();
        let mut epoch = from;
        while epoch <= last {
            if self.env.epoch != epoch {
                self.env.enter(epoch);
            }
            self.account.turn_to(epoch, &self.plan, self.model);
            while self.tables[fate].block_wake[block] < self.env.end {
                self.run_block(fate, block)?;
                self.tables[fate].refresh_block(block);
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
                self.plan.epoch_at(self.tables[fate].block_wake[block], epoch + 1)
            };
        }
        Ok(true)
    }

    /// Bring the traits of a block's cells to the epoch's end: the paths of varying targets are known for the epoch only.
    fn carry(&mut self, fate: usize, block: usize) -> Result<(), Error> {
        let model = self.model;
        let of = &model.fates[fate];
        let end = self.env.end;
        let mut lanes = self.take_lanes();
        let mut rows = Vec::with_capacity(LANES);
        let block = self.tables[fate].block(block);
        let last = block.end;
        for row in block {
            let table = &self.tables[fate];
            if !table.is_gone(row) && table.since[row] < end {
                rows.push(row as u32);
            }
            if rows.len() == LANES || (row + 1 == last && !rows.is_empty()) {
                lanes.gather(&self.tables[fate], &rows, &of.read);
                lanes.now = [end; LANES];
                self.advance(fate, &mut lanes)?;
                lanes.scatter(&mut self.tables[fate], &of.moving);
                rows.clear();
            }
        }
        self.spare.push(lanes);
        Ok(())
    }
}
