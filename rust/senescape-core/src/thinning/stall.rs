//! The stall check: it finds cells that come up again and again without getting on.

/// The number of candidates of one cell within one epoch above which its hazard counts as a slip of units.
const ROUND_LIMIT: u32 = 200_000;

/// The number of rounds between two checks.
const STRETCH: u32 = 1000;

/// Checks whether cells that come up again and again get on in time.
pub(crate) struct StallCheck {
    pub(crate) round: u32,
    pub(crate) reached: f64,
}

impl StallCheck {
    pub(crate) fn starting_at(start: f64) -> Self {
        Self { round: 0, reached: start }
    }

    /// Count a round. Returns whether it is the last of a stretch.
    pub(crate) fn ends_stretch(&mut self) -> bool {
        self.round = self.round.wrapping_add(1);
        self.round.is_multiple_of(STRETCH)
    }

    /// Return the rounds per hour of the slowest cell (at `slowest` h) if it did not get far enough in the stretch that
    /// ends.
    pub(crate) fn stalled_rate(&mut self, slowest: f64, epoch: f64) -> Option<f64> {
        let way = slowest - std::mem::replace(&mut self.reached, slowest);
        let stretch = f64::from(STRETCH);
        (way * f64::from(ROUND_LIMIT) < epoch * stretch).then(|| stretch / way.max(f64::EPSILON))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_cell_must_come_further_by_a_200th_of_the_epoch() {
        let mut stall = StallCheck::starting_at(5.0);
        assert_eq!(stall.stalled_rate(6.0, 200.0), None);
        assert_eq!(stall.stalled_rate(6.5, 200.0), Some(2000.0));
    }
}
