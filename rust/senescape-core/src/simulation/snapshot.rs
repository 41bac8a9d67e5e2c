//! States of tumours between two epochs: what is needed to go on from there as if nothing had happened.
//!
//! A state is bytes (postcard). It may come from a stranger's file, so all of it is checked against the model and the
//! run before a cell moves: whatever passes can give wrong cells, but no panic.

use crate::environment::env::FINEST;
use crate::error::Error;
use crate::population::table::Table;
use crate::recording::counters::Tally;
use crate::recording::event_counts::Account;
use crate::recording::record::Record;
use crate::simulation::worker::Worker;
use serde::{Deserialize, Serialize};

/// A tumour at the edge of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Which replicate.
    pub replicate: u64,
    /// The time (h).
    pub time: f64,
    tables: Vec<Table>,
    account: Account,
    pools: Vec<f64>,
    observables: Vec<f64>,
    pool_state: Vec<f64>,
    measured: Vec<f64>,
    trend: Vec<f64>,
    first_event: Vec<f64>,
    last_death: f64,
    tally: Tally,
    seen: usize,
}

impl State {
    /// As bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if memory runs out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(self).map_err(|error| Error::Internal(format!("a state cannot be written: {error}")))
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Error::Run`] if they are not a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (state, rest) = postcard::take_from_bytes::<Self>(bytes)
            .map_err(|error| Error::Run(format!("a kept tumour is damaged: {error}")))?;
        if rest.is_empty() {
            Ok(state)
        } else {
            Err(Error::Run(format!("a kept tumour is damaged: {} bytes too many", rest.len())))
        }
    }
}

impl Worker<'_> {
    /// The tumour as it stands at the edge of an epoch, with what the record holds so far.
    pub(crate) fn save(&self, time: f64, record: &Record) -> State {
        State {
            replicate: self.replicate,
            time,
            tables: self.tables.clone(),
            account: self.account.clone(),
            pools: record.pools.clone(),
            observables: record.observables.clone(),
            pool_state: self.pool_state.clone(),
            measured: self.measured.clone(),
            trend: self.trend.clone(),
            first_event: self.first_event.clone(),
            last_death: self.last_death,
            tally: self.tally,
            seen: self.seen,
        }
    }

    /// Go on from a state; gives the epoch of the plan that comes next.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not one of this model and run.
    pub(crate) fn restore(&mut self, state: &State, record: &mut Record) -> Result<usize, Error> {
        let epoch = self.fits(state).map_err(|what| {
            Error::Run(format!("the kept tumour {} does not fit the model and the run: {what}", state.replicate))
        })?;
        for (table, from) in self.tables.iter_mut().zip(&state.tables) {
            table.restore(from, self.plan.top_level());
        }
        self.account.resume(&state.account);
        record.pools[..state.pools.len()].copy_from_slice(&state.pools);
        record.observables[..state.observables.len()].copy_from_slice(&state.observables);
        self.pool_state.clone_from(&state.pool_state);
        self.measured.clone_from(&state.measured);
        self.trend.clone_from(&state.trend);
        self.first_event.clone_from(&state.first_event);
        (self.last_death, self.tally, self.seen) = (state.last_death, state.tally, state.seen);
        self.alive = self.tables.iter().map(|table| table.alive() as u64).sum();
        Ok(epoch)
    }

    /// The epoch that comes next, if all of a state can be of this model and run; else what cannot.
    fn fits(&self, state: &State) -> Result<usize, &'static str> {
        let model = self.model;
        let edges = &self.plan.edges;
        let epoch = edges.iter().position(|edge| *edge == state.time).ok_or("no epoch begins at its time")?;
        if state.tables.len() != model.fates.len() {
            return Err("it has other fates");
        }
        let founders = self.run.initial.iter().sum();
        for (table, fate) in state.tables.iter().zip(&model.fates) {
            table.check(model.columns.len(), founders)?;
            // Varying targets are known for an epoch only: their cells were carried to its end.
            let carried = fate.driven.is_empty()
                || (0..table.rows()).all(|row| table.since[row] >= state.time || table.is_gone(row));
            if !carried || table.since.iter().any(|t| *t > state.time) {
                return Err("traits are of another time");
            }
        }
        let rows = self.run.observe.len();
        let of =
            |values: &[f64], width: usize| values.len() <= rows * width && values.len().is_multiple_of(width.max(1));
        // Counted anew: what a state says of itself is not to be relied on.
        let alive_in = |table: &Table| (0..table.rows()).filter(|row| !table.is_gone(*row)).count() as i64;
        let alive: Vec<i64> = state.tables.iter().map(alive_in).collect();
        let same = state.pool_state.len() == model.pools.len()
            && state.measured.len() == model.aggregates.len()
            && state.trend.len() == model.aggregates.len()
            && state.first_event.len() == model.transitions.len()
            && of(&state.pools, model.pools.len())
            && of(&state.observables, model.observables.len())
            && state.account.fits(rows, model, &self.run.initial, &alive)
            && state.seen <= rows;
        if !same {
            return Err("its pools, read-outs or events are of another length, or events do not add up to its cells");
        }
        let numbers = [&state.pool_state, &state.measured, &state.trend];
        if numbers.iter().any(|values| values.iter().any(|x| !x.is_finite())) {
            return Err("a pool or an aggregate is not finite");
        }
        Ok(epoch)
    }
}

impl Table {
    /// Whether columns have one length and values that a run can go on from.
    fn check(&self, columns: usize, founders: u64) -> Result<(), &'static str> {
        let rows = self.key.len();
        let lengths = [self.draws.len(), self.clone.len(), self.marks.len(), self.level.len()];
        let times = [&self.entered, &self.since, &self.wake, &self.threshold, &self.bound, &self.window_end];
        let even = lengths.iter().all(|n| *n == rows)
            && times.iter().all(|column| column.len() == rows)
            && self.columns.len() == columns
            && self.columns.iter().all(|column| column.len() == rows)
            && rows <= u32::MAX as usize;
        if !even {
            return Err("columns of cells are of different lengths");
        }
        for row in (0..rows).filter(|row| !self.is_gone(*row)) {
            let sound = self.level[row] >= FINEST
                && u64::from(self.clone[row]) < founders
                && self.entered[row] <= self.since[row]
                && self.since[row] >= 0.0
                && self.wake[row] >= self.since[row]
                && self.threshold[row] >= 0.0
                && self.threshold[row].is_finite()
                && self.bound[row] >= 0.0
                && self.bound[row].is_finite()
                && self.window_end[row] >= self.since[row]
                && self.columns.iter().all(|column| column[row].is_finite());
            if !sound {
                return Err("a cell is impossible");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::population::table::Cell;
    use crate::simulation::callbacks::Nothing;
    use crate::simulation::job::Control;
    use std::collections::BTreeMap;

    const KEPT: f64 = 24.0;

    /// A run to 24 h, and the tumour that is kept then.
    fn kept(example: &Example) -> State {
        let first = example.with(|run| {
            (run.until, run.keep, run.replicates) = (KEPT, true, 1);
            run.observe.retain(|t| *t <= KEPT);
            run.doses.clear();
        });
        let control = Control::default();
        first.job().run(&control, &Nothing, &BTreeMap::new()).unwrap();
        control.states.lock()[&0].clone()
    }

    /// What is said of a state from which a run is to go on; nothing if it goes on.
    fn said(example: &Example, state: State) -> Option<String> {
        let on = example.with(|run| (run.begin, run.replicates) = (KEPT, 1));
        let outcome = on.job().run(&Control::default(), &Nothing, &BTreeMap::from([(0, state)])).unwrap();
        let said = outcome.error.map(|error| error.to_string());
        said.map(|said| {
            said.replace("the run is not valid: the kept tumour 0 does not fit the model and the run: ", "")
        })
    }

    /// Two fates whose traits follow a drug; a pool, aggregates and two read-outs, of five rows of which three are seen.
    fn everything() -> Example {
        Example::kept("everything").with(|run| {
            (run.initial, run.until) = (vec![150, 50], 48.0);
            run.observe = (0..5).map(|i| 12.0 * f64::from(i)).collect();
        })
    }

    type Forgery = (&'static str, fn(&mut State));

    const TIME: &str = "no epoch begins at its time";
    const FATES: &str = "it has other fates";
    const TRAITS: &str = "traits are of another time";
    const LENGTHS: &str = "its pools, read-outs or events are of another length, or events do not add up to its cells";
    const FINITE: &str = "a pool or an aggregate is not finite";
    const COLUMNS: &str = "columns of cells are of different lengths";
    const CELL: &str = "a cell is impossible";

    const FORGERIES: &[Forgery] = &[
        (TIME, |state| state.time = 23.0),
        (FATES, |state| state.tables.truncate(1)),
        (FATES, |state| state.tables.push(Table::new(5, 64))),
        (TRAITS, |state| (state.tables[1].entered[3], state.tables[1].since[3]) = (0.0, 23.0)),
        (TRAITS, |state| {
            let table = &mut state.tables[1];
            (table.since[3], table.wake[3], table.window_end[3]) = (25.0, 26.0, 27.0);
        }),
        (LENGTHS, |state| state.pool_state.push(1.0)),
        (LENGTHS, |state| state.measured.push(1.0)),
        (LENGTHS, |state| state.trend.push(0.0)),
        (LENGTHS, |state| state.first_event.push(1.0)),
        (LENGTHS, |state| state.pools.resize(6, 1.0)),
        (LENGTHS, |state| state.observables.resize(12, 1.0)),
        (LENGTHS, |state| state.observables.push(1.0)),
        (LENGTHS, |state| state.account = Account::default()),
        (LENGTHS, |state| state.tables[0].remove(3)),
        (LENGTHS, |state| state.seen = 6),
        (FINITE, |state| state.pool_state[0] = f64::NAN),
        (FINITE, |state| state.measured[0] = f64::INFINITY),
        (FINITE, |state| state.trend[0] = f64::NEG_INFINITY),
        (COLUMNS, |state| state.tables[1].draws.push(0)),
        (COLUMNS, |state| state.tables[1].clone.push(0)),
        (COLUMNS, |state| state.tables[1].marks.push(0)),
        (COLUMNS, |state| state.tables[1].level.push(0)),
        (COLUMNS, |state| state.tables[1].entered.push(0.0)),
        (COLUMNS, |state| state.tables[1].since.push(KEPT)),
        (COLUMNS, |state| state.tables[1].wake.push(KEPT)),
        (COLUMNS, |state| state.tables[1].threshold.push(1.0)),
        (COLUMNS, |state| state.tables[1].bound.push(1.0)),
        (COLUMNS, |state| state.tables[1].window_end.push(KEPT)),
        (COLUMNS, |state| state.tables[1].key.truncate(5)),
        (COLUMNS, |state| state.tables[1].columns[2].push(1.0)),
        (COLUMNS, |state| state.tables[1].columns.truncate(4)),
        (CELL, |state| state.tables[1].level[3] = FINEST - 1),
        (CELL, |state| state.tables[1].clone[3] = 200),
        (CELL, |state| state.tables[1].entered[3] = state.tables[1].since[3] + 1.0),
        (CELL, |state| (state.tables[1].entered[3], state.tables[1].since[3]) = (-2.0, -1.0)),
        (CELL, |state| state.tables[1].wake[3] = 23.0),
        (CELL, |state| state.tables[1].threshold[3] = -1.0),
        (CELL, |state| state.tables[1].threshold[3] = f64::INFINITY),
        (CELL, |state| state.tables[1].bound[3] = -1.0),
        (CELL, |state| state.tables[1].bound[3] = f64::INFINITY),
        (CELL, |state| state.tables[1].window_end[3] = 23.0),
        (CELL, |state| state.tables[1].columns[2][3] = f32::NAN),
    ];

    #[test]
    fn a_forged_state_is_refused() {
        let example = everything();
        let state = kept(&example);
        assert_eq!(said(&example, state.clone()), None);
        for (number, (what, forge)) in FORGERIES.iter().enumerate() {
            let mut forged = state.clone();
            forge(&mut forged);
            assert_eq!(said(&example, forged).as_deref(), Some(*what), "forgery {number}");
        }
    }

    #[test]
    fn a_state_may_be_of_a_shorter_run_and_hold_rows_of_the_gone() {
        let example = everything();
        let mut state = kept(&example);
        let gone = Cell { clone: u32::MAX, traits: vec![f32::NAN; state.tables[0].columns.len()], ..Cell::default() };
        let row = state.tables[0].rows();
        state.tables[0].push(&gone);
        state.tables[0].remove(row);
        (state.tables[0].clone[0], state.seen) = (199, 5);
        state.pools.resize(5, 1.0);
        state.observables.resize(10, 1.0);
        assert_eq!(said(&example, state), None);
    }

    /// Traits that nothing but events changes may be of any time before; in `stops` there are no others.
    #[test]
    fn traits_that_hold_still_may_be_of_earlier() {
        let example = Example::kept("stops").with(|run| {
            (run.initial, run.sync, run.stop.max_cells, run.stop.relapse) = (vec![40, 20], 6.0, 1000, None);
            run.until = 48.0;
            run.observe.truncate(4);
        });
        let mut state = kept(&example);
        (state.tables[1].entered[0], state.tables[1].since[0]) = (0.0, 1.0);
        assert_eq!(said(&example, state.clone()), None);
        (state.tables[1].since[0], state.tables[1].wake[0], state.tables[1].window_end[0]) = (25.0, 26.0, 27.0);
        assert_eq!(said(&example, state).as_deref(), Some(TRAITS));
    }

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        assert!(State::from_bytes(&[]).is_err());
        assert!(State::from_bytes(&[0xff; 64]).is_err());
        let state = State {
            replicate: 3,
            time: 24.0,
            tables: vec![Table::new(2, 64)],
            account: Account::default(),
            pools: vec![1.0],
            observables: vec![f64::NAN],
            pool_state: vec![1.0],
            measured: vec![],
            trend: vec![],
            first_event: vec![f64::NAN],
            last_death: f64::NAN,
            tally: Tally::default(),
            seen: 1,
        };
        let bytes = state.to_bytes().unwrap_or_default();
        let again = State::from_bytes(&bytes).ok();
        // NaN is not equal to itself; its bytes are.
        assert_eq!(again.and_then(|state| state.to_bytes().ok()), Some(bytes.clone()));
        for cut in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(State::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}
