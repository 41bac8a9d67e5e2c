//! How large a replicate may get: cells, and bytes.

use crate::error::Error;
use crate::population::table::Table;
use crate::recording::counters::Tally;
use crate::simulation::blocks::SLACK;
use crate::simulation::job::Control;
use crate::simulation::worker::Worker;
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
        if self.run.max_memory.is_some_and(|limit| self.held.bytes > limit / 64) {
            for table in &mut self.tables {
                *table = Table::new(self.model.columns.len(), self.run.block);
            }
        }
    }

    /// Tell how much memory this worker's cells take, and say whether all cells together take too much.
    pub(crate) fn over_memory(&mut self) -> bool {
        let Some(limit) = self.run.max_memory else { return false };
        let bytes = self.tables.iter().map(Table::bytes).sum();
        let before = std::mem::replace(&mut self.held.bytes, bytes);
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

/// Bytes that a worker's cells were last seen to take, counted among those of all.
pub(crate) struct Held<'c> {
    pub(crate) bytes: u64,
    control: &'c Control,
}

impl<'c> Held<'c> {
    pub(crate) fn nothing(control: &'c Control) -> Self {
        Self { bytes: 0, control }
    }
}

impl Drop for Held<'_> {
    /// What a worker that goes had is there for others: a run may have more workers than threads, one after the other.
    fn drop(&mut self) {
        self.control.memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::population::table::Cell;
    use crate::recording::record::Stop;

    /// What a row takes in a model with one trait.
    const ROW: u64 = 77;

    /// How many cells there are at once depends on the order in which they are run; at the ends of epochs it does not.
    #[test]
    fn the_cap_holds_alike_for_batches_and_for_all_cells_together() {
        let example = Example::kept("stops").with(|run| {
            (run.stop.relapse, run.stop.max_cells, run.initial) = (None, 60, vec![20, 0]);
            run.until = 60.0;
            run.observe.truncate(7);
        });
        let batches = example.records().unwrap();
        let together = example.with(|run| run.pausable = true).records().unwrap();
        // As text: NaN is not equal to itself.
        assert_eq!(format!("{batches:?}"), format!("{together:?}"));
        let capped = batches.iter().filter(|record| record.stop == Stop::CellCap);
        let ends: Vec<i64> = capped.map(|record| record.total_counts.iter().sum()).collect();
        assert!(!ends.is_empty() && ends.len() < batches.len(), "{ends:?}");
        assert!(ends.iter().all(|cells| *cells > 60), "{ends:?}");
    }

    #[test]
    fn an_epoch_is_given_up_for_half_the_cap_too_many_and_some_slack() {
        let job = Example::kept("stops").with(|run| run.stop.max_cells = 40_000).job();
        let control = Control::default();
        let mut worker = job.worker(&control);
        worker.alive = 60_000 + (1 << 15);
        assert!(!worker.runs_away());
        worker.alive += 1;
        assert!(worker.runs_away());
    }

    #[test]
    fn the_cells_of_all_workers_together_are_held_against_the_limit() {
        let job = Example::kept("stops").with(|run| run.max_memory = Some(10 * ROW)).job();
        let control = Control::default();
        let (mut one, mut other) = (job.worker(&control), job.worker(&control));
        let cell = Cell { traits: vec![1.0], ..Cell::default() };
        assert!(!other.over_memory());
        (0..5).for_each(|_| one.tables[0].push(&cell));
        (0..4).for_each(|_| one.tables[1].push(&cell));
        assert!(!one.over_memory());
        other.tables[1].push(&cell);
        assert!(!other.over_memory() && !one.over_memory());
        other.tables[0].push(&cell);
        assert!(other.over_memory() && one.over_memory());
        // A large tumour's memory is held until it is given back.
        one.clear();
        assert!(one.over_memory());
        one.give_back();
        assert!(!one.over_memory());
        assert_eq!((one.held.bytes, other.held.bytes, control.memory.load(Ordering::Relaxed)), (0, 2 * ROW, 2 * ROW));
        // And so it is with that of a worker that goes.
        drop(other);
        assert_eq!(control.memory.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_what_a_large_tumour_took_is_given_back() {
        for (limit, given_back) in [(Some(64 * ROW), false), (Some(64 * ROW - 1), true), (None, false)] {
            let job = Example::kept("stops").with(|run| run.max_memory = limit).job();
            let control = Control::default();
            let mut worker = job.worker(&control);
            worker.tables[0].push(&Cell { traits: vec![1.0], ..Cell::default() });
            assert!(!worker.over_memory());
            worker.give_back();
            assert_eq!(worker.tables[0].rows() == 0, given_back, "{limit:?}");
        }
    }

    #[test]
    fn a_run_that_takes_too_much_tells_how_much() {
        let example = Example::kept("stops").with(|run| run.max_memory = Some(5 * ROW));
        let said = example.records().unwrap_err();
        let Error::Memory { limit, cells, time, threads, .. } = said else { panic!("{said}") };
        assert_eq!((limit, cells, time, threads), (5 * ROW, 6, 0.0, 1));
    }
}
