//! What must hold for any file of a stranger: an error or a run, never a panic, and bounds that hold.
//!
//! Each function takes bytes from a fuzzer, which say how one of the models of `senescape-core/tests/kept` is changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a finding")]

mod edit;

use arbitrary::{Arbitrary, Unstructured};
use edit::{Edit, edited};
use senescape_core::document::{DoseDocument, ModelDocument, RunDocument};
use senescape_core::error::Error;
use senescape_core::expr::{Graph, Input, Node, NodeId, columns};
use senescape_core::simulation::{Callbacks, Control, Job, Scene, Snapshot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The time after which a hostile run, which may be long, is cancelled as by Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(50);

const SEEDS: [&str; 6] = [
    include_str!("../../senescape-core/tests/kept/everything.json"),
    include_str!("../../senescape-core/tests/kept/distributions.json"),
    include_str!("../../senescape-core/tests/kept/drugs.json"),
    include_str!("../../senescape-core/tests/kept/outside.json"),
    include_str!("../../senescape-core/tests/kept/random-2.json"),
    include_str!("../../senescape-core/tests/kept/random-3.json"),
];

/// A model and runs of it as the engine reads them.
struct Case {
    whole: Value,
    job: Job,
    /// Snapshots of unfinished replicates, as bytes.
    states: Vec<Vec<u8>>,
}

/// Callbacks whose hazards are zero, and whose visits change nothing.
struct Quiet;

impl Callbacks for Quiet {
    fn rule(&self, _: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
        Ok(vec![0.0; scene.tables[fate].rows()])
    }

    fn visit(&self, _: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        Ok(None)
    }
}

/// Run any program: it is refused, or its values lie within its bounds.
pub fn program(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let (Some(case), Ok(ends)) = (chosen(&mut from), <[(i16, u8); 8]>::arbitrary(&mut from)) else { return };
    let nodes = edited(&case.whole["model"]["nodes"], &edits(&mut from));
    let Ok(graph) = serde_json::from_value::<Graph>(nodes) else { return };
    let last = graph.nodes.len().saturating_sub(1) as NodeId;
    let roots = [last, last / 2, last / 3];
    let params: Vec<f64> = (0..64).map(|i| 0.1 * f64::from(i)).collect();
    let mut inputs: Vec<Input> = Vec::new();
    for node in &graph.nodes {
        if let Node::Input { input } = *node
            && !inputs.contains(&input)
        {
            inputs.push(input);
        }
    }
    // Each input from one end of a box to the other, and two points between.
    let along = |share: f32| -> Vec<(Input, Vec<f32>)> {
        let at = |(i, input): (usize, &Input)| {
            let (low, width) = ends[i % ends.len()];
            let (low, width) = (f32::from(low) / 64.0, f32::from(width) / 16.0);
            (*input, vec![low + share * width])
        };
        inputs.iter().enumerate().map(at).collect()
    };
    let Ok(bounds) = columns::bounds(&graph, &roots, &params, &along(0.0), &along(1.0)) else { return };
    for share in [0.0, 0.3, 0.8, 1.0] {
        let values =
            columns::values(&graph, &roots, &params, &along(share)).expect("bounds were found, values are not");
        for (value, (low, high)) in values.iter().zip(&bounds) {
            let (value, low, high) = (value[0], low[0], high[0]);
            // Bounds that are not finite are those of a rule that may be undefined, which the engine refuses.
            let known = low.is_finite() && high.is_finite();
            assert!(!known || (low <= value && value <= high), "{value} lies outside {low} to {high}");
        }
    }
}

/// Run any model and run: they are refused, or the run ends with results or an error that is not internal.
pub fn scenario(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let Some(case) = chosen(&mut from) else { return };
    let changed = edited(&case.whole, &edits(&mut from));
    if let Some(job) = job(&changed) {
        finish(&job, &BTreeMap::new());
    }
}

/// Go on from any snapshot: it is refused, or the run ends.
pub fn state(data: &[u8]) {
    #[derive(Arbitrary)]
    struct Change {
        at: u32,
        to: u8,
        how: u8,
    }
    let mut from = Unstructured::new(data);
    let Some(case) = chosen(&mut from) else { return };
    let Ok(which) = u8::arbitrary(&mut from) else { return };
    let Some(good) = case.states.get(usize::from(which) % case.states.len().max(1)) else { return };
    let mut bytes = good.clone();
    for Change { at, to, how } in Vec::arbitrary(&mut from).unwrap_or_default() {
        let at = at as usize % bytes.len().max(1);
        match how % 4 {
            0 => bytes.insert(at, to),
            1 => drop((at < bytes.len()).then(|| bytes.remove(at))),
            _ => drop(bytes.get_mut(at).map(|byte| *byte = to)),
        }
    }
    match Snapshot::from_bytes(&bytes) {
        Ok(state) => finish(&case.job, &BTreeMap::from([(state.replicate, state)])),
        Err(error) => drop(error.to_string()),
    }
}

fn edits(from: &mut Unstructured<'_>) -> Vec<Edit> {
    Vec::arbitrary(from).unwrap_or_default()
}

/// Return one of the models, by the first byte.
fn chosen(from: &mut Unstructured<'_>) -> Option<&'static Case> {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    let cases = CASES.get_or_init(|| SEEDS.iter().map(|text| case(text)).collect());
    Some(&cases[usize::from(u8::arbitrary(from).ok()?) % cases.len()])
}

fn case(text: &str) -> Case {
    let mut whole: Value = serde_json::from_str(text).unwrap();
    // Few cells, for many runs; measured founders are as many as there are measurements.
    if whole["columns"].as_array().unwrap().is_empty() {
        for founders in whole["run"]["initial"].as_array_mut().unwrap() {
            *founders = (founders.as_u64().unwrap().div_ceil(50)).into();
        }
    }
    whole["run"]["replicates"] = 2.into();
    whole["run"]["threads"] = 1.into();
    whole["run"]["max_memory"] = (1 << 26).into();
    // Snapshots at half time, and the run that goes on from there.
    let mut later = whole.clone();
    later["run"]["visits"] = Value::Array(Vec::new());
    let mut first = later.clone();
    let half = later["run"]["until"].as_f64().unwrap() / 2.0;
    first["run"]["until"] = half.into();
    first["run"]["keep"] = true.into();
    first["run"]["observe"].as_array_mut().unwrap().retain(|time| time.as_f64().unwrap() <= half);
    later["run"]["begin"] = half.into();
    let control = Control::default();
    job(&first).unwrap().run(&control, &Quiet, &BTreeMap::new()).unwrap();
    let states = control.snapshots.lock().values().map(|state| state.to_bytes().unwrap()).collect();
    Case { whole, job: job(&later).unwrap(), states }
}

fn job(whole: &Value) -> Option<Job> {
    fn part<T: for<'a> serde::Deserialize<'a>>(of: &Value, name: &str) -> Option<T> {
        serde_json::from_value(of.get(name)?.clone()).ok()
    }
    let (model, run) = (part::<ModelDocument>(whole, "model")?, part::<RunDocument>(whole, "run")?);
    let run = RunDocument {
        threads: run.threads.min(2),
        replicates: run.replicates.min(3),
        max_memory: Some(run.max_memory.unwrap_or(u64::MAX).min(1 << 26)),
        ..run
    };
    Job::new(&model, run, part(whole, "columns")?).ok()
}

/// Run to the end, or until patience is over.
fn finish(job: &Job, snapshots: &BTreeMap<u64, Snapshot>) {
    let control = Control::default();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let control = &control;
        scope.spawn(move || {
            if wait.recv_timeout(PATIENCE).is_err() {
                control.cancel.store(true, Ordering::Relaxed);
            }
        });
        let outcome = job.run(control, &Quiet, snapshots);
        done.send(()).unwrap_or_default();
        let error = match outcome {
            Ok(outcome) => outcome.error,
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            assert!(!matches!(error, Error::Internal(_)), "{error}");
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn bounds_of_any_program_hold(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::program(&data);
        }

        #[test]
        fn any_scenario_is_refused_or_runs(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::scenario(&data);
        }

        #[test]
        fn any_state_is_refused_or_goes_on(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            super::state(&data);
        }
    }

    #[test]
    fn there_are_states_to_go_on_from() {
        for seed in super::SEEDS {
            let case = super::case(seed);
            assert!(!case.states.is_empty());
        }
    }
}
