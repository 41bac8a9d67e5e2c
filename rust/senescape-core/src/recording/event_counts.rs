//! Counts of events. At any time, founders + births = living cells + deaths.

use crate::document::EventKind;
use crate::environment::Timeline;
use crate::model::Model;
use crate::recording::Record;
use serde::{Deserialize, Serialize};

/// The events of one replicate, by time and transition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Events by transition, for each stretch of epochs that ends at an observation.
    events: Vec<i64>,
    /// The index at which the present epoch's events begin.
    row: usize,
    /// The change of the number of cells in each epoch.
    #[serde(skip)]
    change: Vec<i64>,
    /// The present epoch.
    epoch: usize,
}

impl EventCounts {
    /// Reset the counts, for so many observations.
    pub(crate) fn reset(&mut self, observations: usize, model: &Model) {
        self.events.clear();
        // Events after the last observation are counted too.
        self.events.resize((observations + 1) * model.transitions.len(), 0);
    }

    /// Follow a timeline, from its first epoch.
    pub(crate) fn follow(&mut self, timeline: &Timeline) {
        self.change.clear();
        self.change.resize(timeline.epochs(), 0);
    }

    /// Continue from the events of a run that had as many observations, or fewer.
    pub(crate) fn resume(&mut self, other: &Self) {
        self.events[..other.events.len()].copy_from_slice(&other.events);
    }

    /// Return whether these events can be of a run with so many observations, and lead from its founders to its living
    /// cells.
    pub(crate) fn fits(&self, observations: usize, model: &Model, founders: &[u64], alive: &[i64]) -> bool {
        const MOST: i128 = 1 << 53;
        let transitions = model.transitions.len();
        self.events.len() <= (observations + 1) * transitions
            && self.events.len().is_multiple_of(transitions.max(1))
            && self.events.iter().all(|n| *n >= 0)
            && self.events.iter().map(|n| i128::from(*n)).sum::<i128>() <= MOST
            && cells_after(model, founders, &self.totals(transitions)) == alive
    }

    /// Enter an epoch: events are counted in it from now on.
    pub(crate) fn enter_epoch(&mut self, epoch: usize, timeline: &Timeline, model: &Model) {
        self.epoch = epoch;
        self.row = timeline.next_observation[epoch] as usize * model.transitions.len();
    }

    /// Count an event.
    #[inline(always)]
    pub(crate) fn count(&mut self, k: usize, kind: EventKind) {
        self.events[self.row + k] += 1;
        self.change[self.epoch] += kind.arrivals() - 1;
    }

    /// Return the events of the stretch that the present epoch is part of.
    pub(crate) fn current(&self, transitions: usize) -> &[i64] {
        &self.events[self.row..self.row + transitions]
    }

    /// Restore the events that [`EventCounts::current`] returned.
    pub(crate) fn restore_current(&mut self, events: &[i64]) {
        self.events[self.row..self.row + events.len()].copy_from_slice(events);
    }

    /// Return the events by transition.
    pub(crate) fn totals(&self, transitions: usize) -> Vec<i64> {
        let mut totals = vec![0; transitions];
        for events in self.events.chunks(transitions.max(1)) {
            for (total, n) in totals.iter_mut().zip(events) {
                *total += n;
            }
        }
        totals
    }

    /// Return the largest number of cells at the end of an epoch.
    pub(crate) fn most_cells(&self, founders: u64) -> u64 {
        let mut cells = founders as i64;
        let after = self.change.iter().map(|change| {
            cells += change;
            cells
        });
        after.max().unwrap_or(0).max(0) as u64
    }

    /// Write cells and events at the first observations into a record.
    pub(crate) fn write_to(&self, model: &Model, founders: &[u64], observations: usize, record: &mut Record) {
        let (fates, transitions) = (model.fates.len(), model.transitions.len());
        let mut so_far = vec![0; transitions];
        for row in 0..observations {
            for (total, n) in so_far.iter_mut().zip(&self.events[row * transitions..]) {
                *total += n;
            }
            record.events[row * transitions..(row + 1) * transitions].copy_from_slice(&so_far);
            record.counts[row * fates..(row + 1) * fates].copy_from_slice(&cells_after(model, founders, &so_far));
        }
    }
}

/// Return the cells of each fate after some events.
pub(crate) fn cells_after(model: &Model, founders: &[u64], events: &[i64]) -> Vec<i64> {
    let mut cells: Vec<i64> = founders.iter().map(|n| *n as i64).collect();
    for (transition, n) in model.transitions.iter().zip(events) {
        cells[transition.source] -= n;
        cells[transition.target] += n * transition.kind.arrivals();
    }
    cells
}

impl EventKind {
    /// Return the number of cells of the target fate that an event makes out of one cell of the source fate.
    pub(crate) const fn arrivals(self) -> i64 {
        match self {
            Self::Death => 0,
            Self::Move => 1,
            Self::Division => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::recording::{Counters, Stop};

    /// In fate 0 cells divide, die or move to fate 1; from there they come back.
    const EVENTS: [EventKind; 4] = [EventKind::Division, EventKind::Death, EventKind::Move, EventKind::Move];
    const FOUNDERS: [u64; 2] = [6, 1];

    /// Return an example observed at 10 h and 20 h of 30, in epochs of 5 h.
    fn example() -> Example {
        Example::load("stops").with(|run| (run.observe, run.until, run.sync) = (vec![10.0, 20.0], 30.0, 5.0))
    }

    fn timeline(example: &Example, model: &Model) -> Timeline {
        Timeline::new(model, &example.run, &[], (0.0, example.run.until)).unwrap()
    }

    /// Return counts of these events, each of one epoch.
    fn counts(model: &Model, timeline: &Timeline, events: &[(usize, [usize; 4])]) -> EventCounts {
        let mut counts = EventCounts::default();
        counts.reset(2, model);
        counts.follow(timeline);
        for (epoch, events) in events {
            counts.enter_epoch(*epoch, timeline, model);
            for (k, n) in events.iter().enumerate() {
                (0..*n).for_each(|_| counts.count(k, EVENTS[k]));
            }
        }
        counts
    }

    #[test]
    fn events_are_counted_in_their_stretch_and_cells_follow_from_them() {
        let example = example();
        let job = example.job();
        let (model, timeline) = (job.model(), timeline(&example, job.model()));
        assert_eq!(model.transitions.iter().map(|t| t.kind).collect::<Vec<_>>(), EVENTS);
        let events = [(0, [2, 0, 0, 0]), (1, [1, 0, 0, 0]), (2, [0, 1, 3, 0]), (4, [1, 0, 0, 1]), (5, [0, 5, 0, 0])];
        let mut counts = counts(model, &timeline, &events);
        assert_eq!(counts.totals(4), [4, 6, 3, 1]);
        assert_eq!(counts.current(4), [1, 5, 0, 1]);
        counts.enter_epoch(3, &timeline, model);
        assert_eq!(counts.current(4), [0, 1, 3, 0]);
        // 7 founders, then 9, 10, 9, 9, 10 and 5 at the ends of the epochs.
        assert_eq!(counts.most_cells(7), 10);

        let row = |n: i64, of: usize| vec![n; 2 * of];
        let mut record = Record {
            replicate: 0,
            counts: row(-1, 2),
            events: row(-1, 4),
            pools: vec![],
            observables: vec![],
            first_event: vec![],
            last_death: f64::NAN,
            end_time: 0.0,
            stop: Stop::Horizon,
            total_events: vec![],
            total_counts: vec![],
            counters: Counters::default(),
            drugs: vec![],
        };
        counts.write_to(model, &FOUNDERS, 1, &mut record);
        assert_eq!((&record.events[..], &record.counts[..]), (&[3, 0, 0, 0, -1, -1, -1, -1][..], &[9, 1, -1, -1][..]));
        counts.write_to(model, &FOUNDERS, 2, &mut record);
        assert_eq!((&record.events[..], &record.counts[..]), (&[3, 0, 0, 0, 3, 1, 3, 0][..], &[9, 1, 5, 4][..]));

        counts.restore_current(&[0, 0, 2, 0]);
        assert_eq!(counts.totals(4), [4, 5, 2, 1]);
        let mut longer = EventCounts::default();
        longer.reset(4, model);
        longer.resume(&counts);
        assert_eq!(longer.totals(4), [4, 5, 2, 1]);
        counts.follow(&timeline);
        assert_eq!(counts.most_cells(7), 7);
        counts.reset(2, model);
        assert_eq!(counts.totals(4), [0; 4]);
    }

    #[test]
    fn a_forged_account_is_refused() {
        let example = example();
        let job = example.job();
        let (model, timeline) = (job.model(), timeline(&example, job.model()));
        let counts = counts(model, &timeline, &[(0, [3, 0, 0, 0]), (2, [0, 1, 3, 1]), (4, [1, 0, 0, 0])]);
        assert!(counts.fits(2, model, &FOUNDERS, &[7, 3]));
        assert!(counts.fits(3, model, &FOUNDERS, &[7, 3]), "of a run with fewer observations");
        assert!(!counts.fits(1, model, &FOUNDERS, &[7, 3]), "of a run with more");
        assert!(!counts.fits(2, model, &FOUNDERS, &[6, 3]), "a cell less");
        let fits = |change: &dyn Fn(&mut Vec<i64>)| {
            let mut counts = counts.clone();
            change(&mut counts.events);
            counts.fits(2, model, &FOUNDERS, &[7, 3])
        };
        assert!(!fits(&|events| events.extend([0; 4])), "a row too many");
        assert!(!fits(&|events| events.truncate(11)), "not whole rows");
        assert!(!fits(&|events| events[0] += 1), "one more division");
        assert!(!fits(&|events| (events[0], events[4]) = (-1, 4)), "less than no division");
        // Cells come back as often as they leave, so their numbers stay the same.
        let back_and_forth = |n: i64| fits(&|events| (events[2], events[3]) = (n, n));
        assert!(back_and_forth((1 << 52) - 5));
        assert!(!back_and_forth((1 << 52) - 4), "more events than can be told apart");
        assert!(!back_and_forth(i64::MAX), "more than can be added up");
    }
}
