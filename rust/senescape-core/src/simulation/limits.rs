//! Limits on a replicate: cells, and bytes.

use super::Worker;
use super::blocks::ROW_ALLOWANCE;
use crate::error::Error;

impl Worker<'_> {
    /// Return whether there are too many cells to finish the epoch. The limit itself applies to whole epochs, because
    /// the number of cells within one depends on the order in which they are run.
    pub(super) fn runs_away(&self) -> bool {
        let cap = self.job.run.stop.max_cells;
        self.population.alive > cap + cap / 2 + ROW_ALLOWANCE as u64
    }

    /// Save the start of an epoch.
    pub(super) fn save_epoch_start(&mut self, epoch: usize) {
        self.progress.events.enter_epoch(epoch, &self.env.timeline, &self.job.model);
        self.epoch_start.save(&self.progress, &self.population.tables);
    }

    /// Roll back an epoch that could not be finished, so that the record stands as of its start.
    pub(super) fn roll_back(&mut self, epoch: usize) {
        self.progress.events.enter_epoch(epoch, &self.env.timeline, &self.job.model);
        self.epoch_start.roll_back(&mut self.progress);
        self.clear();
    }

    /// Release the memory of a large tumour before the next replicate, if memory is limited.
    pub(super) fn release_memory(&mut self) {
        if self.job.run.max_memory.is_some_and(|limit| self.monitor.memory.bytes > limit / 64) {
            self.population.release(self.job.model.columns.len(), self.job.run.block);
        }
    }

    /// Report the memory of this worker's cells; returns whether the cells of all workers take more than the limit (bytes).
    pub(super) fn over_memory(&mut self) -> bool {
        let Some(limit) = self.job.run.max_memory else { return false };
        self.monitor.memory.report(self.population.bytes()) > limit
    }

    pub(super) fn memory_error(&self) -> Error {
        Error::Memory {
            limit: self.job.run.max_memory.unwrap_or(u64::MAX),
            replicate: self.replicate,
            cells: self.population.alive,
            time: self.env.start,
            threads: self.job.run.threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::population::Cell;
    use crate::recording::Stop;
    use crate::simulation::Control;
    use std::sync::atomic::Ordering;

    /// The bytes of a row in a model with one trait.
    const ROW: u64 = 77;

    /// The number of cells depends on the order in which they are run, except at the ends of epochs.
    #[test]
    fn the_cap_holds_alike_for_batches_and_for_all_cells_together() {
        let example = Example::load("stops").with(|run| {
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
        let job = Example::load("stops").with(|run| run.stop.max_cells = 40_000).job();
        let control = Control::default();
        let mut worker = job.worker(&control);
        worker.population.alive = 60_000 + (1 << 15);
        assert!(!worker.runs_away());
        worker.population.alive += 1;
        assert!(worker.runs_away());
    }

    #[test]
    fn the_cells_of_all_workers_together_are_held_against_the_limit() {
        let job = Example::load("stops").with(|run| run.max_memory = Some(10 * ROW)).job();
        let control = Control::default();
        let (mut one, mut other) = (job.worker(&control), job.worker(&control));
        let cell = Cell { traits: vec![1.0], ..Cell::default() };
        assert!(!other.over_memory());
        (0..5).for_each(|_| one.population.tables[0].push(&cell));
        (0..4).for_each(|_| one.population.tables[1].push(&cell));
        assert!(!one.over_memory());
        other.population.tables[1].push(&cell);
        assert!(!other.over_memory() && !one.over_memory());
        other.population.tables[0].push(&cell);
        assert!(other.over_memory() && one.over_memory());
        // The memory of a large tumour stays allocated until it is released.
        one.clear();
        assert!(one.over_memory());
        one.release_memory();
        assert!(!one.over_memory());
        assert_eq!(
            (one.monitor.memory.bytes, other.monitor.memory.bytes, control.memory.load(Ordering::Relaxed)),
            (0, 2 * ROW, 2 * ROW)
        );
        // The memory of a worker that is dropped is released too.
        drop(other);
        assert_eq!(control.memory.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_what_a_large_tumour_took_is_given_back() {
        for (limit, given_back) in [(Some(64 * ROW), false), (Some(64 * ROW - 1), true), (None, false)] {
            let job = Example::load("stops").with(|run| run.max_memory = limit).job();
            let control = Control::default();
            let mut worker = job.worker(&control);
            worker.population.tables[0].push(&Cell { traits: vec![1.0], ..Cell::default() });
            assert!(!worker.over_memory());
            worker.release_memory();
            assert_eq!(worker.population.tables[0].rows() == 0, given_back, "{limit:?}");
        }
    }

    #[test]
    fn a_run_that_takes_too_much_tells_how_much() {
        let example = Example::load("stops").with(|run| run.max_memory = Some(5 * ROW));
        let said = example.records().unwrap_err();
        let Error::Memory { limit, cells, time, threads, .. } = said else { panic!("{said}") };
        assert_eq!((limit, cells, time, threads), (5 * ROW, 6, 0.0, 1));
    }
}
