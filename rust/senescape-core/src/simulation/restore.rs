//! Snapshots of a replicate: taking them, and going on from one.
//!
//! A snapshot may come from a stranger's file, so all of it is checked against the model and the run before a cell
//! moves. Whatever passes can give wrong cells, but no panic.

use super::{Snapshot, Worker};
use crate::error::Error;
use crate::population::Table;
use crate::recording::Record;

impl Worker<'_> {
    /// Return a snapshot of the replicate at the edge of an epoch, with what the record holds so far.
    pub(super) fn snapshot(&self, time: f64, record: &Record) -> Snapshot {
        Snapshot {
            replicate: self.replicate,
            time,
            tables: self.population.tables.clone(),
            events: self.progress.events.clone(),
            pools: record.pools.clone(),
            observables: record.observables.clone(),
            pool_state: self.coupling.pools.clone(),
            aggregates: self.coupling.aggregates.clone(),
            slopes: self.coupling.slopes.clone(),
            first_event: self.progress.first_event.clone(),
            last_death: self.progress.last_death,
            counters: self.progress.counters,
            observed: self.progress.observed,
        }
    }

    /// Return a snapshot if snapshots were requested since the last one. Replicates with visits return none, because
    /// what plugins remember between visits is not part of a snapshot.
    pub(super) fn return_snapshot(&mut self, record: &Record) {
        if self.job.run.visits.is_empty() && self.monitor.is_snapshot_requested() {
            let snapshot = self.snapshot(self.env.end, record);
            self.monitor.control.snapshots.lock().insert(self.replicate, snapshot);
        }
    }

    /// Return a snapshot at the horizon if the run asks for it; otherwise drop the one that was returned last.
    pub(super) fn return_last_snapshot(&mut self, at_horizon: bool, record: &Record) -> Result<(), Error> {
        if self.job.run.keep && at_horizon {
            for fate in 0..self.population.tables.len() {
                self.advance_to(fate, self.job.run.until)?;
            }
            let snapshot = self.snapshot(self.job.run.until, record);
            self.monitor.control.snapshots.lock().insert(self.replicate, snapshot);
        } else if self.job.run.pausable {
            self.monitor.control.snapshots.lock().remove(&self.replicate);
        }
        Ok(())
    }

    /// Restore a snapshot. Returns the epoch of the timeline that comes next.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not a snapshot of this model and run.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, record: &mut Record) -> Result<usize, Error> {
        let epoch = self.fits(snapshot).map_err(|what| {
            Error::Run(format!("the kept tumour {} does not fit the model and the run: {what}", snapshot.replicate))
        })?;
        for (table, from) in self.population.tables.iter_mut().zip(&snapshot.tables) {
            table.restore(from, self.env.timeline.top_level());
        }
        self.progress.events.resume(&snapshot.events);
        record.pools[..snapshot.pools.len()].copy_from_slice(&snapshot.pools);
        record.observables[..snapshot.observables.len()].copy_from_slice(&snapshot.observables);
        self.coupling.pools.clone_from(&snapshot.pool_state);
        self.coupling.aggregates.clone_from(&snapshot.aggregates);
        self.coupling.slopes.clone_from(&snapshot.slopes);
        self.progress.first_event.clone_from(&snapshot.first_event);
        (self.progress.last_death, self.progress.counters, self.progress.observed) =
            (snapshot.last_death, snapshot.counters, snapshot.observed);
        self.population.recount();
        Ok(epoch)
    }

    /// Check that a snapshot can be of this model and run. Returns the epoch that comes next, or what does not fit.
    fn fits(&self, snapshot: &Snapshot) -> Result<usize, &'static str> {
        let model = &self.job.model;
        let edges = &self.env.timeline.edges;
        let epoch = edges.iter().position(|edge| *edge == snapshot.time).ok_or("no epoch begins at its time")?;
        if snapshot.tables.len() != model.fates.len() {
            return Err("it has other fates");
        }
        let founders = self.job.run.initial.iter().sum();
        for (table, fate) in snapshot.tables.iter().zip(&model.fates) {
            table.check(model.columns.len(), founders)?;
            // Varying targets are known for an epoch only, so their cells stand at its end.
            let carried = fate.driven.is_empty()
                || (0..table.rows()).all(|row| table.since[row] >= snapshot.time || table.is_gone(row));
            if !carried || table.since.iter().any(|t| *t > snapshot.time) {
                return Err("traits are of another time");
            }
        }
        let rows = self.job.run.observe.len();
        let of =
            |values: &[f64], width: usize| values.len() <= rows * width && values.len().is_multiple_of(width.max(1));
        // The cells are counted here, because the snapshot's own counts may be forged.
        let alive_in = |table: &Table| (0..table.rows()).filter(|row| !table.is_gone(*row)).count() as i64;
        let alive: Vec<i64> = snapshot.tables.iter().map(alive_in).collect();
        let same = snapshot.pool_state.len() == model.pools.len()
            && snapshot.aggregates.len() == model.aggregates.len()
            && snapshot.slopes.len() == model.aggregates.len()
            && snapshot.first_event.len() == model.transitions.len()
            && of(&snapshot.pools, model.pools.len())
            && of(&snapshot.observables, model.observables.len())
            && snapshot.events.fits(rows, model, &self.job.run.initial, &alive)
            && snapshot.observed <= rows;
        if !same {
            return Err("its pools, read-outs or events are of another length, or events do not add up to its cells");
        }
        let numbers = [&snapshot.pool_state, &snapshot.aggregates, &snapshot.slopes];
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
    use crate::recording::EventCounts;
    use crate::simulation::{Control, NoCallbacks};
    use std::collections::BTreeMap;

    const HALF_WAY: f64 = 24.0;

    /// Run an example to 24 h, and return the snapshot at that time.
    fn half_way(example: &Example) -> Snapshot {
        let first = example.with(|run| {
            (run.until, run.keep, run.replicates) = (HALF_WAY, true, 1);
            run.observe.retain(|t| *t <= HALF_WAY);
            run.doses.clear();
        });
        let control = Control::default();
        first.job().run(&control, &NoCallbacks, &BTreeMap::new()).unwrap();
        control.snapshots.lock()[&0].clone()
    }

    /// Return the message about a snapshot from which a run is to go on, if any.
    fn said(example: &Example, snapshot: Snapshot) -> Option<String> {
        let on = example.with(|run| (run.begin, run.replicates) = (HALF_WAY, 1));
        let outcome = on.job().run(&Control::default(), &NoCallbacks, &BTreeMap::from([(0, snapshot)])).unwrap();
        let said = outcome.error.map(|error| error.to_string());
        said.map(|said| {
            said.replace("the run is not valid: the kept tumour 0 does not fit the model and the run: ", "")
        })
    }

    /// Return an example with two fates whose traits follow a drug, a pool, aggregates and two observables, with five
    /// observations of which three are before 24 h.
    fn everything() -> Example {
        Example::load("everything").with(|run| {
            (run.initial, run.until) = (vec![150, 50], 48.0);
            run.observe = (0..5).map(|i| 12.0 * f64::from(i)).collect();
        })
    }

    type Forgery = (&'static str, fn(&mut Snapshot));

    const TIME: &str = "no epoch begins at its time";
    const FATES: &str = "it has other fates";
    const TRAITS: &str = "traits are of another time";
    const LENGTHS: &str = "its pools, read-outs or events are of another length, or events do not add up to its cells";
    const FINITE: &str = "a pool or an aggregate is not finite";
    const COLUMNS: &str = "columns of cells are of different lengths";
    const CELL: &str = "a cell is impossible";

    const FORGERIES: &[Forgery] = &[
        (TIME, |snapshot| snapshot.time = 23.0),
        (FATES, |snapshot| snapshot.tables.truncate(1)),
        (FATES, |snapshot| snapshot.tables.push(Table::new(5, 64))),
        (TRAITS, |snapshot| (snapshot.tables[1].entered[3], snapshot.tables[1].since[3]) = (0.0, 23.0)),
        (TRAITS, |snapshot| {
            let table = &mut snapshot.tables[1];
            (table.since[3], table.wake[3], table.window_end[3]) = (25.0, 26.0, 27.0);
        }),
        (LENGTHS, |snapshot| snapshot.pool_state.push(1.0)),
        (LENGTHS, |snapshot| snapshot.aggregates.push(1.0)),
        (LENGTHS, |snapshot| snapshot.slopes.push(0.0)),
        (LENGTHS, |snapshot| snapshot.first_event.push(1.0)),
        (LENGTHS, |snapshot| snapshot.pools.resize(6, 1.0)),
        (LENGTHS, |snapshot| snapshot.observables.resize(12, 1.0)),
        (LENGTHS, |snapshot| snapshot.observables.push(1.0)),
        (LENGTHS, |snapshot| snapshot.events = EventCounts::default()),
        (LENGTHS, |snapshot| snapshot.tables[0].remove(3)),
        (LENGTHS, |snapshot| snapshot.observed = 6),
        (FINITE, |snapshot| snapshot.pool_state[0] = f64::NAN),
        (FINITE, |snapshot| snapshot.aggregates[0] = f64::INFINITY),
        (FINITE, |snapshot| snapshot.slopes[0] = f64::NEG_INFINITY),
        (COLUMNS, |snapshot| snapshot.tables[1].draws.push(0)),
        (COLUMNS, |snapshot| snapshot.tables[1].clone.push(0)),
        (COLUMNS, |snapshot| snapshot.tables[1].marks.push(0)),
        (COLUMNS, |snapshot| snapshot.tables[1].level.push(0)),
        (COLUMNS, |snapshot| snapshot.tables[1].entered.push(0.0)),
        (COLUMNS, |snapshot| snapshot.tables[1].since.push(HALF_WAY)),
        (COLUMNS, |snapshot| snapshot.tables[1].wake.push(HALF_WAY)),
        (COLUMNS, |snapshot| snapshot.tables[1].threshold.push(1.0)),
        (COLUMNS, |snapshot| snapshot.tables[1].bound.push(1.0)),
        (COLUMNS, |snapshot| snapshot.tables[1].window_end.push(HALF_WAY)),
        (COLUMNS, |snapshot| snapshot.tables[1].key.truncate(5)),
        (COLUMNS, |snapshot| snapshot.tables[1].columns[2].push(1.0)),
        (COLUMNS, |snapshot| snapshot.tables[1].columns.truncate(4)),
        (CELL, |snapshot| snapshot.tables[1].level[3] = FINEST - 1),
        (CELL, |snapshot| snapshot.tables[1].clone[3] = 200),
        (CELL, |snapshot| snapshot.tables[1].entered[3] = snapshot.tables[1].since[3] + 1.0),
        (CELL, |snapshot| (snapshot.tables[1].entered[3], snapshot.tables[1].since[3]) = (-2.0, -1.0)),
        (CELL, |snapshot| snapshot.tables[1].wake[3] = 23.0),
        (CELL, |snapshot| snapshot.tables[1].threshold[3] = -1.0),
        (CELL, |snapshot| snapshot.tables[1].threshold[3] = f64::INFINITY),
        (CELL, |snapshot| snapshot.tables[1].bound[3] = -1.0),
        (CELL, |snapshot| snapshot.tables[1].bound[3] = f64::INFINITY),
        (CELL, |snapshot| snapshot.tables[1].window_end[3] = 23.0),
        (CELL, |snapshot| snapshot.tables[1].columns[2][3] = f32::NAN),
    ];

    #[test]
    fn a_forged_snapshot_is_refused() {
        let example = everything();
        let snapshot = half_way(&example);
        assert_eq!(said(&example, snapshot.clone()), None);
        for (number, (what, forge)) in FORGERIES.iter().enumerate() {
            let mut forged = snapshot.clone();
            forge(&mut forged);
            assert_eq!(said(&example, forged).as_deref(), Some(*what), "forgery {number}");
        }
    }

    #[test]
    fn a_snapshot_may_be_of_a_shorter_run_and_hold_rows_of_the_gone() {
        let example = everything();
        let mut snapshot = half_way(&example);
        let gone =
            Cell { clone: u32::MAX, traits: vec![f32::NAN; snapshot.tables[0].columns.len()], ..Cell::default() };
        let row = snapshot.tables[0].rows();
        snapshot.tables[0].push(&gone);
        snapshot.tables[0].remove(row);
        (snapshot.tables[0].clone[0], snapshot.observed) = (199, 5);
        snapshot.pools.resize(5, 1.0);
        snapshot.observables.resize(10, 1.0);
        assert_eq!(said(&example, snapshot), None);
    }

    /// Traits that only events change may be of any earlier time; all traits of `stops` are such.
    #[test]
    fn traits_that_hold_still_may_be_of_earlier() {
        let example = Example::load("stops").with(|run| {
            (run.initial, run.sync, run.stop.max_cells, run.stop.relapse) = (vec![40, 20], 6.0, 1000, None);
            run.until = 48.0;
            run.observe.truncate(4);
        });
        let mut snapshot = half_way(&example);
        (snapshot.tables[1].entered[0], snapshot.tables[1].since[0]) = (0.0, 1.0);
        assert_eq!(said(&example, snapshot.clone()), None);
        (snapshot.tables[1].since[0], snapshot.tables[1].wake[0], snapshot.tables[1].window_end[0]) =
            (25.0, 26.0, 27.0);
        assert_eq!(said(&example, snapshot).as_deref(), Some(TRAITS));
    }
}
