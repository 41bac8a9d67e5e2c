//! One replicate: epochs, the exchange of cells and environment, observations and stop rules.

use crate::cells::{Cell, Table};
use crate::document::{Gather, Kind, RunDocument};
use crate::env::{Env, Line, Times};
use crate::error::{Error, FaultKind, RateFault};
use crate::expr::{Frame, LANES};
use crate::lanes::Lanes;
use crate::model::{EnvInput, Model, Observable, Rules, Source, Value};
use crate::plan::Plan;
use crate::pool::PoolPath;
use crate::rng::{Purpose, Stream, founder_key};
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

/// Runs replicates, one after another, with the same scratch.
pub struct Worker<'m> {
    pub(crate) model: &'m Model,
    run: &'m RunDocument,
    plan: &'m Plan,
    given: &'m [Vec<f32>],
    cancel: &'m AtomicBool,
    pub(crate) tables: Vec<Table>,
    pub(crate) scratch: Vec<FateScratch>,
    #[allow(clippy::vec_box, reason = "lanes are large: they are lent out by pointer")]
    pub(crate) spare: Vec<Box<Lanes>>,
    pub(crate) env: Env<'m>,
    pub(crate) stream: Stream,
    pub(crate) replicate: u64,
    pub(crate) rtol: f64,
    pub(crate) events: Vec<i64>,
    pub(crate) first_event: Vec<f64>,
    pub(crate) last_death: f64,
    pub(crate) tally: Tally,
    pub(crate) alive: u64,
    pub(crate) daughter: Cell,
    pub(crate) scalar: Vec<f64>,
    observable_frames: Vec<Frame>,
    pool_state: Vec<f64>,
    corrected: PoolPath,
    measured: Vec<f64>,
    previous: Vec<f64>,
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
        Self {
            model,
            run,
            plan,
            given,
            cancel,
            tables: model.fates.iter().map(|_| Table::new(columns)).collect(),
            scratch: model.fates.iter().map(|fate| FateScratch::new(fate, columns)).collect(),
            spare: Vec::new(),
            env: Env::new(model, plan),
            stream: Stream::new(0, 0),
            replicate: 0,
            rtol: run.rtol,
            events: vec![0; model.transitions.len()],
            first_event: vec![f64::NAN; model.transitions.len()],
            last_death: f64::NAN,
            tally: Tally::default(),
            alive: 0,
            daughter: Cell { traits: vec![0.0; columns], ..Cell::default() },
            scalar: Vec::new(),
            observable_frames: model.observables.iter().map(|o| o.value.bound.frame()).collect(),
            pool_state: Vec::new(),
            corrected: PoolPath::default(),
            measured: vec![0.0; model.aggregates.len()],
            previous: vec![0.0; model.aggregates.len()],
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
        self.start(replicate)?;
        self.exchange(0)?;
        let mut record = self.blank(replicate);
        self.observe(0, &mut record);
        let mut stop = Stop::Horizon;
        let mut end_time = self.run.until;
        for epoch in 0..self.plan.epochs() {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if epoch > 0 {
                self.env.enter(epoch);
                self.exchange(epoch)?;
            }
            if !self.epoch()? {
                stop = Stop::CellCap;
                end_time = self.env.end;
                break;
            }
            self.settle()?;
            self.observe(epoch + 1, &mut record);
            if self.relapsed() {
                stop = Stop::Relapsed;
                end_time = self.env.end;
                break;
            }
            // Without cells nothing more can happen, but pools and read-outs still run to the horizon.
            if self.alive == 0 && stop == Stop::Horizon && self.run.stop.eradicated {
                stop = Stop::Eradicated;
                end_time = if self.last_death.is_nan() { 0.0 } else { self.last_death };
            }
        }
        self.check_ledger()?;
        record.first_event.clone_from(&self.first_event);
        record.last_death = self.last_death;
        record.end_time = end_time;
        record.stop = stop;
        record.total_events.clone_from(&self.events);
        record.total_counts = self.tables.iter().map(|t| t.alive() as i64).collect();
        record.tally = self.tally;
        Ok(record)
    }

    fn blank(&self, replicate: u64) -> Record {
        let rows = self.run.observe.len();
        Record {
            replicate,
            counts: vec![-1; rows * self.model.fates.len()],
            events: vec![-1; rows * self.model.transitions.len()],
            pools: vec![f64::NAN; rows * self.model.pools.len()],
            observables: vec![f64::NAN; rows * self.model.observables.len()],
            first_event: Vec::new(),
            last_death: f64::NAN,
            end_time: 0.0,
            stop: Stop::Horizon,
            total_events: Vec::new(),
            total_counts: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn start(&mut self, replicate: u64) -> Result<(), Error> {
        self.replicate = replicate;
        self.stream = Stream::new(self.run.seed, replicate);
        self.events.fill(0);
        self.first_event.fill(f64::NAN);
        self.last_death = f64::NAN;
        self.tally = Tally::default();
        self.pool_state.clone_from(&self.model.pool_initial);
        self.env.enter(0);
        self.alive = 0;
        let mut founder = 0_u64;
        for fate in 0..self.tables.len() {
            self.tables[fate].clear();
            for _ in 0..self.run.initial[fate] {
                self.found(fate, founder)?;
                founder += 1;
                if founder.is_multiple_of(1 << 16) && self.interrupted() {
                    return Err(Error::Interrupted);
                }
            }
        }
        Ok(())
    }

    fn found(&mut self, fate: usize, founder: u64) -> Result<(), Error> {
        let key = founder_key(founder);
        let mut cell = std::mem::take(&mut self.daughter);
        cell.key = key;
        cell.draws = 0;
        cell.clone = founder as u32;
        cell.marks = 0;
        cell.entered = 0.0;
        cell.since = 0.0;
        cell.threshold = self.stream.first_threshold(key);
        cell.level = 0;
        for (i, column) in self.model.columns.iter().enumerate() {
            let x = match &column.initial {
                Value::Dist(dist) => {
                    let mut draws = self.stream.draws(key, 0, Purpose::Initial(column.of as u16));
                    dist.sample(&mut draws) as f32
                }
                Value::Given(index) => self.given[*index][founder as usize],
                Value::Rule(rules) => evaluate(rules, &cell.traits, 0, 0.0, |_| 0.0, &mut self.scalar),
            };
            if !x.is_finite() {
                return Err(self.fault(
                    fate,
                    format!("initial value of {}", column.name),
                    0.0,
                    FaultKind::Trait(x.into()),
                ));
            }
            cell.traits[i] = x;
        }
        self.tables[fate].push(&cell);
        self.alive += 1;
        self.daughter = cell;
        Ok(())
    }

    /// Fix the environment's path over the epoch: aggregates by their last change, pools by their equations.
    fn exchange(&mut self, epoch: usize) -> Result<(), Error> {
        if !self.model.aggregates.is_empty() {
            if epoch == 0 {
                self.measure();
                self.previous.clone_from(&self.measured);
            }
            let last = if epoch == 0 { 1.0 } else { self.env.start - self.plan.edges[epoch - 1] };
            let length = self.env.end - self.env.start;
            for i in 0..self.measured.len() {
                let (was, is) = (self.previous[i], self.measured[i]);
                // Extrapolated, so that the exchange is second order in the epoch's length; never past half or twice the
                // value, which keeps a crash or a burst from throwing the path below zero.
                let ahead = is + (is - was) * (length / last);
                let ahead = ahead.max((0.5 * is).min(2.0 * is)).min((0.5 * is).max(2.0 * is));
                self.env.aggregates[i] = Line { start: is, slope: (ahead - is) / length };
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
        for fate in 0..self.tables.len() {
            self.tables[fate].compact();
            self.carry_driven(fate);
        }
        if !self.model.aggregates.is_empty() {
            std::mem::swap(&mut self.previous, &mut self.measured);
            self.measure();
        }
        if let Some(pools) = &self.model.pool_rates {
            let (start, end) = (self.env.start, self.env.end);
            let lines: Vec<Line> = self
                .previous
                .iter()
                .zip(&self.measured)
                .map(|(a, b)| Line { start: *a, slope: (b - a) / (end - start) })
                .collect();
            let model = self.model;
            let read = |input, t: f64| aggregate_at(model, &lines, input, t - start);
            let segments = self.plan.segments[self.env.epoch].as_slice();
            pools.advance(start, end, &self.pool_state, segments, &read, &mut self.corrected)?;
            self.pool_state.copy_from_slice(self.corrected.end());
        }
        Ok(())
    }

    /// Bring the traits of a fate with varying targets to the epoch's end: their paths are known for the epoch only.
    fn carry_driven(&mut self, fate: usize) {
        if self.model.fates[fate].driven.is_empty() {
            return;
        }
        let moving = &self.model.fates[fate].moving;
        self.for_lanes(fate, |worker, lanes| lanes.scatter(&mut worker.tables[fate], moving));
    }

    /// Call `each` with all cells of a fate, in order, a handful at a time, their traits brought to the epoch's end.
    fn for_lanes(&mut self, fate: usize, mut each: impl FnMut(&mut Self, &Lanes)) {
        let model = self.model;
        let now = self.env.end;
        let all: Vec<usize> = (0..model.columns.len()).collect();
        let mut rows: Vec<u32> = Vec::with_capacity(LANES);
        let total = self.tables[fate].rows();
        let mut row = 0;
        while row < total {
            rows.clear();
            while row < total && rows.len() < LANES {
                if !self.tables[fate].is_gone(row) {
                    rows.push(row as u32);
                }
                row += 1;
            }
            if rows.is_empty() {
                break;
            }
            let mut lanes = self.take_lanes();
            lanes.gather(&self.tables[fate], &rows, &all);
            lanes.now = [now; LANES];
            // Before the first epoch the end is not reached yet: founders are read as they are.
            if self.reading_start() {
                lanes.now = lanes.since;
            }
            self.scratch[fate].driver.advance(&model.fates[fate], &mut lanes, &self.env, self.rtol);
            each(self, &lanes);
            self.spare.push(lanes);
        }
    }

    fn reading_start(&self) -> bool {
        self.tally.epochs == 0
    }

    fn measure(&mut self) {
        let model = self.model;
        for (i, aggregate) in model.aggregates.iter().enumerate() {
            let alive = self.tables[aggregate.fate].alive() as f64;
            self.measured[i] = match aggregate.kind {
                Gather::Count => alive,
                Gather::Sum | Gather::Mean => {
                    let mut sum = 0.0;
                    self.for_lanes(aggregate.fate, |_, lanes| {
                        sum += lanes.columns[aggregate.column][..lanes.n].iter().copied().map(f64::from).sum::<f64>();
                    });
                    if aggregate.kind == Gather::Sum {
                        sum
                    } else if alive > 0.0 {
                        sum / alive
                    } else {
                        0.0
                    }
                }
            };
        }
    }

    fn observe(&mut self, edge: usize, record: &mut Record) {
        let Some(row) = self.plan.observation[edge] else { return };
        let row = row as usize;
        let model = self.model;
        let fates = model.fates.len();
        for (fate, table) in self.tables.iter().enumerate() {
            record.counts[row * fates + fate] = table.alive() as i64;
        }
        let transitions = model.transitions.len();
        record.events[row * transitions..(row + 1) * transitions].copy_from_slice(&self.events);
        let pools = model.pools.len();
        record.pools[row * pools..(row + 1) * pools].copy_from_slice(&self.pool_state);
        for (i, observable) in model.observables.iter().enumerate() {
            record.observables[row * model.observables.len() + i] = self.read_out(i, observable);
        }
    }

    fn read_out(&mut self, index: usize, observable: &Observable) -> f64 {
        let alive = self.tables[observable.fate].alive() as f64;
        if observable.kind == Gather::Count {
            return alive;
        }
        let mut frame = std::mem::replace(&mut self.observable_frames[index], observable.value.bound.frame());
        let mut sum = 0.0;
        self.for_lanes(observable.fate, |worker, lanes| {
            let times: Times = lanes.now;
            lanes.fill(&observable.value, &lanes.columns, &times, &worker.env, &mut frame);
            observable.value.bound.values(&mut frame, lanes.n);
            sum += frame.output(0)[..lanes.n].iter().copied().map(f64::from).sum::<f64>();
        });
        self.observable_frames[index] = frame;
        if observable.kind == Gather::Sum { sum } else { sum / alive }
    }

    fn relapsed(&self) -> bool {
        self.run.stop.relapse.as_ref().is_some_and(|rule| {
            let cells: usize = rule.fates.iter().map(|&f| self.tables[f].alive()).sum();
            self.env.end >= rule.after && cells as f64 > rule.above
        })
    }

    /// Starts + births = alive + deaths, fate by fate.
    fn check_ledger(&self) -> Result<(), Error> {
        let mut expected: Vec<i64> = self.run.initial.iter().map(|n| *n as i64).collect();
        for (transition, n) in self.model.transitions.iter().zip(&self.events) {
            expected[transition.source] -= n;
            match transition.kind {
                Kind::Move => expected[transition.target] += n,
                Kind::Division => expected[transition.target] += 2 * n,
                Kind::Death => {}
            }
        }
        for (fate, wanted) in expected.into_iter().enumerate() {
            let found = self.tables[fate].alive() as i64;
            if found != wanted {
                let name = &self.model.fates[fate].name;
                return Err(Error::Internal(format!(
                    "the ledger does not close in replicate {}: fate '{name}' has {found} cells, events say {wanted}",
                    self.replicate
                )));
            }
        }
        Ok(())
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
