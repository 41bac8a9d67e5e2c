//! The results of one replicate.

use super::Counters;
use crate::model::Model;

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
    /// There were more cells than `max_cells` at the end of an epoch, or too many to finish one.
    CellCap = 3,
}

/// The results of one replicate. Rows of observations after an early stop hold -1 or NaN.
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
    /// The time of the last death (h), NaN without deaths.
    pub last_death: f64,
    /// When the replicate ended (h).
    pub end_time: f64,
    /// Why it ended.
    pub stop: Stop,
    /// Events by transition at the end.
    pub total_events: Vec<i64>,
    /// Cells alive by fate at the end.
    pub total_counts: Vec<i64>,
    /// Counters of the engine's work.
    pub counters: Counters,
    /// Concentrations, `[observation][drug]`, if visits may have changed the doses; empty otherwise.
    pub drugs: Vec<f64>,
}

impl Record {
    /// Make a record in which nothing is entered yet, with columns for concentrations where `drugs` says so.
    #[must_use]
    pub fn blank(replicate: u64, model: &Model, observations: usize, drugs: bool) -> Self {
        Self {
            replicate,
            counts: vec![-1; observations * model.fates.len()],
            events: vec![-1; observations * model.transitions.len()],
            pools: vec![f64::NAN; observations * model.pools.len()],
            observables: vec![0.0; observations * model.observables.len()],
            first_event: Vec::new(),
            last_death: f64::NAN,
            end_time: 0.0,
            stop: Stop::Horizon,
            total_events: Vec::new(),
            total_counts: Vec::new(),
            counters: Counters::default(),
            drugs: if drugs { vec![f64::NAN; observations * model.drugs.len()] } else { Vec::new() },
        }
    }
}

/// How a replicate ended.
pub(crate) struct End {
    pub(crate) stop: Stop,
    pub(crate) time: f64,
    /// The number of observations made.
    pub(crate) observed: usize,
}
