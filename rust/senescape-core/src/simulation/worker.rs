//! The worker runs one replicate: epochs, the coupling of cells and environment, observations and stop rules.

use super::coupling::Coupling;
use super::monitor::Monitor;
use super::progress::Progress;
use super::rollback::EpochStart;
use super::scratch::Scratch;
use super::{Callbacks, Control, Job, Snapshot};
use crate::environment::{Environment, Timeline};
use crate::error::{Error, FaultKind, RateFault};
use crate::population::Population;
use crate::random::Stream;
use crate::recording::{End, Profile, Record, Stop, cells_after};
use std::sync::Arc;
use std::time::Instant;

/// How far cells are advanced at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schedule {
    /// To the end of each epoch.
    Epochs,
    /// To the next observation of cells, or to the horizon: for independent cells.
    Whole,
}

/// Runs the replicates of a job one after another, with the same memory.
pub(super) struct Worker<'m> {
    pub(super) job: &'m Job,
    pub(super) callbacks: &'m dyn Callbacks,
    pub(super) monitor: Monitor<'m>,
    /// The number of the replicate, and its random numbers.
    pub(super) replicate: u64,
    pub(super) stream: Stream,
    pub(super) env: Environment,
    pub(super) population: Population,
    pub(super) coupling: Coupling,
    pub(super) progress: Progress,
    pub(super) epoch_start: EpochStart,
    /// The time that each kind of work took since the ensemble collected it last.
    pub(super) profile: Profile,
    pub(super) scratch: Scratch,
}

impl<'m> Worker<'m> {
    /// Make a worker that has not run a replicate yet.
    pub(super) fn new(job: &'m Job, callbacks: &'m dyn Callbacks, control: &'m Control) -> Self {
        let model = &job.model;
        Self {
            job,
            callbacks,
            monitor: Monitor::new(control),
            replicate: 0,
            stream: Stream::new(0, 0),
            env: Environment::new(model, &job.timeline),
            population: Population::new(model.fates.len(), model.columns.len(), job.run.block),
            coupling: Coupling::new(model),
            progress: Progress::new(model),
            epoch_start: EpochStart::default(),
            profile: Profile::new(model.fates.len(), model.callbacks.len()),
            scratch: Scratch::new(model),
        }
    }

    /// Run one replicate, from the start or from a snapshot.
    ///
    /// # Errors
    /// [`Error::Rate`], [`Error::Pool`] or [`Error::Interrupted`]; [`Error::Run`] if the snapshot does not fit.
    pub(super) fn run(&mut self, replicate: u64, snapshot: Option<&Snapshot>) -> Result<Record, Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        let begun = Instant::now();
        let mut record = None;
        // A snapshot is restored at the start of an epoch, and the run goes on epoch by epoch.
        if self.job.cells_are_independent() && snapshot.is_none() && self.job.run.begin == 0.0 {
            record = self.run_on(replicate, Schedule::Whole, None)?;
        }
        if record.is_none() {
            // In a run by epochs, the limit on cells ends the replicate at the right time.
            record = self.run_on(replicate, Schedule::Epochs, snapshot)?;
        }
        let cells = self.job.run.initial.iter().sum::<u64>() as usize;
        self.profile.replicates.add(cells, begun);
        record.ok_or_else(|| Error::Internal("a replicate has no end".into()))
    }

    /// Run a replicate on a schedule. Returns nothing if there were more cells than the limit and the schedule does not
    /// show when.
    fn run_on(
        &mut self,
        replicate: u64,
        schedule: Schedule,
        snapshot: Option<&Snapshot>,
    ) -> Result<Option<Record>, Error> {
        self.reset(replicate);
        let drugs = self.job.has_visits();
        let mut record = Record::blank(replicate, &self.job.model, self.job.observations(), drugs);
        let batched = if schedule == Schedule::Whole { record.observables.len() } else { 0 };
        self.progress.sum_batches(batched);
        let end = match schedule {
            Schedule::Whole => match self.run_whole(&mut record)? {
                true => End { stop: Stop::Horizon, time: self.job.run.until, observed: self.job.run.observe.len() },
                false => return Ok(None),
            },
            Schedule::Epochs => self.run_epochs(&mut record, snapshot)?,
        };
        self.complete(record, end).map(Some)
    }

    fn reset(&mut self, replicate: u64) {
        self.replicate = replicate;
        self.stream = Stream::new(self.job.run.seed, replicate);
        self.progress.reset(self.job.run.observe.len(), &self.job.model);
        self.follow(Arc::clone(&self.job.timeline));
        self.coupling.pools.clone_from(&self.job.model.pool_initial);
        self.release_memory();
        self.clear();
    }

    /// Follow a timeline, from its first epoch.
    pub(super) fn follow(&mut self, timeline: Arc<Timeline>) {
        self.progress.events.follow(&timeline);
        self.env.follow(&self.job.model, timeline);
    }

    /// Take all cells out and go back to the start.
    pub(super) fn clear(&mut self) {
        self.population.clear();
        self.env.enter(0);
    }

    /// Run all founders together, epoch by epoch, from visit to visit.
    fn run_epochs(&mut self, record: &mut Record, snapshot: Option<&Snapshot>) -> Result<End, Error> {
        let mut from = 0;
        if let Some(snapshot) = snapshot {
            from = self.restore(snapshot, record)?;
        } else if self.job.run.begin > 0.0 {
            return Err(Error::Run(format!("nothing was kept of replicate {} to go on from", self.replicate)));
        } else {
            for (fate, founders) in self.founder_batches() {
                self.add_founders(fate, founders)?;
                if self.over_memory() {
                    return Err(self.memory_error());
                }
            }
        }
        let ended =
            if self.job.run.visits.is_empty() { self.run_timeline(record, from)? } else { self.run_visits(record)? };
        self.progress.count_survivors(&self.population.tables);
        self.return_last_snapshot(ended.is_none(), record)?;
        Ok(ended.unwrap_or(End { stop: Stop::Horizon, time: self.job.run.until, observed: self.progress.observed }))
    }

    /// Run the epochs of the timeline from one on. Returns the end if the replicate ends with one of them.
    pub(super) fn run_timeline(&mut self, record: &mut Record, from: usize) -> Result<Option<End>, Error> {
        let begins = self.env.timeline.edges[0] == 0.0;
        for epoch in from..self.env.timeline.epochs() {
            self.env.enter(epoch);
            self.progress.counters.epochs += 1;
            if begins && epoch == 0 {
                self.aggregate_first()?;
            }
            self.couple(epoch)?;
            self.evaluate_callbacks()?;
            if begins && epoch == 0 {
                self.observe(0, record)?;
                if self.relapsed(0.0) {
                    return Ok(Some(End { stop: Stop::Relapsed, time: 0.0, observed: self.progress.observed }));
                }
            }
            self.save_epoch_start(epoch);
            if !self.sweep_blocks(epoch, epoch)? {
                let time = self.env.start;
                self.roll_back(epoch);
                return Ok(Some(End { stop: Stop::CellCap, time, observed: self.progress.observed }));
            }
            self.correct()?;
            self.observe(epoch + 1, record)?;
            let stop = match () {
                () if self.relapsed(self.env.end) => Some(Stop::Relapsed),
                () if self.population.alive > self.job.run.stop.max_cells => Some(Stop::CellCap),
                () => None,
            };
            if let Some(stop) = stop {
                return Ok(Some(End { stop, time: self.env.end, observed: self.progress.observed }));
            }
            if self.job.run.pausable {
                self.return_snapshot(record);
            }
        }
        Ok(None)
    }

    /// Run founders in batches, each to the horizon. The batch stays in the cache, and memory does not grow with the
    /// tumour. Returns false if there may have been more cells than the limit.
    fn run_whole(&mut self, record: &mut Record) -> Result<bool, Error> {
        for (fate, founders) in self.founder_batches() {
            self.clear();
            self.add_founders(fate, founders)?;
            self.observe(0, record)?;
            let mut epoch = 0;
            while epoch < self.env.timeline.epochs() {
                let last = self.last_epoch_of_sweep(epoch);
                self.env.enter(epoch);
                if !self.sweep_blocks(epoch, last)? {
                    return Ok(false);
                }
                self.observe(last + 1, record)?;
                epoch = last + 1;
            }
            self.progress.count_survivors(&self.population.tables);
        }
        self.progress.counters.epochs = self.env.timeline.epochs() as u64;
        let founders: u64 = self.job.run.initial.iter().sum();
        Ok(self.progress.events.most_cells(founders) <= self.job.run.stop.max_cells)
    }

    /// Complete the record, and check that every cell is accounted for.
    fn complete(&self, mut record: Record, end: End) -> Result<Record, Error> {
        self.progress.events.write_to(&self.job.model, &self.job.run.initial, end.observed, &mut record);
        self.finish_read_outs(end.observed, &mut record);
        record.total_events = self.progress.events.totals(self.job.model.transitions.len());
        record.total_counts = cells_after(&self.job.model, &self.job.run.initial, &record.total_events);
        for ((found, wanted), fate) in
            self.progress.survivors.iter().zip(&record.total_counts).zip(&self.job.model.fates)
        {
            if found != wanted {
                return Err(Error::Internal(format!(
                    "the ledger does not close in replicate {}: fate '{}' has {found} cells, events say {wanted}",
                    self.replicate, fate.name
                )));
            }
        }
        record.first_event.clone_from(&self.progress.first_event);
        record.last_death = self.progress.last_death;
        (record.stop, record.end_time) = (end.stop, end.time);
        let gone = record.total_counts.iter().all(|n| *n == 0);
        // Without cells no event can happen, but pools and observables still go on to the horizon.
        if end.stop == Stop::Horizon && gone && self.job.run.stop.eradicated {
            record.stop = Stop::Eradicated;
            record.end_time = if self.progress.last_death.is_nan() { 0.0 } else { self.progress.last_death };
        }
        record.counters = self.progress.counters;
        Ok(record)
    }

    fn relapsed(&self, now: f64) -> bool {
        self.job.run.stop.relapse.as_ref().is_some_and(|rule| {
            let cells: usize = rule.fates.iter().map(|&f| self.population.tables[f].alive()).sum();
            now >= rule.after && cells as f64 > rule.above
        })
    }

    pub(super) fn interrupted(&self) -> bool {
        self.monitor.is_cancelled()
    }

    pub(super) fn fault(&self, fate: usize, rule: String, time: f64, kind: FaultKind) -> Error {
        Error::Rate(RateFault {
            rule,
            fate: self.job.model.fates[fate].name.clone(),
            time,
            replicate: self.replicate,
            kind,
            inputs: Vec::new(),
        })
    }
}

#[cfg(test)]
impl Job {
    /// Make a worker that has not run anything yet.
    pub(super) fn worker<'a>(&'a self, control: &'a Control) -> Worker<'a> {
        Worker::new(self, &super::NoCallbacks, control)
    }

    /// Make a worker whose tumour stands at the start of its first epoch.
    pub(super) fn started<'a>(&'a self, control: &'a Control) -> Worker<'a> {
        let mut worker = self.worker(control);
        worker.coupling.pools.clone_from(&self.model.pool_initial);
        worker.progress.events.reset(self.observations(), &self.model);
        worker.progress.events.follow(&worker.env.timeline);
        for (fate, founders) in worker.founder_batches() {
            worker.add_founders(fate, founders).unwrap();
        }
        worker.env.enter(0);
        worker.aggregate_first().unwrap();
        worker.couple(0).unwrap();
        worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Aggregation, DoseDocument, EventKind, ObservableDocument, RelapseDocument, RouteDocument};
    use crate::example::Example;
    use crate::expr::{Input, Node};
    use crate::population::Cell;
    use crate::simulation::NoCallbacks;
    use std::collections::BTreeMap;

    #[test]
    fn a_run_that_goes_on_needs_what_was_kept() {
        // Independent cells, and others.
        for name in ["distributions", "everything"] {
            let later = Example::load(name).with(|run| run.begin = 30.0);
            let said = later.records().unwrap_err().to_string();
            assert!(said.contains("nothing was kept of replicate 0"), "{name}: {said}");
        }
    }

    #[test]
    fn a_relapse_is_more_cells_than_allowed_from_a_time_on() {
        let job = Example::load("stops")
            .with(|run| {
                (run.initial, run.until) = (vec![5, 2], 30.0);
                run.observe.truncate(4);
                run.stop.relapse = Some(RelapseDocument { fates: vec![0, 1], above: 7.0, after: 10.0 });
            })
            .job();
        let control = Control::default();
        let mut worker = job.started(&control);
        let at = |worker: &mut Worker<'_>, epoch| {
            worker.env.enter(epoch);
            (worker.env.end, worker.relapsed(worker.env.end))
        };
        assert_eq!(at(&mut worker, 1), (10.0, false), "as many as allowed");
        let cell = Cell { traits: vec![1.0], ..Cell::default() };
        worker.population.tables[1].push(&cell);
        assert_eq!([0, 1, 2].map(|epoch| at(&mut worker, epoch)), [(5.0, false), (10.0, true), (15.0, true)]);
        worker.population.tables[0].remove(0);
        assert_eq!(at(&mut worker, 2), (15.0, false));
    }

    #[test]
    fn a_tumour_may_have_relapsed_from_the_start() {
        let stops = |after: f64| {
            let example = Example::load("stops").with(|run| {
                (run.initial, run.until) = (vec![5, 2], 30.0);
                run.observe.truncate(4);
                run.stop.relapse = Some(RelapseDocument { fates: vec![0, 1], above: 6.0, after });
            });
            example.records().unwrap().remove(0)
        };
        let record = stops(0.0);
        assert_eq!((record.stop, record.end_time, record.total_counts), (Stop::Relapsed, 0.0, vec![5, 2]));
        assert_eq!(record.counts[..2], [5, 2]);
        assert!(record.counts[2..].iter().all(|n| *n == -1), "nothing is observed after a stop");
        assert!(stops(1.0).end_time > 0.0);
    }

    /// An observable of a concentration and the record of concentrations are of one moment.
    #[test]
    fn a_read_out_sees_the_doses_of_its_time() {
        let mut example = Example::load("drugs").with(|run| {
            (run.until, run.observe, run.initial) = (48.0, vec![0.0, 12.0, 24.0, 48.0], vec![3]);
            let dose = |at| DoseDocument { drug: 0, at, amount: 2.0, route: RouteDocument::Bolus, duration: None };
            run.doses = [0.0, 12.0, 48.0].map(dose).to_vec();
        });
        let value = example.node(Node::Input { input: Input::Drug(0) });
        example.model.observables =
            vec![ObservableDocument { name: "seen".into(), fate: 0, kind: Aggregation::Sum, value }];
        let job = example.job();
        let record = job.run(&Control::default(), &NoCallbacks, &BTreeMap::new()).unwrap().records.remove(0);
        let levels = job.concentrations();
        let drugs = example.model.drugs.len();
        for row in 0..4 {
            let (cells, level) = (record.counts[row] as f64, levels[row * drugs]);
            assert!(
                (record.observables[row] - cells * level).abs() <= 1e-6 * cells * level,
                "{row}: {record:?} {level}"
            );
        }
    }

    #[test]
    fn a_tumour_that_is_gone_was_eradicated_with_its_last_cell() {
        let mut example = Example::constant(1.0, 1.0).with(|run| run.initial = vec![20]);
        let model = &mut example.model;
        model.causes.push("all".into());
        (model.transitions[0].kind, model.transitions[0].cause) = (EventKind::Death, Some(0));
        model.transitions[0].target = None;
        let record = example.records().unwrap().remove(0);
        assert!(record.stop == Stop::Eradicated && record.end_time == record.last_death && record.last_death < 30.0);
        let record = example.with(|run| run.stop.eradicated = false).records().unwrap().remove(0);
        assert_eq!((record.stop, record.end_time), (Stop::Horizon, example.run.until));
    }
}
