//! The progress of a replicate: what it has counted so far.

use crate::document::EventKind;
use crate::model::Model;
use crate::population::Table;
use crate::recording::{Counters, EventCounts, ExactSum};

/// Counts and times of one replicate, from its start to where it stands.
pub(super) struct Progress {
    /// Events by transition, for each stretch that ends at an observation.
    pub(super) events: EventCounts,
    /// Counters of the engine's work.
    pub(super) counters: Counters,
    /// The time of each transition's first event (h); NaN before it.
    pub(super) first_event: Vec<f64>,
    /// The time of the last death (h); NaN before the first.
    pub(super) last_death: f64,
    /// Living cells of each fate at the end, of all batches so far.
    pub(super) survivors: Vec<i64>,
    /// Observations made so far.
    pub(super) observed: usize,
    /// Sums of observables over the batches so far, `[observation][observable]`; empty where all cells are run together.
    pub(super) batch_sums: Vec<ExactSum>,
}

impl Progress {
    pub(super) fn new(model: &Model) -> Self {
        Self {
            events: EventCounts::default(),
            counters: Counters::default(),
            first_event: vec![f64::NAN; model.transitions.len()],
            last_death: f64::NAN,
            survivors: vec![0; model.fates.len()],
            observed: 0,
            batch_sums: Vec::new(),
        }
    }

    /// Begin a replicate with so many observations.
    pub(super) fn reset(&mut self, observations: usize, model: &Model) {
        self.events.reset(observations, model);
        self.counters = Counters::default();
        self.first_event.fill(f64::NAN);
        self.last_death = f64::NAN;
        self.survivors.fill(0);
        self.observed = 0;
    }

    /// Make so many sums over batches, all zero.
    pub(super) fn sum_batches(&mut self, sums: usize) {
        self.batch_sums.clear();
        self.batch_sums.resize(sums, ExactSum::default());
    }

    /// Count an event of transition `k` at a time (h).
    #[inline(always)]
    pub(super) fn count_event(&mut self, k: usize, kind: EventKind, now: f64) {
        self.counters.accepted += 1;
        self.events.count(k, kind);
        // Events do not come in the order of time, so the first and the last are found by comparison.
        self.first_event[k] = self.first_event[k].min(now);
        if kind == EventKind::Death {
            self.last_death = self.last_death.max(now);
        }
    }

    /// Add the living cells of each fate to the survivors.
    pub(super) fn count_survivors(&mut self, tables: &[Table]) {
        for (survivors, table) in self.survivors.iter_mut().zip(tables) {
            *survivors += table.alive() as i64;
        }
    }
}
