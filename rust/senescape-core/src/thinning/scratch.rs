//! The memory of thinning for the cells of one fate.

use crate::expr::{Frame, IntervalFrame};
use crate::model::Fate;
use crate::population::Boxes;
use crate::population::flow::Driver;

/// Memory for the cells of one fate.
pub struct FateScratch {
    pub(crate) driver: Driver,
    pub(crate) values: Frame,
    pub(crate) bounds: IntervalFrame,
    pub(crate) boxes: Boxes,
    /// The sum of constant hazards.
    pub(crate) total: Option<f64>,
    pub(crate) queues: Queues,
}

/// Queues of rows of a block.
#[derive(Default)]
pub(crate) struct Queues {
    /// Rows that wake before the epoch's end.
    pub(crate) due: Vec<u32>,
    /// Rows whose threshold is used up.
    pub(crate) candidates: Vec<u32>,
    /// Rows that need a bound.
    pub(crate) unbound: Vec<u32>,
}

impl Queues {
    /// Split the rows that are due by whether their threshold is used up.
    pub(crate) fn split(&mut self, threshold: &[f64]) {
        let Self { due, candidates, unbound } = self;
        candidates.resize(due.len(), 0);
        unbound.resize(due.len(), 0);
        let mut ready = 0;
        // The outcome cannot be predicted, so the loop has no branch.
        for (i, &row) in due.iter().enumerate() {
            candidates[ready] = row;
            unbound[i - ready] = row;
            ready += usize::from(threshold[row as usize] == 0.0);
        }
        candidates.truncate(ready);
        unbound.truncate(due.len() - ready);
        due.clear();
    }
}

impl FateScratch {
    /// Make the memory for a fate.
    #[must_use]
    pub fn new(fate: &Fate, columns: usize) -> Self {
        Self {
            driver: Driver::new(fate, columns),
            values: fate.hazards.program.frame(),
            bounds: fate.hazards.program.interval_frame(),
            boxes: Boxes::new(columns),
            total: fate.constant.as_ref().map(|hazards| hazards.iter().fold(0.0, |sum, h| sum + h)),
            queues: Queues::default(),
        }
    }
}
