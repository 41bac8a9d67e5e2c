//! The memory that a worker uses again and again.

use crate::expr::Frame;
use crate::model::{Model, Reads};
use crate::population::{Cell, Lanes};
use crate::thinning::{Acceptance, FateScratch};

/// Memory whose contents mean nothing between two steps.
pub(super) struct Scratch {
    /// For each fate.
    pub(super) fates: Vec<FateScratch>,
    /// Lanes that no step uses at the moment.
    #[allow(clippy::vec_box, reason = "lanes are large: they are lent out by pointer")]
    spare: Vec<Box<Lanes>>,
    pub(super) acceptance: Box<Acceptance>,
    /// The cell to which an event happens; below it, the cell that comes of it.
    pub(super) mother: Cell,
    pub(super) daughter: Cell,
    /// The traits of a cell before an event sets some of them.
    pub(super) before: Vec<f32>,
    /// Registers for rules that are evaluated for one cell.
    pub(super) scalar: Vec<f64>,
    /// All parts of a cell, because an observable may read any.
    pub(super) everything: Reads,
    /// For each observable.
    pub(super) observables: Vec<Frame>,
}

impl Scratch {
    pub(super) fn new(model: &Model) -> Self {
        let columns = model.columns.len();
        let cell = Cell { traits: vec![0.0; columns], ..Cell::default() };
        Self {
            fates: model.fates.iter().map(|fate| FateScratch::new(fate, columns)).collect(),
            spare: Vec::new(),
            acceptance: Box::default(),
            mother: cell.clone(),
            daughter: cell,
            before: vec![0.0; columns],
            scalar: Vec::new(),
            everything: Reads { columns: (0..columns).collect(), age: true, marks: true, since: true },
            observables: model.observables.iter().map(|o| o.value.program.frame()).collect(),
        }
    }

    /// Take lanes to gather cells in. [`Scratch::put_lanes`] takes them back.
    pub(super) fn take_lanes(&mut self) -> Box<Lanes> {
        self.spare.pop().unwrap_or_else(|| Box::new(Lanes::new(self.before.len())))
    }

    pub(super) fn put_lanes(&mut self, lanes: Box<Lanes>) {
        self.spare.push(lanes);
    }
}
