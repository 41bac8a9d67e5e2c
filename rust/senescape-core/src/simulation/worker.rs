//! One replicate: epochs, the exchange of cells and environment, observations and stop rules.

use super::coupling::Coupling;
use super::monitor::Monitor;
use super::progress::Progress;
use super::rollback::EpochStart;
use super::scratch::Scratch;
use super::{Control, Job, Outside, State};
use crate::environment::{Env, Plan};
use crate::error::{Error, FaultKind, RateFault};
use crate::population::Population;
use crate::random::Stream;
use crate::recording::{End, Profile, Record, Stop, cells_after};
use std::sync::Arc;
use std::time::Instant;

/// How far cells are run before the next look at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// To the end of each epoch.
    Epochs,
    /// To the next read-out over cells, or to the horizon: for cells that know nothing of each other.
    Whole,
}

/// Runs the replicates of a job one after another, with the same memory.
pub(super) struct Worker<'m> {
    pub(super) job: &'m Job,
    pub(super) outside: &'m dyn Outside,
    pub(super) monitor: Monitor<'m>,
    /// The number of the replicate, and its random numbers.
    pub(super) replicate: u64,
    pub(super) stream: Stream,
    pub(super) env: Env,
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
    pub(super) fn new(job: &'m Job, outside: &'m dyn Outside, control: &'m Control) -> Self {
        let model = &job.model;
        Self {
            job,
            outside,
            monitor: Monitor::new(control),
            replicate: 0,
            stream: Stream::new(0, 0),
            env: Env::new(model, &job.plan),
            population: Population::new(model.fates.len(), model.columns.len(), job.run.block),
            coupling: Coupling::new(model),
            progress: Progress::new(model),
            epoch_start: EpochStart::default(),
            profile: Profile::new(model.fates.len(), model.slow.len()),
            scratch: Scratch::new(model),
        }
    }

    /// Run one replicate, from the start or from where it was kept.
    ///
    /// # Errors
    /// [`Error::Rate`], [`Error::Pool`] or [`Error::Interrupted`]; [`Error::Run`] if what was kept does not fit.
    pub fn run(&mut self, replicate: u64, kept: Option<&State>) -> Result<Record, Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        let begun = Instant::now();
        let mut record = None;
        // What was kept goes on as it was kept, epoch by epoch.
        if self.job.cells_are_independent() && kept.is_none() && self.job.run.begin == 0.0 {
            record = self.attempt(replicate, Pace::Whole, None)?;
        }
        if record.is_none() {
            // In a run by epochs the cap ends the replicate in good order.
            record = self.attempt(replicate, Pace::Epochs, kept)?;
        }
        let cells = self.job.run.initial.iter().sum::<u64>() as usize;
        self.profile.replicates.add(cells, begun);
        record.ok_or_else(|| Error::Internal("a replicate has no end".into()))
    }

    /// Run a replicate at a pace; nothing if there were more cells than the cap, and the pace does not show when.
    fn attempt(&mut self, replicate: u64, pace: Pace, kept: Option<&State>) -> Result<Option<Record>, Error> {
        self.reset(replicate);
        let drugs = self.job.has_visits();
        let mut record = Record::blank(replicate, &self.job.model, self.job.observations(), drugs);
        let batched = if pace == Pace::Whole { record.observables.len() } else { 0 };
        self.progress.sum_batches(batched);
        let end = match pace {
            Pace::Whole => match self.run_whole(&mut record)? {
                true => End { stop: Stop::Horizon, time: self.job.run.until, seen: self.job.run.observe.len() },
                false => return Ok(None),
            },
            Pace::Epochs => self.run_epochs(&mut record, kept)?,
        };
        self.close(record, end).map(Some)
    }

    fn reset(&mut self, replicate: u64) {
        self.replicate = replicate;
        self.stream = Stream::new(self.job.run.seed, replicate);
        self.progress.reset(self.job.run.observe.len(), &self.job.model);
        self.follow(Arc::clone(&self.job.plan));
        self.coupling.pools.clone_from(&self.job.model.pool_initial);
        self.give_back();
        self.clear();
    }

    /// Go on by a plan.
    pub(super) fn follow(&mut self, plan: Arc<Plan>) {
        self.progress.events.follow(&plan);
        self.env.follow(&self.job.model, plan);
    }

    /// Take all cells out and go back to the start.
    pub(super) fn clear(&mut self) {
        self.population.clear();
        self.env.enter(0);
    }

    /// Run all founders together, epoch by epoch, from visit to visit.
    fn run_epochs(&mut self, record: &mut Record, kept: Option<&State>) -> Result<End, Error> {
        let mut from = 0;
        if let Some(state) = kept {
            from = self.restore(state, record)?;
        } else if self.job.run.begin > 0.0 {
            return Err(Error::Run(format!("nothing was kept of replicate {} to go on from", self.replicate)));
        } else {
            for (fate, founders) in self.batches() {
                self.found(fate, founders)?;
                if self.over_memory() {
                    return Err(self.too_large());
                }
            }
        }
        let ended =
            if self.job.run.visits.is_empty() { self.run_plan(record, from)? } else { self.run_visits(record)? };
        self.progress.count_survivors(&self.population.tables);
        self.hand_over(ended.is_none(), record)?;
        Ok(ended.unwrap_or(End { stop: Stop::Horizon, time: self.job.run.until, seen: self.progress.observed }))
    }

    /// Run the epochs of the plan; gives the end if the replicate ends with one of them.
    pub(super) fn run_plan(&mut self, record: &mut Record, from: usize) -> Result<Option<End>, Error> {
        let begins = self.env.plan.edges[0] == 0.0;
        for epoch in from..self.env.plan.epochs() {
            self.env.enter(epoch);
            self.progress.counters.epochs += 1;
            if begins && epoch == 0 {
                self.measure_first()?;
            }
            self.exchange(epoch)?;
            self.ask()?;
            if begins && epoch == 0 {
                self.observe(0, record)?;
                if self.relapsed(0.0) {
                    return Ok(Some(End { stop: Stop::Relapsed, time: 0.0, seen: self.progress.observed }));
                }
            }
            self.remember(epoch);
            if !self.span(epoch, epoch)? {
                let time = self.env.start;
                self.take_back(epoch);
                return Ok(Some(End { stop: Stop::CellCap, time, seen: self.progress.observed }));
            }
            self.settle()?;
            self.observe(epoch + 1, record)?;
            let stop = match () {
                () if self.relapsed(self.env.end) => Some(Stop::Relapsed),
                () if self.population.alive > self.job.run.stop.max_cells => Some(Stop::CellCap),
                () => None,
            };
            if let Some(stop) = stop {
                return Ok(Some(End { stop, time: self.env.end, seen: self.progress.observed }));
            }
            if self.job.run.pausable {
                self.answer(record);
            }
        }
        Ok(None)
    }

    /// Run founders a batch at a time, each to the horizon: the batch stays in the cache, and memory does not grow with
    /// the tumour. False if there may have been more cells than the cap.
    fn run_whole(&mut self, record: &mut Record) -> Result<bool, Error> {
        for (fate, founders) in self.batches() {
            self.clear();
            self.found(fate, founders)?;
            self.observe(0, record)?;
            let mut epoch = 0;
            while epoch < self.env.plan.epochs() {
                let last = self.last_of_span(epoch);
                self.env.enter(epoch);
                if !self.span(epoch, last)? {
                    return Ok(false);
                }
                self.observe(last + 1, record)?;
                epoch = last + 1;
            }
            self.progress.count_survivors(&self.population.tables);
        }
        self.progress.counters.epochs = self.env.plan.epochs() as u64;
        let founders: u64 = self.job.run.initial.iter().sum();
        Ok(self.progress.events.most_cells(founders) <= self.job.run.stop.max_cells)
    }

    /// Complete the record, and check that every cell is accounted for.
    fn close(&self, mut record: Record, end: End) -> Result<Record, Error> {
        self.progress.events.enter(&self.job.model, &self.job.run.initial, end.seen, &mut record);
        self.finish_read_outs(end.seen, &mut record);
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
        // Without cells nothing more can happen, but pools and read-outs still run to the horizon.
        if end.stop == Stop::Horizon && gone && self.job.run.stop.eradicated {
            record.stop = Stop::Eradicated;
            record.end_time = if self.progress.last_death.is_nan() { 0.0 } else { self.progress.last_death };
        }
        record.tally = self.progress.counters;
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
        Worker::new(self, &super::Nothing, control)
    }

    /// Make a worker whose tumour stands at the start of its first epoch.
    pub(super) fn started<'a>(&'a self, control: &'a Control) -> Worker<'a> {
        let mut worker = self.worker(control);
        worker.coupling.pools.clone_from(&self.model.pool_initial);
        worker.progress.events.open(self.observations(), &self.model);
        worker.progress.events.follow(&worker.env.plan);
        for (fate, founders) in worker.batches() {
            worker.found(fate, founders).unwrap();
        }
        worker.env.enter(0);
        worker.measure_first().unwrap();
        worker.exchange(0).unwrap();
        worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DoseDocument, Gather, Kind, ObservableDocument, RelapseDocument, RouteDocument};
    use crate::example::Example;
    use crate::expr::{Input, Node};
    use crate::population::Cell;
    use crate::simulation::Nothing;
    use std::collections::BTreeMap;

    #[test]
    fn a_run_that_goes_on_needs_what_was_kept() {
        // Cells that know nothing of each other, and others.
        for name in ["distributions", "everything"] {
            let later = Example::kept(name).with(|run| run.begin = 30.0);
            let said = later.records().unwrap_err().to_string();
            assert!(said.contains("nothing was kept of replicate 0"), "{name}: {said}");
        }
    }

    #[test]
    fn a_relapse_is_more_cells_than_allowed_from_a_time_on() {
        let job = Example::kept("stops")
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
            let example = Example::kept("stops").with(|run| {
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

    /// A read-out of a concentration and the record of concentrations are of one moment.
    #[test]
    fn a_read_out_sees_the_doses_of_its_time() {
        let mut example = Example::kept("drugs").with(|run| {
            (run.until, run.observe, run.initial) = (48.0, vec![0.0, 12.0, 24.0, 48.0], vec![3]);
            let dose = |at| DoseDocument { drug: 0, at, amount: 2.0, route: RouteDocument::Bolus, duration: None };
            run.doses = [0.0, 12.0, 48.0].map(dose).to_vec();
        });
        let value = example.node(Node::Input { input: Input::Drug(0) });
        example.model.observables = vec![ObservableDocument { name: "seen".into(), fate: 0, kind: Gather::Sum, value }];
        let job = example.job();
        let record = job.run(&Control::default(), &Nothing, &BTreeMap::new()).unwrap().records.remove(0);
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
        (model.transitions[0].kind, model.transitions[0].cause) = (Kind::Death, Some(0));
        model.transitions[0].target = None;
        let record = example.records().unwrap().remove(0);
        assert!(record.stop == Stop::Eradicated && record.end_time == record.last_death && record.last_death < 30.0);
        let record = example.with(|run| run.stop.eradicated = false).records().unwrap().remove(0);
        assert_eq!((record.stop, record.end_time), (Stop::Horizon, example.run.until));
    }
}
