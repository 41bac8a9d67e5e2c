//! Counters of the engine's work.

use serde::{Deserialize, Serialize};

/// Counts of what the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Epochs begun.
    pub epochs: u64,
    /// Bounds computed.
    pub bounds: u64,
    /// Thresholds used up.
    pub candidates: u64,
    /// Candidates that became events.
    pub accepted: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.bounds += other.bounds;
        self.candidates += other.candidates;
        self.accepted += other.accepted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let mut sum = Counters { epochs: 1, bounds: 20, candidates: 300, accepted: 4000 };
        sum += Counters { epochs: 5, bounds: 60, candidates: 700, accepted: 8000 };
        assert_eq!(sum, Counters { epochs: 6, bounds: 80, candidates: 1000, accepted: 12_000 });
    }
}
