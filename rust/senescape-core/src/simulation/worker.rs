//! One replicate: epochs, the exchange of cells and environment, observations and stop rules.

use crate::document::RunDocument;
use crate::environment::env::Env;
use crate::environment::timeline::Plan;
use crate::error::{Error, FaultKind, RateFault};
use crate::expr::Frame;
use crate::kinetics::pools::PoolPath;
use crate::model::{Model, Reads};
use crate::population::lanes::Lanes;
use crate::population::table::{Cell, Table};
use crate::random::stream::Stream;
use crate::recording::event_counts::{Account, cells_after};
use crate::recording::exact_sum::ExactSum;
use crate::recording::profile::Profile;
use crate::recording::record::{Record, Stop};
use crate::simulation::callbacks::Outside;
use crate::simulation::job::Control;
use crate::simulation::limits::{Held, LastWhole};
use crate::simulation::snapshot::State;

use crate::recording::counters::Tally;
use crate::thinning::acceptance::Choices;
use crate::thinning::scratch::FateScratch;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How far cells are run before the next look at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// To the end of each epoch.
    Epochs,
    /// To the next read-out over cells, or to the horizon: for cells that know nothing of each other.
    Whole,
}

/// How a replicate ended.
pub(crate) struct End {
    stop: Stop,
    time: f64,
    /// Observations that were made.
    seen: usize,
}

/// Runs replicates, one after another, with the same scratch.
pub struct Worker<'m> {
    pub(crate) model: &'m Model,
    pub(crate) run: &'m RunDocument,
    /// The plan of the whole run, without visits.
    whole: &'m Arc<Plan>,
    /// The plan that is followed now.
    pub(crate) plan: Arc<Plan>,
    /// Rules that are called, and visits.
    pub(crate) outside: &'m dyn Outside,
    pub(crate) given: &'m [Vec<f32>],
    pub(crate) control: &'m Control,
    /// The last time that states were asked for and this worker answered.
    answered: u64,
    /// Whether no cell can learn of any other, and no rule ends the run at a time of its own.
    independent: bool,
    pub(crate) tables: Vec<Table>,
    pub(crate) scratch: Vec<FateScratch>,
    #[allow(clippy::vec_box, reason = "lanes are large: they are lent out by pointer")]
    pub(crate) spare: Vec<Box<Lanes>>,
    pub(crate) env: Env,
    pub(crate) stream: Stream,
    pub(crate) replicate: u64,
    pub(crate) rtol: f64,
    pub(crate) account: Account,
    /// Where time went since it was last handed over.
    pub profile: Profile,
    pub(crate) first_event: Vec<f64>,
    pub(crate) last_death: f64,
    pub(crate) tally: Tally,
    pub(crate) alive: u64,
    /// Cells of each fate that came to the end.
    pub(crate) survivors: Vec<i64>,
    pub(crate) last_whole: LastWhole,
    pub(crate) choices: Box<Choices>,
    pub(crate) mother: Cell,
    pub(crate) daughter: Cell,
    pub(crate) before: Vec<f32>,
    pub(crate) scalar: Vec<f64>,
    /// What a read-out over all cells gathers.
    pub(crate) everything: Reads,
    pub(crate) observable_frames: Vec<Frame>,
    pub(crate) pool_state: Vec<f64>,
    pub(crate) corrected: PoolPath,
    pub(crate) measured: Vec<f64>,
    /// How the aggregates changed over the last epoch (1/h).
    pub(crate) trend: Vec<f64>,
    /// Observations made so far.
    pub(crate) seen: usize,
    /// Sums of read-outs over the batches so far, by observation; none where all cells are run together.
    pub(crate) batch_sums: Vec<ExactSum>,
    pub(crate) held: Held<'m>,
}

impl<'m> Worker<'m> {
    /// A worker for runs of one model.
    #[must_use]
    pub fn new(
        model: &'m Model,
        run: &'m RunDocument,
        plan: &'m Arc<Plan>,
        given: &'m [Vec<f32>],
        outside: &'m dyn Outside,
        control: &'m Control,
    ) -> Self {
        let columns = model.columns.len();
        let cell = Cell { traits: vec![0.0; columns], ..Cell::default() };
        Self {
            model,
            run,
            whole: plan,
            plan: Arc::clone(plan),
            outside,
            given,
            control,
            answered: 0,
            independent: model.pools.is_empty()
                && model.aggregates.is_empty()
                && model.slow.is_empty()
                && run.visits.is_empty()
                && !run.pausable
                && !run.keep
                && run.stop.relapse.is_none(),
            tables: model.fates.iter().map(|_| Table::new(columns, run.block)).collect(),
            scratch: model.fates.iter().map(|fate| FateScratch::new(fate, columns)).collect(),
            spare: Vec::new(),
            env: Env::new(model, plan),
            stream: Stream::new(0, 0),
            replicate: 0,
            rtol: run.rtol,
            first_event: vec![f64::NAN; model.transitions.len()],
            last_death: f64::NAN,
            tally: Tally::default(),
            account: Account::default(),
            profile: Profile::new(model.fates.len(), model.slow.len()),
            alive: 0,
            survivors: vec![0; model.fates.len()],
            last_whole: LastWhole::default(),
            choices: Box::default(),
            mother: cell.clone(),
            daughter: cell,
            before: vec![0.0; columns],
            scalar: Vec::new(),
            everything: Reads { columns: (0..columns).collect(), age: true, marks: true, since: true },
            observable_frames: model.observables.iter().map(|o| o.value.bound.frame()).collect(),
            pool_state: Vec::new(),
            corrected: PoolPath::default(),
            measured: vec![0.0; model.aggregates.len()],
            trend: vec![0.0; model.aggregates.len()],
            seen: 0,
            batch_sums: Vec::new(),
            held: Held::nothing(control),
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
        if self.independent && kept.is_none() && self.run.begin == 0.0 {
            record = self.attempt(replicate, Pace::Whole, None)?;
        }
        if record.is_none() {
            // In a run by epochs the cap ends the replicate in good order.
            record = self.attempt(replicate, Pace::Epochs, kept)?;
        }
        let cells = self.run.initial.iter().sum::<u64>() as usize;
        self.profile.replicates.add(cells, begun);
        record.ok_or_else(|| Error::Internal("a replicate has no end".into()))
    }

    /// Run a replicate at a pace; nothing if there were more cells than the cap, and the pace does not show when.
    fn attempt(&mut self, replicate: u64, pace: Pace, kept: Option<&State>) -> Result<Option<Record>, Error> {
        self.reset(replicate);
        let mut record = self.blank();
        let batched = if pace == Pace::Whole { record.observables.len() } else { 0 };
        self.batch_sums.clear();
        self.batch_sums.resize(batched, ExactSum::default());
        let end = match pace {
            Pace::Whole => match self.run_whole(&mut record)? {
                true => End { stop: Stop::Horizon, time: self.run.until, seen: self.run.observe.len() },
                false => return Ok(None),
            },
            Pace::Epochs => self.run_epochs(&mut record, kept)?,
        };
        self.close(record, end).map(Some)
    }

    fn reset(&mut self, replicate: u64) {
        self.replicate = replicate;
        self.stream = Stream::new(self.run.seed, replicate);
        self.account.open(self.run.observe.len(), self.model);
        let whole = Arc::clone(self.whole);
        self.follow(whole);
        self.seen = 0;
        self.first_event.fill(f64::NAN);
        self.last_death = f64::NAN;
        self.tally = Tally::default();
        self.pool_state.clone_from(&self.model.pool_initial);
        self.survivors.fill(0);
        self.give_back();
        self.clear();
    }

    /// Go on by a plan.
    pub(crate) fn follow(&mut self, plan: Arc<Plan>) {
        self.account.follow(&plan);
        self.env.follow(self.model, &plan);
        self.plan = plan;
    }

    /// Take all cells out and go back to the start.
    pub(crate) fn clear(&mut self) {
        for table in &mut self.tables {
            table.clear();
        }
        self.alive = 0;
        self.env.enter(0);
    }

    /// Run all founders together, epoch by epoch, from visit to visit.
    fn run_epochs(&mut self, record: &mut Record, kept: Option<&State>) -> Result<End, Error> {
        let mut from = 0;
        if let Some(state) = kept {
            from = self.restore(state, record)?;
        } else if self.run.begin > 0.0 {
            return Err(Error::Run(format!("nothing was kept of replicate {} to go on from", self.replicate)));
        } else {
            for (fate, founders) in self.batches() {
                self.found(fate, founders)?;
                if self.over_memory() {
                    return Err(self.too_large());
                }
            }
        }
        let ended = if self.run.visits.is_empty() { self.run_plan(record, from)? } else { self.run_visits(record)? };
        self.count_survivors();
        self.hand_over(ended.is_none(), record)?;
        Ok(ended.unwrap_or(End { stop: Stop::Horizon, time: self.run.until, seen: self.seen }))
    }

    /// Run the epochs of the plan; gives the end if the replicate ends with one of them.
    pub(crate) fn run_plan(&mut self, record: &mut Record, from: usize) -> Result<Option<End>, Error> {
        let begins = self.plan.edges[0] == 0.0;
        for epoch in from..self.plan.epochs() {
            self.env.enter(epoch);
            self.tally.epochs += 1;
            if begins && epoch == 0 {
                self.measure_first()?;
            }
            self.exchange(epoch)?;
            self.ask()?;
            if begins && epoch == 0 {
                self.observe(0, record)?;
                if self.relapsed(0.0) {
                    return Ok(Some(End { stop: Stop::Relapsed, time: 0.0, seen: self.seen }));
                }
            }
            self.remember(epoch);
            if !self.span(epoch, epoch)? {
                let time = self.env.start;
                self.take_back(epoch);
                return Ok(Some(End { stop: Stop::CellCap, time, seen: self.seen }));
            }
            self.settle()?;
            self.observe(epoch + 1, record)?;
            let stop = match () {
                () if self.relapsed(self.env.end) => Some(Stop::Relapsed),
                () if self.alive > self.run.stop.max_cells => Some(Stop::CellCap),
                () => None,
            };
            if let Some(stop) = stop {
                return Ok(Some(End { stop, time: self.env.end, seen: self.seen }));
            }
            if self.run.pausable {
                self.answer(record);
            }
        }
        Ok(None)
    }

    /// Give the state if it was asked for since the last answer. Tumours with visits are not asked: what their plugins
    /// remember is not the core's to keep.
    fn answer(&mut self, record: &Record) {
        let asked = self.control.asked.load(Ordering::Relaxed);
        if asked != self.answered && self.run.visits.is_empty() {
            self.answered = asked;
            let state = self.save(self.env.end, record);
            self.control.states.lock().insert(self.replicate, state);
        }
    }

    /// At the end: keep the tumour as it stands at the horizon, or forget how it stood on the way.
    fn hand_over(&mut self, at_horizon: bool, record: &Record) -> Result<(), Error> {
        if self.run.keep && at_horizon {
            for fate in 0..self.tables.len() {
                self.bring(fate, self.run.until)?;
            }
            let state = self.save(self.run.until, record);
            self.control.states.lock().insert(self.replicate, state);
        } else if self.run.pausable {
            self.control.states.lock().remove(&self.replicate);
        }
        Ok(())
    }

    /// Run founders a batch at a time, each to the horizon: the batch stays in the cache, and memory does not grow with
    /// the tumour. False if there may have been more cells than the cap.
    fn run_whole(&mut self, record: &mut Record) -> Result<bool, Error> {
        for (fate, founders) in self.batches() {
            self.clear();
            self.found(fate, founders)?;
            self.observe(0, record)?;
            let mut epoch = 0;
            while epoch < self.plan.epochs() {
                let last = self.last_of_span(epoch);
                self.env.enter(epoch);
                if !self.span(epoch, last)? {
                    return Ok(false);
                }
                self.observe(last + 1, record)?;
                epoch = last + 1;
            }
            self.count_survivors();
        }
        self.tally.epochs = self.plan.epochs() as u64;
        let founders: u64 = self.run.initial.iter().sum();
        Ok(self.account.most_cells(founders) <= self.run.stop.max_cells)
    }

    fn count_survivors(&mut self) {
        for (survivors, table) in self.survivors.iter_mut().zip(&self.tables) {
            *survivors += table.alive() as i64;
        }
    }

    fn blank(&self) -> Record {
        let rows = self.run.observe.len();
        Record {
            replicate: self.replicate,
            counts: vec![-1; rows * self.model.fates.len()],
            events: vec![-1; rows * self.model.transitions.len()],
            pools: vec![f64::NAN; rows * self.model.pools.len()],
            observables: vec![0.0; rows * self.model.observables.len()],
            first_event: Vec::new(),
            last_death: f64::NAN,
            end_time: 0.0,
            stop: Stop::Horizon,
            total_events: Vec::new(),
            total_counts: Vec::new(),
            tally: Tally::default(),
            drugs: if self.run.visits.is_empty() { Vec::new() } else { vec![f64::NAN; rows * self.model.drugs.len()] },
        }
    }

    /// Complete the record, and check that every cell is accounted for.
    fn close(&self, mut record: Record, end: End) -> Result<Record, Error> {
        self.account.enter(self.model, &self.run.initial, end.seen, &mut record);
        self.finish_read_outs(end.seen, &mut record);
        record.total_events = self.account.totals(self.model.transitions.len());
        record.total_counts = cells_after(self.model, &self.run.initial, &record.total_events);
        for ((found, wanted), fate) in self.survivors.iter().zip(&record.total_counts).zip(&self.model.fates) {
            if found != wanted {
                return Err(Error::Internal(format!(
                    "the ledger does not close in replicate {}: fate '{}' has {found} cells, events say {wanted}",
                    self.replicate, fate.name
                )));
            }
        }
        record.first_event.clone_from(&self.first_event);
        record.last_death = self.last_death;
        (record.stop, record.end_time) = (end.stop, end.time);
        let gone = record.total_counts.iter().all(|n| *n == 0);
        // Without cells nothing more can happen, but pools and read-outs still run to the horizon.
        if end.stop == Stop::Horizon && gone && self.run.stop.eradicated {
            record.stop = Stop::Eradicated;
            record.end_time = if self.last_death.is_nan() { 0.0 } else { self.last_death };
        }
        record.tally = self.tally;
        Ok(record)
    }

    fn relapsed(&self, now: f64) -> bool {
        self.run.stop.relapse.as_ref().is_some_and(|rule| {
            let cells: usize = rule.fates.iter().map(|&f| self.tables[f].alive()).sum();
            now >= rule.after && cells as f64 > rule.above
        })
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.control.cancel.load(Ordering::Relaxed)
    }

    pub(crate) fn fault(&self, fate: usize, rule: String, time: f64, kind: FaultKind) -> Error {
        Error::Rate(RateFault {
            rule,
            fate: self.model.fates[fate].name.clone(),
            time,
            replicate: self.replicate,
            kind,
            inputs: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DoseDocument, Gather, Kind, ObservableDocument, RelapseDocument, RouteDocument};
    use crate::example::{Example, founded};
    use crate::expr::{Input, Node};
    use crate::simulation::callbacks::Nothing;
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
        let mut worker = founded(&job, &control);
        let at = |worker: &mut Worker<'_>, epoch| {
            worker.env.enter(epoch);
            (worker.env.end, worker.relapsed(worker.env.end))
        };
        assert_eq!(at(&mut worker, 1), (10.0, false), "as many as allowed");
        let cell = Cell { traits: vec![1.0], ..Cell::default() };
        worker.tables[1].push(&cell);
        assert_eq!([0, 1, 2].map(|epoch| at(&mut worker, epoch)), [(5.0, false), (10.0, true), (15.0, true)]);
        worker.tables[0].remove(0);
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
