//! The Python module `senescape._core`: documents in, NumPy arrays out.
//!
//! The interpreter is released while replicates run; the calling thread checks for signals and reports progress.

mod callbacks;
mod error;

use callbacks::Caller;
use error::into_py;
use numpy::ndarray::Array;
use numpy::ndarray::Dimension;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use senescape_core::document::{ModelDocument, RunDocument};
use senescape_core::error::{Error, guarded};
use senescape_core::expr::{Graph, Input, NodeId, columns};
use senescape_core::recording::{FateProfile, Meter, Profile, Record};
use senescape_core::simulation::{Callbacks, Control, Job, NoCallbacks, Snapshot};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The time between two checks for signals while replicates run.
const TICK: Duration = Duration::from_millis(50);

fn parse<T: for<'a> serde::Deserialize<'a>>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| match what {
        "model" => Error::Model(error.to_string()),
        _ => Error::Run(error.to_string()),
    })
}

fn job(py: Python<'_>, model: &str, run: &str, columns: Vec<PyReadonlyArray1<'_, f32>>) -> Result<Job, Error> {
    let columns = columns.iter().map(|c| c.as_array().to_vec()).collect();
    // A schedule of a hundred thousand doses takes a while to check.
    py.detach(|| {
        guarded("the check of a model", || {
            Job::new(&parse::<ModelDocument>("model", model)?, parse::<RunDocument>("run", run)?, columns)
        })
    })
}

/// Check a model and a run, and compile its rules, without running it.
#[pyfunction]
fn check(py: Python<'_>, model: &str, run: &str, columns: Vec<PyReadonlyArray1<'_, f32>>) -> PyResult<()> {
    job(py, model, run, columns).map(|_| ()).map_err(|error| into_py(py, error))
}

/// Return the compiled programs of a model, one listing for each fate.
#[pyfunction]
fn listing(
    py: Python<'_>,
    model: &str,
    run: &str,
    columns: Vec<PyReadonlyArray1<'_, f32>>,
) -> PyResult<Vec<(String, String)>> {
    let job = job(py, model, run, columns).map_err(|error| into_py(py, error))?;
    Ok(job.model().fates.iter().map(|fate| (fate.name.clone(), fate.listing.clone())).collect())
}

/// Pair each input with its column, for [`columns`].
fn pair(inputs: &str, values: &[PyReadonlyArray1<'_, f32>]) -> Result<Vec<(Input, Vec<f32>)>, Error> {
    let inputs = parse::<Vec<Input>>("model", inputs)?;
    if inputs.len() != values.len() {
        return Err(Error::Model(format!("{} inputs have {} columns", inputs.len(), values.len())));
    }
    Ok(inputs.into_iter().zip(values.iter().map(|column| column.as_array().to_vec())).collect())
}

/// Return the values of nodes of a graph on columns.
#[pyfunction]
fn evaluate<'py>(
    py: Python<'py>,
    nodes: &str,
    roots: Vec<NodeId>,
    params: Vec<f64>,
    inputs: &str,
    values: Vec<PyReadonlyArray1<'py, f32>>,
) -> PyResult<Vec<Bound<'py, PyArray1<f32>>>> {
    let run = || -> Result<_, Error> {
        Ok(columns::values(&parse::<Graph>("model", nodes)?, &roots, &params, &pair(inputs, &values)?)?)
    };
    let out = guarded("a rule", run).map_err(|error| into_py(py, error))?;
    Ok(out.into_iter().map(|column| column.into_pyarray(py)).collect())
}

/// A lower and an upper column.
type Ends<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>);

/// Return the bounds of nodes of a graph over boxes.
#[pyfunction]
fn enclose<'py>(
    py: Python<'py>,
    nodes: &str,
    roots: Vec<NodeId>,
    params: Vec<f64>,
    inputs: &str,
    low: Vec<PyReadonlyArray1<'py, f32>>,
    high: Vec<PyReadonlyArray1<'py, f32>>,
) -> PyResult<Vec<Ends<'py>>> {
    let run = || -> Result<_, Error> {
        let (low, high) = (pair(inputs, &low)?, pair(inputs, &high)?);
        Ok(columns::bounds(&parse::<Graph>("model", nodes)?, &roots, &params, &low, &high)?)
    };
    let out = guarded("the bounds of a rule", run).map_err(|error| into_py(py, error))?;
    Ok(out.into_iter().map(|(low, high)| (low.into_pyarray(py), high.into_pyarray(py))).collect())
}

/// Read snapshots, and return them by replicate.
fn read_snapshots(states: Option<Vec<Bound<'_, PyBytes>>>) -> Result<BTreeMap<u64, Snapshot>, Error> {
    let read = |bytes: Bound<'_, PyBytes>| {
        Snapshot::from_bytes(bytes.as_bytes()).map(|snapshot| (snapshot.replicate, snapshot))
    };
    states.unwrap_or_default().into_iter().map(read).collect()
}

/// Return the latest snapshots: (replicate, bytes) of each.
fn snapshot_list<'py>(py: Python<'py>, control: &Control) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (replicate, snapshot) in &*control.snapshots.lock() {
        let bytes = snapshot.to_bytes().map_err(|error| into_py(py, error))?;
        list.append((replicate, PyBytes::new(py, &bytes)))?;
    }
    Ok(list)
}

/// Return arrays of the finished replicates and the latest snapshots of the others, and request new snapshots.
fn so_far<'py>(py: Python<'py>, job: &Job, control: &Control) -> PyResult<Bound<'py, PyDict>> {
    let mut records = control.records.lock().clone();
    records.sort_by_key(|record| record.replicate);
    let out = arrays(py, job, &records)?;
    out.set_item("states", snapshot_list(py, control)?)?;
    control.snapshot_requests.fetch_add(1, Ordering::Relaxed);
    Ok(out)
}

/// Run replicates of a model.
///
/// `outside` evaluates callback rules and makes visits. `checkpoint` is called every `every` seconds with the arrays of
/// the finished replicates and the latest snapshots of the others; the run goes on from the snapshots in `states`.
/// Returns arrays of the finished replicates. If the run ended early, `error` holds the exception, else None.
#[pyfunction]
#[pyo3(signature = (model, run, columns, progress=None, outside=None, checkpoint=None, every=0.0, states=None))]
#[allow(clippy::too_many_arguments, reason = "the one place where all that Python gives arrives")]
fn simulate<'py>(
    py: Python<'py>,
    model: &str,
    run: &str,
    columns: Vec<PyReadonlyArray1<'py, f32>>,
    progress: Option<Bound<'py, PyAny>>,
    outside: Option<Py<PyAny>>,
    checkpoint: Option<Bound<'py, PyAny>>,
    every: f64,
    states: Option<Vec<Bound<'py, PyBytes>>>,
) -> PyResult<Bound<'py, PyDict>> {
    let job = job(py, model, run, columns).map_err(|error| into_py(py, error))?;
    let snapshots = read_snapshots(states).map_err(|error| into_py(py, error))?;
    let control = Control::default();
    control.snapshot_requests.store(1, Ordering::Relaxed);
    let called = outside.as_ref().map(|object| object.clone_ref(py));
    let outside: Box<dyn Callbacks> = match outside {
        Some(object) => Box::new(Caller(object)),
        None => Box::new(NoCallbacks),
    };
    let (outcome, raised) = std::thread::scope(|scope| {
        let (sender, mut receiver) = std::sync::mpsc::channel();
        let (job, control, outside, snapshots) = (&job, &control, outside.as_ref(), &snapshots);
        scope.spawn(move || {
            // The receiver lives as long as this scope, so a failed send needs no report.
            drop(sender.send(guarded("a run", || job.run(control, outside, snapshots))));
        });
        let mut raised: Option<PyErr> = None;
        let mut written = Instant::now();
        loop {
            let waited;
            // A receiver may move between threads but not be shared, so the closure takes it and returns it.
            (waited, receiver) = py.detach(move || (receiver.recv_timeout(TICK), receiver));
            match waited {
                Ok(outcome) => return (outcome, raised),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    let heard = py
                        .check_signals()
                        .and_then(|()| match (&progress, &raised) {
                            (Some(call), None) => call.call1((control.finished.load(Ordering::Relaxed),)).map(drop),
                            _ => Ok(()),
                        })
                        .and_then(|()| match (&checkpoint, &raised) {
                            (Some(call), None) if written.elapsed().as_secs_f64() >= every => {
                                let done = call.call1((so_far(py, job, control)?,)).map(drop);
                                written = Instant::now();
                                done
                            }
                            _ => Ok(()),
                        });
                    if let Err(error) = heard {
                        control.cancel.store(true, Ordering::Relaxed);
                        raised.get_or_insert(error);
                        if let Some(object) = &called
                            && let Err(error) = object.call_method0(py, "cancel")
                        {
                            raised.get_or_insert(error);
                        }
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    return (Err(Error::Internal("a run ended without an outcome".into())), raised);
                }
            }
        }
    });
    let outcome = outcome.map_err(|error| into_py(py, error))?;
    let result = arrays(py, &job, &outcome.records)?;
    // Millions of records take seconds to be released, for which nothing has to wait.
    let records = outcome.records;
    std::thread::spawn(move || drop(records));
    result.set_item("error", outcome.error.map(|error| into_py(py, error)))?;
    result.set_item("states", snapshot_list(py, &control)?)?;
    let profile = control.profile.into_inner();
    result.set_item("profile", profiled(py, &profile)?)?;
    if let Some(error) = raised {
        result.set_item("error", error)?;
    }
    Ok(result)
}

fn arrays<'py>(py: Python<'py>, job: &Job, records: &[Record]) -> PyResult<Bound<'py, PyDict>> {
    let model = job.model();
    let (n, rows) = (records.len(), job.observations());
    let shape = |width: usize| (n, rows, width);
    let out = PyDict::new(py);
    let ints = |f: fn(&Record) -> &Vec<i64>, width| array(py, records, shape(width), f);
    out.set_item("counts", ints(|r| &r.counts, model.fates.len())?)?;
    out.set_item("events", ints(|r| &r.events, model.transitions.len())?)?;
    let floats = |f: fn(&Record) -> &Vec<f64>, width| array(py, records, shape(width), f);
    out.set_item("pools", floats(|r| &r.pools, model.pools.len())?)?;
    out.set_item("observables", floats(|r| &r.observables, model.observables.len())?)?;
    out.set_item("first_event", array(py, records, (n, model.transitions.len()), |r| &r.first_event)?)?;
    out.set_item("total_events", array(py, records, (n, model.transitions.len()), |r| &r.total_events)?)?;
    out.set_item("total_counts", array(py, records, (n, model.fates.len()), |r| &r.total_counts)?)?;
    // If visits may have changed the doses, each replicate has concentrations of its own.
    if job.has_visits() {
        out.set_item("drugs", floats(|r| &r.drugs, model.drugs.len())?)?;
    } else {
        let drugs = Array::from_shape_vec((rows, model.drugs.len()), job.concentrations()).map_err(shape_error)?;
        out.set_item("drugs", drugs.into_pyarray(py))?;
    }
    let column = |f: fn(&Record) -> f64| records.iter().map(f).collect::<Vec<f64>>().into_pyarray(py);
    out.set_item("last_death", column(|r| r.last_death))?;
    out.set_item("end_time", column(|r| r.end_time))?;
    let stop: Vec<u8> = records.iter().map(|r| r.stop as u8).collect();
    out.set_item("stop", stop.into_pyarray(py))?;
    let numbers: Vec<i64> = records.iter().map(|r| r.replicate as i64).collect();
    out.set_item("replicate", numbers.into_pyarray(py))?;
    let mut counters = senescape_core::recording::Counters::default();
    for record in records {
        counters += record.counters;
    }
    out.set_item("epochs", counters.epochs)?;
    out.set_item("bounds", counters.bounds)?;
    out.set_item("candidates", counters.candidates)?;
    out.set_item("accepted", counters.accepted)?;
    Ok(out)
}

/// Return the time of each kind of work: (calls, cells, seconds).
fn profiled<'py>(py: Python<'py>, profile: &Profile) -> PyResult<Bound<'py, PyDict>> {
    let read = |meter: &Meter| (meter.calls, meter.cells, meter.seconds());
    let out = PyDict::new(py);
    let of = |part: fn(&FateProfile) -> &Meter| profile.fates.iter().map(|f| read(part(f))).collect::<Vec<_>>();
    out.set_item("values", of(|fate| &fate.values))?;
    out.set_item("bounds", of(|fate| &fate.bounds))?;
    out.set_item("flows", of(|fate| &fate.flows))?;
    out.set_item("slow", profile.callbacks.iter().map(read).collect::<Vec<_>>())?;
    out.set_item("visits", read(&profile.visits))?;
    out.set_item("replicates", read(&profile.replicates))?;
    Ok(out)
}

fn array<'py, T, D>(
    py: Python<'py>,
    records: &[Record],
    shape: impl numpy::ndarray::IntoDimension<Dim = D>,
    of: fn(&Record) -> &Vec<T>,
) -> PyResult<Bound<'py, numpy::PyArray<T, D>>>
where
    T: numpy::Element + Copy,
    D: Dimension,
{
    let flat: Vec<T> = records.iter().flat_map(|r| of(r).iter().copied()).collect();
    let array = Array::from_shape_vec(shape.into_dimension(), flat).map_err(shape_error)?;
    Ok(array.into_pyarray(py))
}

fn shape_error(error: numpy::ndarray::ShapeError) -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err(format!("a result has the wrong shape: {error}"))
}

/// The engine of Senescape.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::error::{
        CoreError, DrugError, InternalError, MemoryLimitError, ModelError, PoolError, RateError, RuleError, RunError,
    };
    #[pymodule_export]
    use super::{check, enclose, evaluate, listing, simulate};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
