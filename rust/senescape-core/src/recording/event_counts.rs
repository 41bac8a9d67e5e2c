//! The account of events: starts + births = alive + deaths, always.

use crate::document::Kind;
use crate::environment::Plan;
use crate::model::Model;
use crate::recording::Record;
use serde::{Deserialize, Serialize};

/// What happened when, within one replicate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Events by transition, for each stretch of epochs that ends at an observation.
    events: Vec<i64>,
    /// Where the present epoch's events go.
    row: usize,
    /// The change of the number of cells in each epoch.
    #[serde(skip)]
    change: Vec<i64>,
    /// The present epoch.
    epoch: usize,
}

impl Account {
    /// Begin anew, for so many observations.
    pub(crate) fn open(&mut self, observations: usize, model: &Model) {
        self.events.clear();
        // What happens after the last observation is counted too.
        self.events.resize((observations + 1) * model.transitions.len(), 0);
    }

    /// Begin with the epochs of a plan.
    pub(crate) fn follow(&mut self, plan: &Plan) {
        self.change.clear();
        self.change.resize(plan.epochs(), 0);
    }

    /// Go on from the events of a run that had as many observations, or fewer.
    pub(crate) fn resume(&mut self, other: &Self) {
        self.events[..other.events.len()].copy_from_slice(&other.events);
    }

    /// Whether these events can be of a run with so many observations, and lead from its founders to the cells that there are.
    pub(crate) fn fits(&self, observations: usize, model: &Model, founders: &[u64], alive: &[i64]) -> bool {
        const MOST: i128 = 1 << 53;
        let transitions = model.transitions.len();
        self.events.len() <= (observations + 1) * transitions
            && self.events.len().is_multiple_of(transitions.max(1))
            && self.events.iter().all(|n| *n >= 0)
            && self.events.iter().map(|n| i128::from(*n)).sum::<i128>() <= MOST
            && cells_after(model, founders, &self.totals(transitions)) == alive
    }

    /// Count in an epoch from now on.
    pub(crate) fn turn_to(&mut self, epoch: usize, plan: &Plan, model: &Model) {
        self.epoch = epoch;
        self.row = plan.next_observation[epoch] as usize * model.transitions.len();
    }

    /// Count an event.
    #[inline(always)]
    pub(crate) fn count(&mut self, k: usize, kind: Kind) {
        self.events[self.row + k] += 1;
        self.change[self.epoch] += kind.arrivals() - 1;
    }

    /// Events of the stretch that the present epoch is part of.
    pub(crate) fn present(&self, transitions: usize) -> &[i64] {
        &self.events[self.row..self.row + transitions]
    }

    /// Put back what [`Account::present`] gave.
    pub(crate) fn put_back(&mut self, events: &[i64]) {
        self.events[self.row..self.row + events.len()].copy_from_slice(events);
    }

    /// Events by transition.
    pub(crate) fn totals(&self, transitions: usize) -> Vec<i64> {
        let mut totals = vec![0; transitions];
        for events in self.events.chunks(transitions.max(1)) {
            for (total, n) in totals.iter_mut().zip(events) {
                *total += n;
            }
        }
        totals
    }

    /// The most cells that there were at the end of an epoch.
    pub(crate) fn most_cells(&self, founders: u64) -> u64 {
        let mut cells = founders as i64;
        let after = self.change.iter().map(|change| {
            cells += change;
            cells
        });
        after.max().unwrap_or(0).max(0) as u64
    }

    /// Write cells and events at the first observations into a record.
    pub(crate) fn enter(&self, model: &Model, founders: &[u64], observations: usize, record: &mut Record) {
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

/// The cells of each fate after some events.
pub(crate) fn cells_after(model: &Model, founders: &[u64], events: &[i64]) -> Vec<i64> {
    let mut cells: Vec<i64> = founders.iter().map(|n| *n as i64).collect();
    for (transition, n) in model.transitions.iter().zip(events) {
        cells[transition.source] -= n;
        cells[transition.target] += n * transition.kind.arrivals();
    }
    cells
}

impl Kind {
    /// How many cells of the target fate an event makes out of one of the source fate.
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
    use crate::recording::{Stop, Tally};

    /// In fate 0 cells divide, die or move to fate 1; from there they come back.
    const EVENTS: [Kind; 4] = [Kind::Division, Kind::Death, Kind::Move, Kind::Move];
    const FOUNDERS: [u64; 2] = [6, 1];

    /// Observed at 10 h and 20 h of 30, in epochs of 5 h.
    fn example() -> Example {
        Example::kept("stops").with(|run| (run.observe, run.until, run.sync) = (vec![10.0, 20.0], 30.0, 5.0))
    }

    fn plan(example: &Example, model: &Model) -> Plan {
        Plan::new(model, &example.run, &[], (0.0, example.run.until)).unwrap()
    }

    /// An account with these events, each of one epoch.
    fn account(model: &Model, plan: &Plan, events: &[(usize, [usize; 4])]) -> Account {
        let mut account = Account::default();
        account.open(2, model);
        account.follow(plan);
        for (epoch, events) in events {
            account.turn_to(*epoch, plan, model);
            for (k, n) in events.iter().enumerate() {
                (0..*n).for_each(|_| account.count(k, EVENTS[k]));
            }
        }
        account
    }

    #[test]
    fn events_are_counted_in_their_stretch_and_cells_follow_from_them() {
        let example = example();
        let job = example.job();
        let (model, plan) = (job.model(), plan(&example, job.model()));
        assert_eq!(model.transitions.iter().map(|t| t.kind).collect::<Vec<_>>(), EVENTS);
        let events = [(0, [2, 0, 0, 0]), (1, [1, 0, 0, 0]), (2, [0, 1, 3, 0]), (4, [1, 0, 0, 1]), (5, [0, 5, 0, 0])];
        let mut account = account(model, &plan, &events);
        assert_eq!(account.totals(4), [4, 6, 3, 1]);
        assert_eq!(account.present(4), [1, 5, 0, 1]);
        account.turn_to(3, &plan, model);
        assert_eq!(account.present(4), [0, 1, 3, 0]);
        // 7 founders, then 9, 10, 9, 9, 10 and 5 at the ends of the epochs.
        assert_eq!(account.most_cells(7), 10);

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
            tally: Tally::default(),
            drugs: vec![],
        };
        account.enter(model, &FOUNDERS, 1, &mut record);
        assert_eq!((&record.events[..], &record.counts[..]), (&[3, 0, 0, 0, -1, -1, -1, -1][..], &[9, 1, -1, -1][..]));
        account.enter(model, &FOUNDERS, 2, &mut record);
        assert_eq!((&record.events[..], &record.counts[..]), (&[3, 0, 0, 0, 3, 1, 3, 0][..], &[9, 1, 5, 4][..]));

        account.put_back(&[0, 0, 2, 0]);
        assert_eq!(account.totals(4), [4, 5, 2, 1]);
        let mut longer = Account::default();
        longer.open(4, model);
        longer.resume(&account);
        assert_eq!(longer.totals(4), [4, 5, 2, 1]);
        account.follow(&plan);
        assert_eq!(account.most_cells(7), 7);
        account.open(2, model);
        assert_eq!(account.totals(4), [0; 4]);
    }

    #[test]
    fn a_forged_account_is_refused() {
        let example = example();
        let job = example.job();
        let (model, plan) = (job.model(), plan(&example, job.model()));
        let account = account(model, &plan, &[(0, [3, 0, 0, 0]), (2, [0, 1, 3, 1]), (4, [1, 0, 0, 0])]);
        assert!(account.fits(2, model, &FOUNDERS, &[7, 3]));
        assert!(account.fits(3, model, &FOUNDERS, &[7, 3]), "of a run with fewer observations");
        assert!(!account.fits(1, model, &FOUNDERS, &[7, 3]), "of a run with more");
        assert!(!account.fits(2, model, &FOUNDERS, &[6, 3]), "a cell less");
        let fits = |change: &dyn Fn(&mut Vec<i64>)| {
            let mut account = account.clone();
            change(&mut account.events);
            account.fits(2, model, &FOUNDERS, &[7, 3])
        };
        assert!(!fits(&|events| events.extend([0; 4])), "a row too many");
        assert!(!fits(&|events| events.truncate(11)), "not whole rows");
        assert!(!fits(&|events| events[0] += 1), "one more division");
        assert!(!fits(&|events| (events[0], events[4]) = (-1, 4)), "less than no division");
        // As often back as there: no cell more or less.
        let back_and_forth = |n: i64| fits(&|events| (events[2], events[3]) = (n, n));
        assert!(back_and_forth((1 << 52) - 5));
        assert!(!back_and_forth((1 << 52) - 4), "more events than can be told apart");
        assert!(!back_and_forth(i64::MAX), "more than can be added up");
    }
}
