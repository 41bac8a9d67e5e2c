//! Every error of the core. Each message names the thing, its place and the fix.

use crate::expr::{ColumnError, ExprError};
use crate::kinetics::drug::DrugError;
use crate::kinetics::pools::PoolError;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error of the core.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model document is not valid: not JSON, an unknown key, an index out of range.
    #[error("the model is not valid: {0}")]
    Model(String),
    /// The run document is not valid for this model.
    #[error("the run is not valid: {0}")]
    Run(String),
    /// A rule cannot be compiled.
    #[error(transparent)]
    Expr(#[from] ExprError),
    /// A drug or a dose is impossible.
    #[error(transparent)]
    Drug(#[from] DrugError),
    /// A pool's differential equation failed.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A hazard is not a valid rate.
    #[error("{0}")]
    Rate(RateFault),
    /// A callback failed.
    #[error("{0}")]
    Callback(Box<dyn std::error::Error + Send + Sync>),
    /// The cells of all workers take more memory than the limit (bytes).
    #[error(
        "cells take more than max_memory = {limit} bytes: replicate {replicate} has {cells} cells at {time:.4} h, and {threads} \
         threads run replicates at once; raise max_memory, lower max_cells, or use fewer threads"
    )]
    Memory {
        /// The limit (bytes).
        limit: u64,
        /// The replicate that was found to be too large.
        replicate: u64,
        /// Its cells.
        cells: u64,
        /// The time (h).
        time: f64,
        /// Threads.
        threads: usize,
    },
    /// The interrupt flag was raised.
    #[error("interrupted")]
    Interrupted,
    /// A broken invariant of the engine: never the user's fault.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl From<ColumnError> for Error {
    fn from(error: ColumnError) -> Self {
        match error {
            ColumnError::Graph(error) => error.into(),
            ColumnError::Columns(what) => Self::Model(what),
        }
    }
}

/// Do some work, and turn a panic on the way into an error.
///
/// # Errors
/// Those of `work`, and [`Error::Internal`] with the message of a panic and the name of the work, `of`.
pub fn guarded<T>(of: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What `work` was changing is thrown away after a panic, so that a broken invariant in it does no harm.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Error::Internal(format!("panic in {of}: {said}")))
    })
}

/// A hazard, a trait or a target that left its range, and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct RateFault {
    /// The rule: a transition's name, or `flow of <trait>`.
    pub rule: String,
    /// The fate of the cell.
    pub fate: String,
    /// Hours since the start.
    pub time: f64,
    /// The replicate.
    pub replicate: u64,
    /// What is wrong with the rate.
    pub kind: FaultKind,
    /// The values the rule read, by name.
    pub inputs: Vec<(String, f64)>,
}

/// The way in which a rate is invalid.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub enum FaultKind {
    /// Below zero.
    Negative(f64),
    /// Not a number.
    NotANumber,
    /// Infinite.
    Infinite,
    /// No finite bound even over the shortest window.
    Unbounded,
    /// So large that time no longer advances.
    TooFast(f64),
    /// Of ordinary size, under a bound so large that time no longer advances.
    LooseBound { value: f64, bound: f64 },
    /// A target that takes more than this many steps to follow over one epoch.
    Steps(u32),
    /// Above the engine's own bound.
    AboveBound { value: f64, bound: f64 },
    /// A trait value that is not finite.
    Trait(f64),
}

impl std::fmt::Display for RateFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, fate, time, replicate, kind, inputs } = self;
        let place = format!("in fate '{fate}' at {time:.4} h (replicate {replicate})");
        match kind {
            FaultKind::Negative(value) => write!(
                f,
                "the hazard of '{rule}' is negative ({value:e} per hour) {place}; keep it at or above 0, for example with np.maximum(..., 0)"
            )?,
            FaultKind::NotANumber => write!(
                f,
                "'{rule}' is not a number (NaN) {place}; look for 0/0, a logarithm or a fractional power of a negative number"
            )?,
            FaultKind::Infinite => {
                write!(
                    f,
                    "'{rule}' is infinite {place}; look for a division by zero or an exponential that overflows"
                )?;
            }
            FaultKind::Unbounded => write!(
                f,
                "'{rule}' has no finite bound {place}: over the values its inputs can take soon, it can be infinite or undefined; bound its denominator away from zero (np.maximum) or clip it (np.clip)"
            )?,
            FaultKind::TooFast(value) => write!(
                f,
                "the hazard of '{rule}' is so large ({value:e} per hour) {place} that time no longer advances; look at its units (hazards are per hour)"
            )?,
            FaultKind::LooseBound { value, bound } => write!(
                f,
                "the hazard of '{rule}' is {value:e} per hour {place}, but the bound that the engine can compute for it is {bound:e} per hour, so that time no longer advances; write the rule so that each input stands in it once (a polynomial as x * (b + x * c)), or keep its parts in range with np.clip"
            )?,
            FaultKind::Steps(steps) => write!(
                f,
                "'{rule}' changes too fast to be followed {place}: over {steps} steps within one epoch; look at the units of its target (time and age are in hours)"
            )?,
            FaultKind::AboveBound { value, bound } => write!(
                f,
                "the hazard of '{rule}' ({value:e}) is above the bound the engine computed for it ({bound:e}) {place}; this is a bug of the engine, please report it"
            )?,
            FaultKind::Trait(value) => {
                write!(f, "'{rule}' gave a trait the value {value} {place}; it must be a finite number")?;
            }
        }
        if !inputs.is_empty() {
            let list: Vec<String> = inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            write!(f, "; it read {}", list.join(", "))?;
        }
        Ok(())
    }
}

/// Return what is wrong with a hazard, or nothing for a valid one.
pub(crate) fn rate_fault(hazard: f64) -> Option<FaultKind> {
    if hazard.is_nan() {
        Some(FaultKind::NotANumber)
    } else if hazard.is_infinite() {
        Some(FaultKind::Infinite)
    } else if hazard < 0.0 {
        Some(FaultKind::Negative(hazard))
    } else {
        None
    }
}
