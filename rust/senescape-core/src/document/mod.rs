//! The model and run documents that the Python side hands over as JSON.

mod validate;

use crate::expr::{Graph, NodeId};
use serde::Deserialize;
pub use validate::{check_model, check_run};

/// A model: names, rules as one expression graph, and how they hang together. Indices refer to the lists of the document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each field is the plural of what it lists")]
pub struct ModelDocument {
    pub format: u32,
    pub fates: Vec<String>,
    pub marks: Vec<String>,
    pub params: Vec<ParamDocument>,
    pub nodes: Graph,
    pub traits: Vec<TraitDocument>,
    pub drugs: Vec<DrugDocument>,
    pub pools: Vec<PoolDocument>,
    pub causes: Vec<String>,
    pub barriers: Vec<String>,
    pub transitions: Vec<TransitionDocument>,
    /// Callback rules: called, not compiled.
    #[serde(default, rename = "slow")]
    pub callbacks: Vec<CallbackDocument>,
    pub observables: Vec<ObservableDocument>,
}

/// A named parameter and its default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ParamDocument {
    pub name: String,
    pub value: f64,
}

/// A per-cell number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TraitDocument {
    pub name: String,
    pub initial: DistDocument,
    pub flows: Vec<FlowDocument>,
    pub inherit: InheritDocument,
}

/// Relaxation of a trait toward a target in one fate, or (`None`) in every fate without its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FlowDocument {
    pub fate: Option<usize>,
    pub target: NodeId,
    pub tau: NodeId,
}

/// A distribution whose parameters are static expressions, a rule, or a column of values given beside the document.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum DistDocument {
    Rule { value: NodeId },
    Normal { mean: NodeId, sd: NodeId, low: Option<NodeId>, high: Option<NodeId> },
    Lognormal { median: NodeId, sigma: NodeId },
    Uniform { low: NodeId, high: NodeId },
    Integers { low: NodeId, high: NodeId },
    Beta { a: NodeId, b: NodeId },
    Gamma { shape: NodeId, scale: NodeId },
    Exponential { mean: NodeId },
    Bernoulli { p: NodeId },
    Column { index: usize },
}

/// How a daughter gets a trait from her mother.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum InheritDocument {
    Copy,
    Ar1 { rho: NodeId },
    Scaled { factor: NodeId },
    Reset,
    Rule { value: NodeId },
}

/// A drug's pharmacokinetics; every field is a static expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DrugDocument {
    pub name: String,
    pub elimination: NodeId,
    pub volume: NodeId,
    pub k12: Option<NodeId>,
    pub k21: Option<NodeId>,
    pub absorption: Option<NodeId>,
    pub bioavailability: NodeId,
}

/// A scalar of the environment with a differential equation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PoolDocument {
    pub name: String,
    pub initial: NodeId,
    pub rate: NodeId,
}

/// A callback rule. The engine calls it at the start of every epoch for the cells of some fates; its values hold for
/// the epoch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CallbackDocument {
    pub name: String,
    pub fates: Vec<usize>,
}

/// What a transition does to the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// To another fate, or an event within one.
    Move,
    /// Out of the tumour.
    Death,
    /// Two daughters.
    Division,
}

/// A hazard with its effects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TransitionDocument {
    pub name: String,
    pub source: usize,
    pub kind: EventKind,
    pub target: Option<usize>,
    pub cause: Option<usize>,
    pub barrier: Option<usize>,
    pub hazard: NodeId,
    #[serde(default)]
    pub set: Vec<SetDocument>,
    #[serde(default)]
    pub mark: Vec<usize>,
    #[serde(default)]
    pub unmark: Vec<usize>,
}

/// A trait that a transition sets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SetDocument {
    #[serde(rename = "trait")]
    pub of: usize,
    pub value: DistDocument,
}

/// How values of cells are aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Aggregation {
    Sum,
    Mean,
    Count,
}

/// An observable: an aggregate over the cells of one fate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ObservableDocument {
    pub name: String,
    pub fate: usize,
    pub kind: Aggregation,
    pub value: NodeId,
}

/// One call of the engine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDocument {
    /// Founders in each fate.
    pub initial: Vec<u64>,
    /// The fates in the order in which given columns hold their founders. Empty if that is their own order.
    #[serde(default)]
    pub given_order: Vec<usize>,
    /// The horizon (h).
    pub until: f64,
    /// Times of observation (h), ascending, from 0 to the horizon.
    pub observe: Vec<f64>,
    /// The longest epoch (h).
    pub sync: f64,
    /// The seed.
    pub seed: u64,
    /// The number of the first replicate.
    pub first_replicate: u64,
    /// The number of replicates.
    pub replicates: u64,
    /// Threads to run replicates on.
    pub threads: usize,
    /// Relative tolerance of flows and pools.
    pub rtol: f64,
    /// Times of visits (h), ascending, from 0 to before the horizon.
    #[serde(default)]
    pub visits: Vec<f64>,
    /// Further times (h) at which epochs end: those at which any arm of a trial differs from another.
    #[serde(default)]
    pub cuts: Vec<f64>,
    /// The time (h) at which the arms of a trial part. No bound before it reads anything after it, so that until then
    /// the arms are the same to the bit.
    #[serde(default)]
    pub split: Option<f64>,
    /// The limit on the memory of cells (bytes), of all threads together.
    #[serde(default)]
    pub max_memory: Option<u64>,
    /// Rows of a block of cells. Results do not depend on it.
    #[serde(default = "default_block")]
    pub block: usize,
    /// The time at which the run begins (h): 0, or the time of the snapshots that it goes on from.
    #[serde(default)]
    pub begin: f64,
    /// True if the run returns snapshots of the tumours at the horizon.
    #[serde(default)]
    pub keep: bool,
    /// True if snapshots may be requested while the run lasts.
    #[serde(default)]
    pub pausable: bool,
    /// Replicates that are finished already.
    #[serde(default)]
    pub done: Vec<u64>,
    /// Doses.
    pub doses: Vec<DoseDocument>,
    /// The rules that end a replicate before the horizon.
    pub stop: StopDocument,
    /// Parameter values in the order of the model.
    pub params: Vec<f64>,
}

/// Rows of a block of cells, where the run gives no number.
pub const DEFAULT_BLOCK: usize = 4096;

fn default_block() -> usize {
    DEFAULT_BLOCK
}

/// One dose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DoseDocument {
    pub drug: usize,
    pub at: f64,
    pub amount: f64,
    pub route: RouteDocument,
    pub duration: Option<f64>,
}

/// How a dose is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum RouteDocument {
    Bolus,
    Infusion,
    Oral,
    Pulse,
}

/// The rules that end a replicate before the horizon.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopDocument {
    /// End when no cell is left.
    pub eradicated: bool,
    /// End when more cells than this are alive.
    pub max_cells: u64,
    /// End when the cells of these fates exceed a number at an epoch's end.
    pub relapse: Option<RelapseDocument>,
}

/// A relapse rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelapseDocument {
    /// The fates whose cells count.
    pub fates: Vec<usize>,
    /// The number of cells above which the tumour has relapsed.
    pub above: f64,
    /// No relapse before this time (h).
    #[serde(default)]
    pub after: f64,
}
