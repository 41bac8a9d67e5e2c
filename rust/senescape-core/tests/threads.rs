//! Many runs at once, on many threads, while others read their results: `make sanitize` watches them for races.
//!
//! All of it happens on threads of a pool, whose waiting is built with the sanitizer's checks. The standard library is
//! built without them, so that a thread that waited for one of its locks looks as if it had not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Case;
use senescape_core::error::Error;
use senescape_core::recording::Record;
use senescape_core::simulation::{Control, Job, NoCallbacks};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of runs at once.
const RUNS: usize = 3;
const REPLICATES: u64 = 6;

fn job(case: &Case, threads: usize) -> Job {
    case.job(|run| (run.threads, run.replicates, run.pausable, run.block) = (threads, REPLICATES, threads > 1, 7))
}

fn records(job: &Job) -> Vec<Record> {
    let outcome = job.run(&Control::default(), &NoCallbacks, &BTreeMap::new()).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    outcome.records
}

/// Request snapshots, and read what is finished, until all runs are over. Returns the number of finished replicates.
fn watch(controls: &[Control], running: &AtomicUsize) -> u64 {
    loop {
        let last = running.load(Ordering::Acquire) == 0;
        let mut finished = 0;
        for control in controls {
            control.snapshot_requests.fetch_add(1, Ordering::Relaxed);
            assert!(control.snapshots.lock().values().all(|state| state.time > 0.0));
            assert!(control.records.lock().iter().all(|record| record.counts[0] >= 0));
            finished += control.finished.load(Ordering::Relaxed);
            assert!(control.profile.lock().replicates.calls <= REPLICATES);
        }
        if last {
            return finished;
        }
        std::thread::yield_now();
    }
}

fn in_a_pool(work: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().num_threads(RUNS + 1).build().unwrap().install(work);
}

#[test]
fn runs_beside_each_other_know_nothing_of_each_other() {
    in_a_pool(|| {
        for name in ["random-2", "stops"] {
            let case = Case::load(name);
            let alone = format!("{:?}", records(&job(&case, 1)));
            let controls: Vec<Control> = (0..RUNS).map(|_| Control::default()).collect();
            // One job serves all runs, which only read it.
            let (shared, running) = (job(&case, 3), AtomicUsize::new(RUNS));
            rayon::scope(|scope| {
                for control in &controls {
                    let (shared, running, alone) = (&shared, &running, &alone);
                    scope.spawn(move |_| {
                        let outcome = shared.run(control, &NoCallbacks, &BTreeMap::new()).unwrap();
                        running.fetch_sub(1, Ordering::Release);
                        assert_eq!(&format!("{:?}", outcome.records), alone, "{name}");
                    });
                }
                assert_eq!(watch(&controls, &running), RUNS as u64 * REPLICATES);
            });
        }
    });
}

#[test]
fn a_run_that_is_cancelled_stops_while_others_go_on() {
    in_a_pool(|| {
        let case = Case::load("everything");
        let alone = format!("{:?}", records(&job(&case, 1)));
        let (shared, cancelled) = (job(&case, 2), Control::default());
        let (cut, whole) = rayon::join(
            || {
                rayon::join(
                    || shared.run(&cancelled, &NoCallbacks, &BTreeMap::new()).unwrap(),
                    || {
                        while cancelled.finished.load(Ordering::Relaxed) < 2 {
                            std::thread::yield_now();
                        }
                        cancelled.cancel.store(true, Ordering::Relaxed);
                    },
                )
                .0
            },
            || records(&shared),
        );
        assert!(
            matches!(cut.error, Some(Error::Interrupted)) || cut.records.len() as u64 == REPLICATES,
            "{:?}",
            cut.error
        );
        assert!(cut.records.len() >= 2);
        assert_eq!(format!("{whole:?}"), alone);
    });
}
