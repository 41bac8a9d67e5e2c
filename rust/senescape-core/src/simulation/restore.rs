//! States of tumours between two epochs: what is needed to go on from there as if nothing had happened.
//!
//! A state is bytes (postcard). It may come from a stranger's file, so all of it is checked against the model and the
//! run before a cell moves: whatever passes can give wrong cells, but no panic.

use super::{State, Worker};
use crate::error::Error;
use crate::population::Table;
use crate::recording::Record;

impl Worker<'_> {
    /// The tumour as it stands at the edge of an epoch, with what the record holds so far.
    pub(super) fn save(&self, time: f64, record: &Record) -> State {
        State {
            replicate: self.replicate,
            time,
            tables: self.population.tables.clone(),
            account: self.progress.events.clone(),
            pools: record.pools.clone(),
            observables: record.observables.clone(),
            pool_state: self.coupling.pools.clone(),
            measured: self.coupling.aggregates.clone(),
            trend: self.coupling.slopes.clone(),
            first_event: self.progress.first_event.clone(),
            last_death: self.progress.last_death,
            tally: self.progress.counters,
            seen: self.progress.observed,
        }
    }

    /// Hand the state over if snapshots were requested since the last one. Tumours with visits give none, because what
    /// plugins remember between visits is not part of a state.
    pub(super) fn answer(&mut self, record: &Record) {
        if self.job.run.visits.is_empty() && self.monitor.is_snapshot_requested() {
            let state = self.save(self.env.end, record);
            self.monitor.control.states.lock().insert(self.replicate, state);
        }
    }

    /// At the end: keep the tumour as it stands at the horizon, or forget how it stood on the way.
    pub(super) fn hand_over(&mut self, at_horizon: bool, record: &Record) -> Result<(), Error> {
        if self.job.run.keep && at_horizon {
            for fate in 0..self.population.tables.len() {
                self.bring(fate, self.job.run.until)?;
            }
            let state = self.save(self.job.run.until, record);
            self.monitor.control.states.lock().insert(self.replicate, state);
        } else if self.job.run.pausable {
            self.monitor.control.states.lock().remove(&self.replicate);
        }
        Ok(())
    }

    /// Go on from a state; gives the epoch of the plan that comes next.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not one of this model and run.
    pub(super) fn restore(&mut self, state: &State, record: &mut Record) -> Result<usize, Error> {
        let epoch = self.fits(state).map_err(|what| {
            Error::Run(format!("the kept tumour {} does not fit the model and the run: {what}", state.replicate))
        })?;
        for (table, from) in self.population.tables.iter_mut().zip(&state.tables) {
            table.restore(from, self.env.plan.top_level());
        }
        self.progress.events.resume(&state.account);
        record.pools[..state.pools.len()].copy_from_slice(&state.pools);
        record.observables[..state.observables.len()].copy_from_slice(&state.observables);
        self.coupling.pools.clone_from(&state.pool_state);
        self.coupling.aggregates.clone_from(&state.measured);
        self.coupling.slopes.clone_from(&state.trend);
        self.progress.first_event.clone_from(&state.first_event);
        (self.progress.last_death, self.progress.counters, self.progress.observed) =
            (state.last_death, state.tally, state.seen);
        self.population.recount();
        Ok(epoch)
    }

    /// The epoch that comes next, if all of a state can be of this model and run; else what cannot.
    fn fits(&self, state: &State) -> Result<usize, &'static str> {
        let model = &self.job.model;
        let edges = &self.env.plan.edges;
        let epoch = edges.iter().position(|edge| *edge == state.time).ok_or("no epoch begins at its time")?;
        if state.tables.len() != model.fates.len() {
            return Err("it has other fates");
        }
        let founders = self.job.run.initial.iter().sum();
        for (table, fate) in state.tables.iter().zip(&model.fates) {
            table.check(model.columns.len(), founders)?;
            // Varying targets are known for an epoch only: their cells were carried to its end.
            let carried = fate.driven.is_empty()
                || (0..table.rows()).all(|row| table.since[row] >= state.time || table.is_gone(row));
            if !carried || table.since.iter().any(|t| *t > state.time) {
                return Err("traits are of another time");
            }
        }
        let rows = self.job.run.observe.len();
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
            && state.account.fits(rows, model, &self.job.run.initial, &alive)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::FINEST;
    use crate::example::Example;
    use crate::population::Cell;
    use crate::recording::Account;
    use crate::simulation::{Control, Nothing};
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
}
