//! Conversion of the core's errors to Python exceptions, in this one place.

use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use pyo3::{PyErr, create_exception};
use senescape_core::error::{Error, FaultKind, RateFault};

create_exception!(senescape._core, CoreError, PyException, "An error of the engine.");
create_exception!(senescape._core, ModelError, CoreError, "The model is not valid.");
create_exception!(senescape._core, RunError, CoreError, "The run does not fit the model.");
create_exception!(senescape._core, RuleError, CoreError, "A rule cannot be compiled.");
create_exception!(senescape._core, DrugError, CoreError, "A drug or a dose is impossible.");
create_exception!(senescape._core, PoolError, CoreError, "A pool's differential equation failed.");
create_exception!(
    senescape._core,
    RateError,
    CoreError,
    "A hazard is not a rate. Attributes: rule, fate, time, replicate, kind."
);
create_exception!(senescape._core, MemoryLimitError, CoreError, "Cells take more memory than they may.");
create_exception!(senescape._core, InternalError, CoreError, "A broken invariant of the engine.");

/// Return the Python exception for a core error.
pub fn into_py(py: Python<'_>, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Model(_) => ModelError::new_err(text),
        Error::Run(_) => RunError::new_err(text),
        Error::Expr(_) => RuleError::new_err(text),
        Error::Drug(_) => DrugError::new_err(text),
        Error::Pool(_) => PoolError::new_err(text),
        Error::Rate(fault) => rate(py, &fault, text),
        Error::Callback(error) => match error.downcast::<PyErr>() {
            Ok(error) => *error,
            Err(_) => InternalError::new_err(text),
        },
        Error::Memory { .. } => MemoryLimitError::new_err(text),
        Error::Interrupted => PyKeyboardInterrupt::new_err(text),
        Error::Internal(_) => InternalError::new_err(text),
    }
}

fn rate(py: Python<'_>, fault: &RateFault, text: String) -> PyErr {
    let error = RateError::new_err(text);
    let value = error.value(py);
    let kind = match fault.kind {
        FaultKind::Negative(_) => "negative",
        FaultKind::NotANumber => "nan",
        FaultKind::Infinite => "infinite",
        FaultKind::Unbounded => "unbounded",
        FaultKind::TooFast(_) | FaultKind::Steps(_) => "too fast",
        FaultKind::LooseBound { .. } => "loose bound",
        FaultKind::AboveBound { .. } => "above bound",
        FaultKind::Trait(_) => "trait",
    };
    let set = value
        .setattr("rule", &fault.rule)
        .and_then(|()| value.setattr("fate", &fault.fate))
        .and_then(|()| value.setattr("time", fault.time))
        .and_then(|()| value.setattr("replicate", fault.replicate))
        .and_then(|()| value.setattr("kind", kind));
    match set {
        Ok(()) => error,
        Err(error) => error,
    }
}
