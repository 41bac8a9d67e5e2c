//! One replicate: epochs, the exchange of cells and environment, observations and stop rules.

use crate::account::{Account, cells_after};
use crate::cells::{Cell, Table};
use crate::document::{Gather, RunDocument};
use crate::env::{Env, Line};
use crate::error::{Error, FaultKind, RateFault};
use crate::expr::Frame;
use crate::lanes::Lanes;
use crate::model::{EnvInput, Model, Reads, Rules, Source};
use crate::plan::{INSTANT, Plan};
use crate::pool::PoolPath;
use crate::rng::Stream;

use crate::choice::Choices;
use crate::thin::{FateScratch, Tally};
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a replicate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The horizon was reached.
    Horizon = 0,
    /// No cell was left.
    Eradicated = 1,
    /// The relapse rule was met.
    Relapsed = 2,
    /// There were more cells than `max_cells`.
    CellCap = 3,
}

/// What one replicate gave. Rows of observations after an early stop hold -1 or NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which replicate.
    pub replicate: u64,
    /// Cells alive, `[observation][fate]`.
    pub counts: Vec<i64>,
    /// Events since the start, `[observation][transition]`.
    pub events: Vec<i64>,
    /// Pools, `[observation][pool]`.
    pub pools: Vec<f64>,
    /// Observables, `[observation][observable]`.
    pub observables: Vec<f64>,
    /// The time of each transition's first event (h), NaN if it never happened.
    pub first_event: Vec<f64>,
    /// The time of the last death (h), NaN if none.
    pub last_death: f64,
    /// When the replicate ended (h).
    pub end_time: f64,
    /// Why it ended.
    pub stop: Stop,
    /// Events by transition at the end.
    pub total_events: Vec<i64>,
    /// Cells alive by fate at the end.
    pub total_counts: Vec<i64>,
    /// How often thresholds were used up, and how often that became an event.
    pub tally: Tally,
}

/// How far cells are run before the next look at all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// To the end of each epoch.
    Epochs,
    /// To the next read-out over cells, or to the horizon: for cells that know nothing of each other.
    Whole,
}

/// How a replicate ended.
struct End {
    stop: Stop,
    time: f64,
    /// Epochs that were run whole.
    epochs: usize,
}

/// Runs replicates, one after another, with the same scratch.
pub struct Worker<'m> {
    pub(crate) model: &'m Model,
    pub(crate) run: &'m RunDocument,
    pub(crate) plan: &'m Plan,
    pub(crate) given: &'m [Vec<f32>],
    cancel: &'m AtomicBool,
    /// Whether no cell can learn of any other, and no rule ends the run at a time of its own.
    independent: bool,
    pub(crate) tables: Vec<Table>,
    pub(crate) scratch: Vec<FateScratch>,
    #[allow(clippy::vec_box, reason = "lanes are large: they are lent out by pointer")]
    pub(crate) spare: Vec<Box<Lanes>>,
    pub(crate) env: Env<'m>,
    pub(crate) stream: Stream,
    pub(crate) replicate: u64,
    pub(crate) rtol: f64,
    pub(crate) account: Account,
    pub(crate) first_event: Vec<f64>,
    pub(crate) last_death: f64,
    pub(crate) tally: Tally,
    pub(crate) alive: u64,
    /// Cells of each fate that came to the end.
    survivors: Vec<i64>,
    pub(crate) choices: Box<Choices>,
    pub(crate) mother: Cell,
    pub(crate) daughter: Cell,
    pub(crate) before: Vec<f32>,
    pub(crate) scalar: Vec<f64>,
    /// What a read-out over all cells gathers.
    pub(crate) everything: Reads,
    pub(crate) observable_frames: Vec<Frame>,
    pub(crate) pool_state: Vec<f64>,
    corrected: PoolPath,
    pub(crate) measured: Vec<f64>,
    /// How the aggregates changed over the last epoch (1/h).
    trend: Vec<f64>,
}

impl<'m> Worker<'m> {
    /// A worker for runs of one model.
    #[must_use]
    pub fn new(
        model: &'m Model,
        run: &'m RunDocument,
        plan: &'m Plan,
        given: &'m [Vec<f32>],
        cancel: &'m AtomicBool,
    ) -> Self {
        let columns = model.columns.len();
        let cell = Cell { traits: vec![0.0; columns], ..Cell::default() };
        Self {
            model,
            run,
            plan,
            given,
            cancel,
            independent: model.pools.is_empty() && model.aggregates.is_empty() && run.stop.relapse.is_none(),
            tables: model.fates.iter().map(|_| Table::new(columns)).collect(),
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
            alive: 0,
            survivors: vec![0; model.fates.len()],
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
        }
    }

    /// Run one replicate.
    ///
    /// # Errors
    /// [`Error::Rate`], [`Error::Pool`] or [`Error::Interrupted`].
    pub fn run(&mut self, replicate: u64) -> Result<Record, Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        if self.independent
            && let Some(record) = self.attempt(replicate, Pace::Whole)?
        {
            return Ok(record);
        }
        // In a run by epochs the cap ends the replicate in good order.
        self.attempt(replicate, Pace::Epochs)?.ok_or_else(|| Error::Internal("a replicate has no end".into()))
    }

    /// Run a replicate at a pace; nothing if there were more cells than the cap, and the pace does not show when.
    fn attempt(&mut self, replicate: u64, pace: Pace) -> Result<Option<Record>, Error> {
        self.reset(replicate);
        let mut record = self.blank();
        let end = match pace {
            Pace::Whole => match self.run_whole(&mut record)? {
                true => End { stop: Stop::Horizon, time: self.run.until, epochs: self.plan.epochs() },
                false => return Ok(None),
            },
            Pace::Epochs => self.run_epochs(&mut record)?,
        };
        self.close(record, end).map(Some)
    }

    fn reset(&mut self, replicate: u64) {
        self.replicate = replicate;
        self.stream = Stream::new(self.run.seed, replicate);
        self.account.open(self.plan, self.model);
        self.first_event.fill(f64::NAN);
        self.last_death = f64::NAN;
        self.tally = Tally::default();
        self.pool_state.clone_from(&self.model.pool_initial);
        self.survivors.fill(0);
        self.clear();
    }

    /// Take all cells out and go back to the start.
    fn clear(&mut self) {
        for table in &mut self.tables {
            table.clear();
        }
        self.alive = 0;
        self.env.enter(0);
    }

    /// Run all founders together, epoch by epoch.
    fn run_epochs(&mut self, record: &mut Record) -> Result<End, Error> {
        for (fate, founders) in self.batches() {
            self.found(fate, founders)?;
        }
        let epochs = self.plan.epochs();
        let mut end = End { stop: Stop::Horizon, time: self.run.until, epochs };
        for epoch in 0..epochs {
            if epoch > 0 {
                self.env.enter(epoch);
            }
            self.exchange(epoch)?;
            if epoch == 0 {
                self.observe(0, record);
            }
            let kept = self.span(epoch, epoch)?;
            if kept {
                self.settle()?;
                self.observe(epoch + 1, record);
            }
            if !kept || self.relapsed() {
                let stop = if kept { Stop::Relapsed } else { Stop::CellCap };
                // Where the cap ends the run its last epoch is not whole, so nothing is read out there.
                end = End { stop, time: self.env.end, epochs: epoch + usize::from(kept) };
                break;
            }
        }
        self.tally.epochs = (self.env.epoch + 1) as u64;
        self.count_survivors();
        Ok(end)
    }

    /// Run founders a batch at a time, each to the horizon: the batch stays in the cache, and memory does not grow with
    /// the tumour. False if there may have been more cells than the cap.
    fn run_whole(&mut self, record: &mut Record) -> Result<bool, Error> {
        for (fate, founders) in self.batches() {
            self.clear();
            self.found(fate, founders)?;
            self.observe(0, record);
            let mut epoch = 0;
            while epoch < self.plan.epochs() {
                let last = self.last_of_span(epoch);
                self.env.enter(epoch);
                if !self.span(epoch, last)? {
                    return Ok(false);
                }
                self.observe(last + 1, record);
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
        }
    }

    /// Complete the record, and check that every cell is accounted for.
    fn close(&self, mut record: Record, end: End) -> Result<Record, Error> {
        let seen = self.plan.observation[..=end.epochs].iter().flatten().count();
        self.account.enter(self.model, &self.run.initial, seen, &mut record);
        self.finish_read_outs(seen, &mut record);
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

    /// Fix the environment's path over the epoch: aggregates by their last change, pools by their equations.
    fn exchange(&mut self, epoch: usize) -> Result<(), Error> {
        if !self.model.aggregates.is_empty() {
            if epoch == 0 {
                self.measure(0.0);
                self.trend.fill(0.0);
            }
            let length = self.env.end - self.env.start;
            for i in 0..self.measured.len() {
                let is = self.measured[i];
                // Extrapolated, so that the exchange is second order in the epoch's length; never past half or twice the
                // value, which keeps a crash or a burst from throwing the path below zero.
                let ahead = is + self.trend[i] * length;
                let ahead = ahead.max((0.5 * is).min(2.0 * is)).min((0.5 * is).max(2.0 * is));
                let slope = if length > INSTANT { (ahead - is) / length } else { 0.0 };
                self.env.aggregates[i] = Line { start: is, slope };
            }
        }
        if let Some(pools) = &self.model.pool_rates {
            let (start, end) = (self.env.start, self.env.end);
            let lines = &self.env.aggregates;
            let model = self.model;
            let segments = self.plan.segments[epoch].as_slice();
            let read = |input, t: f64| aggregate_at(model, lines, input, t - start);
            pools.advance(start, end, &self.pool_state, segments, &read, &mut self.env.pools)?;
        }
        Ok(())
    }

    /// After the cells: correct the pools with the aggregates' measured change.
    fn settle(&mut self) -> Result<(), Error> {
        for table in &mut self.tables {
            if table.is_sparse() {
                table.compact();
            }
        }
        let (start, end) = (self.env.start, self.env.end);
        let mut lines: Vec<Line> = self.measured.iter().map(|start| Line { start: *start, slope: 0.0 }).collect();
        if !self.model.aggregates.is_empty() {
            self.measure(end);
            if end - start > INSTANT {
                for ((line, trend), now) in lines.iter_mut().zip(&mut self.trend).zip(&self.measured) {
                    line.slope = (now - line.start) / (end - start);
                    *trend = line.slope;
                }
            }
        }
        if let Some(pools) = &self.model.pool_rates {
            let model = self.model;
            let read = |input, t: f64| aggregate_at(model, &lines, input, t - start);
            let segments = self.plan.segments[self.env.epoch].as_slice();
            pools.advance(start, end, &self.pool_state, segments, &read, &mut self.corrected)?;
            self.pool_state.copy_from_slice(self.corrected.end());
        }
        Ok(())
    }

    fn relapsed(&self) -> bool {
        self.run.stop.relapse.as_ref().is_some_and(|rule| {
            let cells: usize = rule.fates.iter().map(|&f| self.tables[f].alive()).sum();
            self.env.end >= rule.after && cells as f64 > rule.above
        })
    }

    pub(crate) fn over_cap(&self) -> bool {
        self.alive > self.run.stop.max_cells
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
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

/// The value of a rule for one cell.
pub(crate) fn evaluate(
    rules: &Rules,
    traits: &[f32],
    marks: u64,
    age: f64,
    env: impl Fn(EnvInput) -> f32,
    scratch: &mut Vec<f64>,
) -> f32 {
    let inputs: Vec<f64> = rules
        .inputs
        .iter()
        .map(|source| match *source {
            Source::Column(column) => f64::from(traits[column]),
            Source::Mark(mark) => (marks >> mark & 1) as f64,
            Source::Age => age,
            Source::Env(input) => f64::from(env(input)),
        })
        .collect();
    let mut out = [0.0];
    rules.bound.scalar(&inputs, &mut out, scratch);
    out[0] as f32
}

fn aggregate_at(model: &Model, lines: &[Line], input: crate::expr::Input, s: f64) -> f64 {
    use crate::expr::Input;
    let wanted = match input {
        Input::Count(fate) => (Gather::Count, usize::from(fate), None),
        Input::Sum { fate, of } => (Gather::Sum, usize::from(fate), Some(usize::from(of))),
        Input::Mean { fate, of } => (Gather::Mean, usize::from(fate), Some(usize::from(of))),
        _ => return f64::NAN,
    };
    let index = model.aggregates.iter().position(|a| {
        (a.kind, a.fate) == (wanted.0, wanted.1) && wanted.2.is_none_or(|of| model.columns[a.column].of == of)
    });
    index.map_or(f64::NAN, |i| lines[i].at(s))
}
