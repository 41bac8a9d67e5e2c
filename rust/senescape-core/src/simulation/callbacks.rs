//! Code outside of the core: rules that are called instead of compiled, and visits.

use crate::document::DoseDocument;
use crate::error::Error;
use crate::population::Table;

/// What code outside sees of a replicate at one time.
pub struct Scene<'s> {
    /// The cells, one table a fate. Where [`About::current`] says so, rows are the living cells with their traits of this
    /// time. Columns may be lent out, and must be back as they were when the call returns.
    pub tables: &'s mut [Table],
    /// All the rest.
    pub about: &'s About,
}

/// What there is to see beside the cells themselves.
pub struct About {
    /// The replicate.
    pub replicate: u64,
    /// Hours since the start.
    pub time: f64,
    /// The fates whose tables are current.
    pub current: Vec<bool>,
    /// Cells alive, by fate.
    pub counts: Vec<usize>,
    /// The first columns of the tables, so many, hold traits, in the order of the model.
    pub traits: usize,
    /// Sums of the traits, `[fate][trait]`.
    pub sums: Vec<Vec<f64>>,
    /// Concentrations.
    pub drugs: Vec<f64>,
    /// Pools.
    pub pools: Vec<f64>,
    /// Events so far, by transition.
    pub events: Vec<i64>,
}

/// What runs outside of the core.
pub trait Outside: Sync {
    /// The values of a slow rule for all cells of a fate, in the order of the table's rows.
    ///
    /// # Errors
    /// [`Error::Outside`] with whatever went wrong.
    fn rule(&self, rule: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error>;

    /// A visit. Gives all doses of the replicate, past ones too, if it changed them.
    ///
    /// # Errors
    /// [`Error::Outside`] with whatever went wrong.
    fn visit(&self, number: usize, scene: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error>;
}

/// Nothing outside: for models whose rules are all compiled, in runs without visits.
pub struct Nothing;

impl Outside for Nothing {
    fn rule(&self, rule: usize, _: usize, _: Scene<'_>) -> Result<Vec<f32>, Error> {
        Err(Error::Internal(format!("nobody answers for slow rule {rule}")))
    }

    fn visit(&self, number: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        Err(Error::Internal(format!("nobody answers at visit {number}")))
    }
}
