//! Results that stay the same from one version to the next, to the bit.
//!
//! Each `kept/NAME.json` holds a model and a run as the core reads them, and `kept/hashes.txt` hashes of their results.
//! Other tests check which law the results follow (tests/verification); these check that no draw changes, over threads,
//! blocks and pauses. A change of these lines is a change of every user's numbers: it needs a reason, a new minor
//! version and a line in the CHANGELOG, and `SENESCAPE_KEEP=1 cargo test --test kept` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Case, folder};
use senescape_core::document::{DoseDocument, EventKind, RouteDocument};
use senescape_core::error::Error;
use senescape_core::recording::Record;
use senescape_core::simulation::{Callbacks, Control, Job, Outcome, Scene, Snapshot};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// Callbacks for the rule and the visits of `outside.json`, which use everything in a scene.
struct Answers;

impl Callbacks for Answers {
    fn rule(&self, rule: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
        let overview = scene.overview;
        // Tables hold living cells, and their traits only.
        assert!(overview.current[fate] && scene.tables[fate].rows() == overview.counts[fate] && overview.traits == 1);
        let crowd = (overview.counts.iter().sum::<usize>() as f64 / 400.0) as f32;
        let table = &scene.tables[fate];
        Ok((0..table.rows()).map(|row| 0.02 * crowd * table.columns[rule][row] + 1e-5 * overview.time as f32).collect())
    }

    fn visit(&self, number: usize, scene: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        let overview = scene.overview;
        let mean = overview.sums[0][0] / overview.counts[0].max(1) as f64;
        let amount = mean + overview.drugs[0] + overview.events[0] as f64 / 100.0;
        let dose = |visit: usize| DoseDocument {
            drug: 0,
            at: 15.0 * visit as f64 + 1.0,
            amount: if visit == number { amount } else { 0.5 },
            route: RouteDocument::Bolus,
            duration: None,
        };
        Ok((number != 1).then(|| (0..=number).map(dose).collect()))
    }
}

fn cases() -> BTreeMap<String, Case> {
    let paths = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let named = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let names = named.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    names.map(|name| (name.clone(), Case::load(&name))).collect()
}

fn finished(job: &Job, control: &Control, snapshots: &BTreeMap<u64, Snapshot>) -> Vec<Record> {
    let Outcome { records, error } = job.run(control, &Answers, snapshots).unwrap();
    assert!(error.is_none(), "{error:?}");
    records
}

/// Hash bytes by FNV-1a.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn numbers<'a>(values: impl IntoIterator<Item = &'a f64>) -> u64 {
    hash(values.into_iter().flat_map(|x| x.to_bits().to_le_bytes()))
}

fn integers<'a>(values: impl IntoIterator<Item = &'a i64>) -> u64 {
    hash(values.into_iter().flat_map(|x| x.to_le_bytes()))
}

/// Return a line for all records, whose parts name what changed.
fn line(records: &[Record]) -> String {
    let mut line = String::new();
    let mut add = |name: &str, value: u64| write!(line, " {name}={value:016x}").unwrap();
    add("counts", integers(records.iter().flat_map(|r| r.counts.iter().chain(&r.total_counts))));
    add("events", integers(records.iter().flat_map(|r| r.events.iter().chain(&r.total_events))));
    add("pools", numbers(records.iter().flat_map(|r| &r.pools)));
    add("observables", numbers(records.iter().flat_map(|r| &r.observables)));
    add("drugs", numbers(records.iter().flat_map(|r| &r.drugs)));
    add("times", numbers(records.iter().flat_map(|r| r.first_event.iter().chain([&r.last_death, &r.end_time]))));
    add("stops", integers(&records.iter().map(|r| r.stop as i64).collect::<Vec<_>>()));
    let work = records.iter().flat_map(|r| {
        let counters = r.counters;
        [counters.epochs, counters.bounds, counters.candidates, counters.accepted].map(|n| i64::try_from(n).unwrap())
    });
    add("work", integers(&work.collect::<Vec<_>>()));
    line
}

#[test]
fn results_stay_as_they_were() {
    let mut lines = String::new();
    for (name, case) in &cases() {
        let job = case.job(|_| ());
        let records = finished(&job, &Control::default(), &BTreeMap::new());
        writeln!(lines, "{name}{} drugs={:016x}", line(&records), numbers(&job.concentrations())).unwrap();
    }
    let path = folder().join("hashes.txt");
    if std::env::var_os("SENESCAPE_KEEP").is_some() {
        std::fs::write(&path, &lines).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap();
    let moved: Vec<_> = lines.lines().zip(before.lines()).filter(|(now, then)| now != then).collect();
    assert!(moved.is_empty() && lines == before, "results moved (now, before): {moved:#?}");
}

#[test]
fn neither_threads_nor_blocks_nor_pauses_show() {
    for (name, case) in &cases() {
        let whole = line(&finished(&case.job(|_| ()), &Control::default(), &BTreeMap::new()));
        let shared =
            finished(&case.job(|run| (run.threads, run.block) = (3, 7)), &Control::default(), &BTreeMap::new());
        assert_eq!(line(&shared), whole, "{name}");
        if name == "outside" {
            continue; // Tumours with visits begin again.
        }
        assert_eq!(line(&stopped_and_resumed(case)), whole, "{name}");
    }
}

/// Stop a run at the first snapshot of any replicate, and go on from there.
fn stopped_and_resumed(case: &Case) -> Vec<Record> {
    let first = case.job(|run| run.pausable = true);
    // A replicate that ends before this thread reads its snapshot has removed it; then the loop tries again.
    for _ in 0..1000 {
        let control = Control::default();
        control.snapshot_requests.store(1, Ordering::Relaxed);
        let (outcome, states) = std::thread::scope(|scope| {
            let running = scope.spawn(|| first.run(&control, &Answers, &BTreeMap::new()).unwrap());
            loop {
                let states = control.snapshots.lock().clone();
                if !states.is_empty() || running.is_finished() {
                    control.cancel.store(true, Ordering::Relaxed);
                    return (running.join().unwrap(), states);
                }
            }
        });
        assert_eq!(control.records.lock().len(), outcome.records.len());
        let done: Vec<u64> = outcome.records.iter().map(|record| record.replicate).collect();
        let states: BTreeMap<u64, Snapshot> = states
            .into_iter()
            .filter(|(number, _)| !done.contains(number))
            .map(|(number, state)| (number, Snapshot::from_bytes(&state.to_bytes().unwrap()).unwrap()))
            .collect();
        if states.is_empty() {
            continue;
        }
        assert!(matches!(outcome.error, Some(Error::Interrupted)));
        assert!(states.values().all(|state| 0.0 < state.time && state.time < case.run.until));
        let rest = case.job(|run| (run.block, run.done) = (100, done.clone()));
        let mut records = outcome.records;
        records.extend(finished(&rest, &Control::default(), &states));
        records.sort_by_key(|record| record.replicate);
        return records;
    }
    panic!("no state was given");
}

#[test]
fn tumours_go_on_past_the_horizon() {
    for (name, case) in &cases() {
        if ["outside", "stops", "runaway"].contains(&name.as_str()) {
            continue; // They end before.
        }
        // Half way, then on: the law is the same but the draws are not, because an epoch ends where none did. Going on
        // twice gives the same bits.
        let half = case.run.observe[case.run.observe.len() / 2];
        let control = Control::default();
        let first = case.job(|run| {
            (run.keep, run.pausable, run.until) = (true, true, half);
            run.observe.retain(|t| *t <= half);
            run.doses.retain(|dose| dose.at < half);
            (run.cuts, run.split) = (vec![], None);
        });
        let before = finished(&first, &control, &BTreeMap::new());
        let states = control.snapshots.lock().clone();
        assert!(states.values().all(|state| state.time == half), "{name}");
        let beyond = || case.job(|run| run.begin = half);
        let after = finished(&beyond(), &Control::default(), &states);
        assert_eq!(line(&after), line(&finished(&beyond(), &Control::default(), &states)), "{name}");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.counts, after.counts[..before.counts.len()], "{name}");
            assert_eq!(before.events, after.events[..before.events.len()], "{name}");
        }
        conserved(name, case, &after);
    }
}

#[test]
fn what_happens_after_the_last_observation_is_counted() {
    for (name, case) in &cases() {
        let whole = finished(&case.job(|_| ()), &Control::default(), &BTreeMap::new());
        // An epoch ends where an observation was: the cells stay the same.
        let early = case.job(|run| {
            let unseen = run.observe.split_off(run.observe.len() / 2);
            run.cuts.extend(unseen.iter().filter(|t| **t < run.until));
            run.cuts.sort_by(f64::total_cmp);
        });
        let early = finished(&early, &Control::default(), &BTreeMap::new());
        for (early, whole) in early.iter().zip(&whole) {
            assert_eq!(early.total_events, whole.total_events, "{name}");
            assert_eq!(early.total_counts, whole.total_counts, "{name}");
        }
        conserved(name, case, &early);
    }
}

#[test]
fn no_cell_is_lost() {
    for (name, case) in &cases() {
        conserved(name, case, &finished(&case.job(|_| ()), &Control::default(), &BTreeMap::new()));
    }
}

/// Check that founders and events add up to the living cells, at each observation and at the end.
fn conserved(name: &str, case: &Case, records: &[Record]) {
    let (fates, transitions) = (case.model.fates.len(), &case.model.transitions);
    for record in records {
        let rows = record.events.chunks(transitions.len()).zip(record.counts.chunks(fates));
        let end = (record.total_events.as_slice(), record.total_counts.as_slice());
        for (events, counts) in rows.chain([end]).filter(|(_, counts)| counts[0] >= 0) {
            let mut expected: Vec<i64> = case.run.initial.iter().map(|n| i64::try_from(*n).unwrap()).collect();
            for (transition, n) in transitions.iter().zip(events) {
                match (transition.kind, transition.target) {
                    (EventKind::Division, _) => expected[transition.source] += n,
                    (EventKind::Death, _) => expected[transition.source] -= n,
                    (EventKind::Move, target) => {
                        expected[transition.source] -= n;
                        expected[target.unwrap()] += n;
                    }
                }
            }
            assert_eq!(expected, counts, "{name}");
        }
    }
}
