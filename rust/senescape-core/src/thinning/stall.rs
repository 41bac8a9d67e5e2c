//! Cells that come up again and again without getting on.

/// Candidates of one cell within one epoch after which its hazard is taken for a slip of units.
const ROUND_LIMIT: u32 = 200_000;

/// Rounds after which it is seen whether that is where it leads.
const STRETCH: u32 = 1000;

/// Whether cells that are looked at again and again get on.
pub(crate) struct Pace {
    pub(crate) round: u32,
    pub(crate) reached: f64,
}

impl Pace {
    pub(crate) fn from(start: f64) -> Self {
        Self { round: 0, reached: start }
    }

    /// Count a round; whether it is the last of a stretch.
    pub(crate) fn is_over_a_stretch(&mut self) -> bool {
        self.round = self.round.wrapping_add(1);
        self.round.is_multiple_of(STRETCH)
    }

    /// At the end of a stretch: the rounds an hour of the slowest cell, if it did not come far enough.
    pub(crate) fn too_slow(&mut self, slowest: f64, epoch: f64) -> Option<f64> {
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
        let mut pace = Pace::from(5.0);
        assert_eq!(pace.too_slow(6.0, 200.0), None);
        assert_eq!(pace.too_slow(6.5, 200.0), Some(2000.0));
    }
}
