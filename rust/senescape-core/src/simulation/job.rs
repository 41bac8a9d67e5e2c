//! Many replicates in parallel, with results that do not depend on how they were shared out.

use crate::document::check_run;
use crate::document::{DistDocument, ModelDocument, RunDocument, TraitDocument};
use crate::environment::timeline::Plan;
use crate::error::{Error, guarded};
use crate::model::{Model, bind};
use crate::recording::profile::Profile;
use crate::recording::record::Record;
use crate::simulation::callbacks::Outside;
use crate::simulation::snapshot::State;
use crate::simulation::worker::Worker;
use parking_lot::Mutex;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a caller shares with a run. A panic leaves no lock poisoned: what a lock holds is never left half changed.
#[derive(Debug, Default)]
pub struct Control {
    /// Raise it to end the run at the next chance; finished replicates are kept.
    pub cancel: AtomicBool,
    /// Replicates finished so far.
    pub finished: AtomicU64,
    /// Where their time went.
    pub profile: Mutex<Profile>,
    /// Bytes that cells take, where there is a limit.
    pub memory: AtomicU64,
    /// Raise it by one to ask every tumour on its way for its state.
    pub asked: AtomicU64,
    /// The states that were given last, by replicate; at the end those of the horizon, where they are kept.
    pub states: Mutex<BTreeMap<u64, State>>,
    /// Finished replicates, where tumours on their way may be asked for.
    pub records: Mutex<Vec<Record>>,
}

/// What a run gave: the finished replicates in order, and why it ended early, if it did.
#[derive(Debug)]
pub struct Outcome {
    /// Finished replicates, by number.
    pub records: Vec<Record>,
    /// What ended the run.
    pub error: Option<Error>,
}

/// A model and a run, checked and ready.
pub struct Job {
    model: Model,
    run: RunDocument,
    plan: Arc<Plan>,
    given: Vec<Vec<f32>>,
}

/// The trait whose first values are a given column.
fn trait_given(document: &ModelDocument, index: usize) -> String {
    let of = |each: &&TraitDocument| matches!(each.initial, DistDocument::Column { index: i } if i == index);
    document.traits.iter().find(of).map_or_else(|| format!("column {index}"), |each| format!("trait '{}'", each.name))
}

fn check_given(name: &str, column: &[f32], founders: u64) -> Result<(), Error> {
    if column.len() as u64 != founders {
        return Err(Error::Run(format!(
            "{name} was given {} values for {founders} founders; give one value a founder",
            column.len()
        )));
    }
    // All at once first: that is vector code, where looking for the first is not.
    if !column.iter().fold(true, |all, x| all & x.is_finite())
        && let Some(at) = column.iter().position(|x| !x.is_finite())
    {
        return Err(Error::Run(format!("value {at} of {name} is {}; it must be finite", column[at])));
    }
    Ok(())
}

/// Put founders in the order of the fates.
fn in_order_of_fates(given: Vec<Vec<f32>>, run: &RunDocument) -> Result<Vec<Vec<f32>>, Error> {
    if run.given_order.is_empty() || given.is_empty() {
        return Ok(given);
    }
    let mut sorted = run.given_order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..run.initial.len()) {
        return Err(Error::Run("given_order must name each fate once".into()));
    }
    let mut starts = vec![0; run.initial.len()];
    let mut next = 0;
    for &fate in &run.given_order {
        starts[fate] = next;
        next += run.initial[fate] as usize;
    }
    let ordered = |column: Vec<f32>| {
        let parts = starts.iter().zip(&run.initial).map(|(start, n)| &column[*start..*start + *n as usize]);
        parts.flatten().copied().collect()
    };
    Ok(given.into_iter().map(ordered).collect())
}

impl Job {
    /// Check and compile everything that can be known before the first cell moves.
    ///
    /// # Errors
    /// Whatever is wrong with the documents.
    pub fn new(document: &ModelDocument, run: RunDocument, given: Vec<Vec<f32>>) -> Result<Self, Error> {
        if !(run.rtol > 0.0 && run.rtol < 1.0) {
            return Err(Error::Run(format!("rtol is {}; it must lie between 0 and 1", run.rtol)));
        }
        if run.initial.len() != document.fates.len() {
            return Err(Error::Run(format!("{} initial counts for {} fates", run.initial.len(), document.fates.len())));
        }
        let founders = run.initial.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n)).unwrap_or(u64::MAX);
        if founders > u64::from(u32::MAX) {
            return Err(Error::Run(format!("{founders} initial cells; at most {} are possible", u32::MAX)));
        }
        if founders > run.stop.max_cells {
            return Err(Error::Run(format!(
                "{founders} initial cells are more than max_cells = {}; raise max_cells",
                run.stop.max_cells
            )));
        }
        for (i, column) in given.iter().enumerate() {
            check_given(&trait_given(document, i), column, founders)?;
        }
        let given = in_order_of_fates(given, &run)?;
        if let Some(rule) = &run.stop.relapse
            && let Some(fate) = rule.fates.iter().find(|f| **f >= document.fates.len())
        {
            return Err(Error::Run(format!(
                "the relapse rule names fate {fate}, but there are {}",
                document.fates.len()
            )));
        }
        check_run(&run)?;
        let hold_all = !document.slow.is_empty() || !run.visits.is_empty();
        let model = bind(document, &run.params, &given, run.rtol, hold_all)?;
        let plan = Arc::new(Plan::new(&model, &run, &run.doses, (run.begin, run.until))?);
        Ok(Self { model, run, plan, given })
    }

    /// The model as bound.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The number of times of observation.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.run.observe.len()
    }

    /// Whether visits may change the doses of single replicates.
    #[must_use]
    pub fn has_visits(&self) -> bool {
        !self.run.visits.is_empty()
    }

    /// Run all replicates on a pool of threads of its own; rules that are not compiled, and visits, are asked of `outside`.
    ///
    /// # Errors
    /// [`Error::Internal`] if no pool of threads can be had. Errors of replicates are part of the outcome.
    pub fn run(&self, control: &Control, outside: &dyn Outside, kept: &BTreeMap<u64, State>) -> Result<Outcome, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.run.threads.max(1))
            .thread_name(|i| format!("senescape-{i}"))
            .build()
            .map_err(|error| Error::Internal(format!("no threads: {error}")))?;
        let failure: Mutex<Option<(u64, Error)>> = Mutex::new(None);
        *control.profile.lock() = Profile::new(self.model.fates.len(), self.model.slow.len());
        let first = self.run.first_replicate;
        let done: BTreeSet<u64> = self.run.done.iter().copied().collect();
        let too_many = |_| Error::Run(format!("{} replicates do not fit into memory", self.run.replicates));
        let most = usize::try_from(self.run.replicates).unwrap_or(usize::MAX);
        Vec::<Record>::new().try_reserve_exact(most).map_err(too_many)?;
        let run = |worker: &mut Worker<'_>, replicate| {
            // After a panic the worker is not used again: the run is over, and another clears what it left.
            let outcome = guarded(&format!("replicate {replicate}"), || worker.run(replicate, kept.get(&replicate)));
            control.profile.lock().take(&mut worker.profile);
            match outcome {
                Ok(record) => {
                    control.finished.fetch_add(1, Ordering::Relaxed);
                    if self.run.pausable {
                        control.records.lock().push(record.clone());
                    }
                    Some(record)
                }
                Err(error) => {
                    if !matches!(error, Error::Interrupted) {
                        control.cancel.store(true, Ordering::Relaxed);
                        keep_first(&failure, replicate, error);
                    }
                    None
                }
            }
        };
        // The first that does not finish ends all: of millions that were never begun, none is looked at.
        let records: Vec<Record> = pool.install(|| {
            (first..first.saturating_add(self.run.replicates))
                .into_par_iter()
                .filter(|number| !done.contains(number))
                .map_init(|| Worker::new(&self.model, &self.run, &self.plan, &self.given, outside, control), run)
                .while_some()
                .collect()
        });
        let complete = records.len() + done.range(first..first.saturating_add(self.run.replicates)).count() == most;
        let failure = failure.into_inner();
        let error = match failure {
            Some((_, error)) => Some(error),
            None if !complete => Some(Error::Interrupted),
            None => None,
        };
        Ok(Outcome { records, error })
    }

    /// Concentrations at the times of observation, `[observation][drug]`; NaN before the run begins.
    #[must_use]
    pub fn concentrations(&self) -> Vec<f64> {
        let before = |t: f64| t < self.run.begin;
        let at = |t: &f64| -> Vec<f64> {
            if before(*t) { vec![f64::NAN; self.model.drugs.len()] } else { self.plan.concentrations(*t).collect() }
        };
        self.run.observe.iter().flat_map(at).collect()
    }
}

#[cfg(test)]
impl Job {
    /// One that has not run anything yet.
    pub(crate) fn worker<'a>(&'a self, control: &'a Control) -> Worker<'a> {
        Worker::new(&self.model, &self.run, &self.plan, &self.given, &crate::simulation::callbacks::Nothing, control)
    }
}

/// Of several failures keep that of the smallest replicate number.
fn keep_first(failure: &Mutex<Option<(u64, Error)>>, replicate: u64, error: Error) {
    let mut slot = failure.lock();
    if slot.as_ref().is_none_or(|(number, _)| replicate < *number) {
        *slot = Some((replicate, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::RelapseDocument;
    use crate::example::Example;
    use crate::simulation::callbacks::Nothing;

    /// What is said, and of what.
    type Refused = (&'static str, fn(&mut Example));

    #[test]
    fn a_run_that_does_not_fit_its_model_is_refused() {
        let refused: [Refused; 13] = [
            ("rtol is 0;", |of| of.run.rtol = 0.0),
            ("rtol is 1;", |of| of.run.rtol = 1.0),
            ("1 initial counts for 2 fates", |of| of.run.initial = vec![6]),
            ("18446744073709551615 initial cells", |of| of.run.initial = vec![u64::MAX, 1]),
            ("4294967296 initial cells; at most 4294967295", |of| {
                (of.run.initial, of.run.stop.max_cells) = (vec![1 << 32, 0], 1 << 40);
            }),
            ("301 initial cells are more than max_cells = 300", |of| {
                (of.run.initial, of.run.stop.max_cells) = (vec![200, 101], 300);
            }),
            ("trait 'measured' was given 299 values for 300 founders", |of| of.columns[0].truncate(299)),
            ("value 7 of trait 'measured' is NaN", |of| of.columns[0][7] = f32::NAN),
            ("value 299 of trait 'measured' is inf", |of| of.columns[0][299] = f32::INFINITY),
            ("the relapse rule names fate 2, but there are 2", |of| {
                of.run.stop.relapse = Some(RelapseDocument { fates: vec![0, 2], above: 1.0, after: 0.0 });
            }),
            ("given_order must name each fate once", |of| of.run.given_order = vec![1, 1]),
            ("until is 0 h", |of| of.run.until = 0.0),
            ("9223372036854775808 replicates do not fit into memory", |of| of.run.replicates = 1 << 63),
        ];
        let example = Example::kept("distributions");
        for (what, change) in refused {
            let mut wrong = example.clone();
            change(&mut wrong);
            let job = wrong.try_job();
            let said = job.and_then(|job| job.run(&Control::default(), &Nothing, &BTreeMap::new())).unwrap_err();
            assert!(said.to_string().contains(what), "{said} for {what}");
        }
        example.with(|run| run.stop.max_cells = 300).job();
    }

    #[test]
    fn replicates_that_are_done_are_left_out_and_the_rest_are_counted() {
        let example = Example::kept("stops").with(|run| {
            (run.first_replicate, run.replicates, run.done, run.threads) = (3, 6, vec![4, 7, 99], 2);
        });
        let control = Control::default();
        let outcome = example.job().run(&control, &Nothing, &BTreeMap::new()).unwrap();
        let numbers: Vec<u64> = outcome.records.iter().map(|record| record.replicate).collect();
        assert!(outcome.error.is_none());
        assert_eq!(numbers, [3, 5, 6, 8]);
        assert_eq!(control.finished.load(Ordering::Relaxed), 4);
        assert_eq!(control.profile.lock().replicates.calls, 4);
        assert!(control.records.lock().is_empty(), "they are not asked for on the way");
        let cancelled = Control { cancel: true.into(), ..Control::default() };
        let outcome = example.job().run(&cancelled, &Nothing, &BTreeMap::new()).unwrap();
        assert!(outcome.records.is_empty() && matches!(outcome.error, Some(Error::Interrupted)));
    }

    #[test]
    fn a_job_tells_what_it_is_about() {
        let drugs = Example::kept("drugs");
        let job = drugs.with(|run| run.begin = 30.0).job();
        assert_eq!((job.observations(), job.has_visits()), (21, false));
        assert!(Example::kept("outside").job().has_visits());
        let (all, later) = (drugs.job().concentrations(), job.concentrations());
        assert_eq!(all.len(), 21 * drugs.model.drugs.len());
        let rows = all.chunks(drugs.model.drugs.len()).zip(later.chunks(drugs.model.drugs.len()));
        for (t, (all, later)) in drugs.run.observe.iter().zip(rows) {
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs() + 1e-15;
            assert_eq!(later.iter().all(|x| x.is_nan()), *t < 30.0, "{t} h");
            assert!(*t < 30.0 || all.iter().zip(later).all(close), "{t} h");
        }
    }

    #[test]
    fn of_several_failures_the_first_replicate_s_is_told() {
        let failure = Mutex::new(None);
        for replicate in [5, 3, 4] {
            keep_first(&failure, replicate, Error::Internal(format!("of {replicate}")));
        }
        let said = failure.into_inner().map(|(number, error)| (number, error.to_string()));
        assert_eq!(said, Some((3, "internal error, please report it: of 3".into())));
    }
}
