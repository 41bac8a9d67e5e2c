//! Callbacks: code outside of the core that evaluates callback rules and makes visits.

use crate::document::DoseDocument;
use crate::error::Error;
use crate::population::Table;

/// The data of a replicate at one time, as a callback gets them.
pub struct Scene<'s> {
    /// The cells, one table for each fate. Where [`Overview::current`] is true, rows are the living cells with their
    /// traits of this time. A callback may take columns out, and must put them back before it returns.
    pub tables: &'s mut [Table],
    /// Everything else.
    pub overview: &'s Overview,
}

/// The data of a replicate except the cells themselves.
pub struct Overview {
    /// The replicate.
    pub replicate: u64,
    /// Hours since the start.
    pub time: f64,
    /// True for the fates whose tables are current.
    pub current: Vec<bool>,
    /// Cells alive, by fate.
    pub counts: Vec<usize>,
    /// The number of columns that hold traits. They come first in the tables, in the order of the model.
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

/// Code outside of the core.
pub trait Callbacks: Sync {
    /// Return the values of a callback rule for all cells of a fate, in the order of the table's rows.
    ///
    /// # Errors
    /// [`Error::Callback`] with the error of the code outside.
    fn rule(&self, rule: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error>;

    /// Make a visit. Returns all doses of the replicate, past ones too, if the visit changed them.
    ///
    /// # Errors
    /// [`Error::Callback`] with the error of the code outside.
    fn visit(&self, number: usize, scene: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error>;
}

/// No callbacks: for models whose rules are all compiled, in runs without visits.
pub struct NoCallbacks;

impl Callbacks for NoCallbacks {
    fn rule(&self, rule: usize, _: usize, _: Scene<'_>) -> Result<Vec<f32>, Error> {
        Err(Error::Internal(format!("no callback is given for slow rule {rule}")))
    }

    fn visit(&self, number: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        Err(Error::Internal(format!("no callback is given for visit {number}")))
    }
}
