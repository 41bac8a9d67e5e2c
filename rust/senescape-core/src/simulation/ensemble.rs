//! Many replicates in parallel, with results that do not depend on which thread runs which.

use super::{Callbacks, Control, Job, Snapshot, Worker};
use crate::error::{Error, guarded};
use crate::recording::{Profile, Record};
use parking_lot::Mutex;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// The results of a run: the finished replicates in order, and the error that ended it early, if any.
#[derive(Debug)]
pub struct Outcome {
    /// Finished replicates, by number.
    pub records: Vec<Record>,
    /// The error that ended the run.
    pub error: Option<Error>,
}

impl Job {
    /// Run all replicates on a pool of threads of its own. `callbacks` evaluates callback rules and makes visits;
    /// replicates go on from their `snapshots`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the pool of threads cannot be made. Errors of replicates are part of the outcome.
    pub fn run(
        &self,
        control: &Control,
        callbacks: &dyn Callbacks,
        snapshots: &BTreeMap<u64, Snapshot>,
    ) -> Result<Outcome, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.run.threads.max(1))
            .thread_name(|i| format!("senescape-{i}"))
            .build()
            .map_err(|error| Error::Internal(format!("no threads: {error}")))?;
        let failure: Mutex<Option<(u64, Error)>> = Mutex::new(None);
        *control.profile.lock() = Profile::new(self.model.fates.len(), self.model.callbacks.len());
        let first = self.run.first_replicate;
        let done: BTreeSet<u64> = self.run.done.iter().copied().collect();
        let too_many = |_| Error::Run(format!("{} replicates do not fit into memory", self.run.replicates));
        let most = usize::try_from(self.run.replicates).unwrap_or(usize::MAX);
        Vec::<Record>::new().try_reserve_exact(most).map_err(too_many)?;
        let numbers = first..first.saturating_add(self.run.replicates);
        let run = |worker: &mut Worker<'_>, replicate| {
            // A worker that panicked is not used again, because the run ends.
            let outcome =
                guarded(&format!("replicate {replicate}"), || worker.run(replicate, snapshots.get(&replicate)));
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
        // The first replicate that does not finish ends all: millions that were never begun are not looked at.
        let records: Vec<Record> = pool.install(|| {
            let wanted = numbers.clone().into_par_iter().filter(|number| !done.contains(number));
            wanted.map_init(|| Worker::new(self, callbacks, control), run).while_some().collect()
        });
        let complete = records.len() + done.range(numbers).count() == most;
        let error = match failure.into_inner() {
            Some((_, error)) => Some(error),
            None if !complete => Some(Error::Interrupted),
            None => None,
        };
        Ok(Outcome { records, error })
    }
}

/// Keep the failure with the smallest replicate number of several.
fn keep_first(failure: &Mutex<Option<(u64, Error)>>, replicate: u64, error: Error) {
    let mut slot = failure.lock();
    if slot.as_ref().is_none_or(|(number, _)| replicate < *number) {
        *slot = Some((replicate, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::simulation::NoCallbacks;

    #[test]
    fn replicates_that_are_done_are_left_out_and_the_rest_are_counted() {
        let example = Example::load("stops").with(|run| {
            (run.first_replicate, run.replicates, run.done, run.threads) = (3, 6, vec![4, 7, 99], 2);
        });
        let control = Control::default();
        let outcome = example.job().run(&control, &NoCallbacks, &BTreeMap::new()).unwrap();
        let numbers: Vec<u64> = outcome.records.iter().map(|record| record.replicate).collect();
        assert!(outcome.error.is_none());
        assert_eq!(numbers, [3, 5, 6, 8]);
        assert_eq!(control.finished.load(Ordering::Relaxed), 4);
        assert_eq!(control.profile.lock().replicates.calls, 4);
        assert!(control.records.lock().is_empty(), "no snapshots may be requested");
        let cancelled = Control { cancel: true.into(), ..Control::default() };
        let outcome = example.job().run(&cancelled, &NoCallbacks, &BTreeMap::new()).unwrap();
        assert!(outcome.records.is_empty() && matches!(outcome.error, Some(Error::Interrupted)));
    }

    #[test]
    fn of_several_failures_the_first_replicate_s_is_reported() {
        let failure = Mutex::new(None);
        for replicate in [5, 3, 4] {
            keep_first(&failure, replicate, Error::Internal(format!("of {replicate}")));
        }
        let said = failure.into_inner().map(|(number, error)| (number, error.to_string()));
        assert_eq!(said, Some((3, "internal error, please report it: of 3".into())));
    }
}
