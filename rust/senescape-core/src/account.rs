//! The account of events: starts + births = alive + deaths, always.

use crate::document::Kind;
use crate::model::Model;
use crate::plan::Plan;
use crate::replicate::Record;
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
