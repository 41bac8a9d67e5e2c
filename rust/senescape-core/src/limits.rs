//! How large a replicate may get: cells, and bytes.

use crate::cells::Table;
use crate::error::Error;
use crate::replicate::Worker;
use crate::span::SLACK;
use crate::thin::Tally;
use std::sync::atomic::Ordering;

/// What stood at the start of an epoch, should it not be finished.
#[derive(Default)]
pub(crate) struct LastWhole {
    events: Vec<i64>,
    first_event: Vec<f64>,
    alive: Vec<i64>,
    last_death: f64,
    tally: Tally,
}

impl Worker<'_> {
    /// Whether there are too many cells to finish the epoch. The cap itself is held against whole epochs: how many cells
    /// there are on the way depends on the order in which they are run.
    pub(crate) fn runs_away(&self) -> bool {
        let cap = self.run.stop.max_cells;
        self.alive > cap + cap / 2 + SLACK as u64
    }

    /// Remember what stands at the start of an epoch.
    pub(crate) fn remember(&mut self, epoch: usize) {
        self.account.turn_to(epoch, &self.plan, self.model);
        self.last_whole.events.clear();
        self.last_whole.events.extend_from_slice(self.account.present(self.model.transitions.len()));
        self.last_whole.first_event.clone_from(&self.first_event);
        self.last_whole.alive.clear();
        self.last_whole.alive.extend(self.tables.iter().map(|table| table.alive() as i64));
        (self.last_whole.last_death, self.last_whole.tally) = (self.last_death, self.tally);
    }

    /// Take back an epoch that could not be finished: the record stands as of its start.
    pub(crate) fn take_back(&mut self, epoch: usize) {
        self.account.turn_to(epoch, &self.plan, self.model);
        self.account.put_back(&self.last_whole.events);
        self.first_event.clone_from(&self.last_whole.first_event);
        self.survivors.clone_from(&self.last_whole.alive);
        (self.last_death, self.tally) = (self.last_whole.last_death, self.last_whole.tally);
        self.clear();
    }

    /// Between two replicates, give back what a large tumour took, where memory is limited.
    pub(crate) fn give_back(&mut self) {
        if self.run.max_memory.is_some_and(|limit| self.held > limit / 64) {
            for table in &mut self.tables {
                *table = Table::new(self.model.columns.len(), self.run.block);
            }
        }
    }

    /// Tell how much memory this worker's cells take, and say whether all cells together take too much.
    pub(crate) fn over_memory(&mut self) -> bool {
        let Some(limit) = self.run.max_memory else { return false };
        let bytes = self.tables.iter().map(Table::bytes).sum();
        let before = std::mem::replace(&mut self.held, bytes);
        // Wrapping: what is taken off was added before.
        let change = bytes.wrapping_sub(before);
        self.control.memory.fetch_add(change, Ordering::Relaxed).wrapping_add(change) > limit
    }

    pub(crate) fn too_large(&self) -> Error {
        Error::Memory {
            limit: self.run.max_memory.unwrap_or(u64::MAX),
            replicate: self.replicate,
            cells: self.alive,
            time: self.env.start,
            threads: self.run.threads,
        }
    }
}
