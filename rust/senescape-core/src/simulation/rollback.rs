//! The start of an epoch, to which a replicate goes back if it cannot finish the epoch.

use super::progress::Progress;
use crate::population::Table;
use crate::recording::Counters;

/// The progress of a replicate at the start of an epoch.
#[derive(Default)]
pub(super) struct EpochStart {
    events: Vec<i64>,
    first_event: Vec<f64>,
    alive: Vec<i64>,
    last_death: f64,
    counters: Counters,
}

impl EpochStart {
    /// Save the progress. The event counts must have entered the epoch.
    pub(super) fn save(&mut self, progress: &Progress, tables: &[Table]) {
        self.events.clear();
        self.events.extend_from_slice(progress.events.current(progress.first_event.len()));
        self.first_event.clone_from(&progress.first_event);
        self.alive.clear();
        self.alive.extend(tables.iter().map(|table| table.alive() as i64));
        (self.last_death, self.counters) = (progress.last_death, progress.counters);
    }

    /// Roll the progress back to what was saved. The event counts must have entered the same epoch; the cells of then
    /// count as survivors.
    pub(super) fn roll_back(&self, progress: &mut Progress) {
        progress.events.restore_current(&self.events);
        progress.first_event.clone_from(&self.first_event);
        progress.survivors.clone_from(&self.alive);
        (progress.last_death, progress.counters) = (self.last_death, self.counters);
    }
}
