//! The arithmetic of thinning in columns, a lane a cell.

use crate::environment::Times;
use crate::expr::{LANES, Level, Register, at_level};
use crate::population::Table;
use crate::random::Stream;

/// Numbers of up to [`LANES`] cells: their draws, the transition that is selected, and when they wake.
pub(crate) struct Acceptance {
    keys: [u64; LANES],
    draws: [u32; LANES],
    uniforms: Times,
    /// Thresholds, in units of integrated bound.
    pub(crate) thresholds: Times,
    /// The bounds on the total hazards (1/h).
    pub(crate) bounds: Times,
    /// When the bounds end (h).
    pub(crate) ends: Times,
    /// One transition's hazards (1/h).
    pub(crate) hazards: Times,
    /// The total hazards (1/h).
    pub(crate) total: Times,
    /// The number of the transition that is selected, within the fate; the number of transitions stands for rejection.
    pub(crate) selected: [u32; LANES],
    /// Not 0 where some hazard is negative or not finite.
    pub(crate) invalid: [u32; LANES],
    /// When each cell wakes (h).
    pub(crate) wake: Times,
    /// What is left of the threshold when the cell wakes: 0 at a candidate.
    pub(crate) remainder: Times,
}

impl Default for Acceptance {
    fn default() -> Self {
        let zeros = [0.0; LANES];
        Self {
            keys: [0; LANES],
            draws: [0; LANES],
            uniforms: zeros,
            thresholds: zeros,
            bounds: zeros,
            ends: zeros,
            hazards: zeros,
            total: zeros,
            selected: [0; LANES],
            invalid: [0; LANES],
            wake: zeros,
            remainder: zeros,
        }
    }
}

impl Acceptance {
    /// Draw for the candidates in some rows, and start without hazards.
    pub(crate) fn draw(&mut self, table: &Table, rows: &[u32], stream: Stream) {
        for (lane, &row) in rows.iter().enumerate() {
            let row = row as usize;
            self.keys[lane] = table.key[row];
            self.draws[lane] = table.draws[row];
            self.bounds[lane] = table.bound[row];
            self.ends[lane] = table.window_end[row];
        }
        stream.candidates(&self.keys, &self.draws, &mut self.uniforms, &mut self.thresholds);
        self.total = [0.0; LANES];
        self.selected = [0; LANES];
        self.invalid = [0; LANES];
    }

    /// Add a transition's hazards. A lane selects a later transition as long as its total does not exceed the drawn
    /// fraction of its bound.
    pub(crate) fn add_hazards(&mut self, hazards: Times) {
        self.hazards = hazards;
        select(self);
    }

    /// Return whether the first `n` lanes hold hazards that are finite, not negative and within their bounds.
    pub(crate) fn is_valid(&self, n: usize) -> bool {
        // NaN fails this comparison too.
        (0..n).fold(true, |sound, lane| sound & (self.invalid[lane] == 0) & (self.total[lane] <= self.bounds[lane]))
    }

    /// Set when cells wake that sleep from `now` under their bounds: where the threshold is used up, or at the bound's
    /// end.
    pub(crate) fn set_wake_times(&mut self, now: &Times) {
        compute_wake_times(self, now);
    }
}

fn select(acceptance: &mut Acceptance) {
    at_level!(Level::best(), select_body(acceptance: &mut Acceptance));
}

#[inline(always)]
fn select_body(acceptance: &mut Acceptance) {
    let Acceptance { uniforms, bounds, hazards, total, selected, invalid, .. } = acceptance;
    for lane in 0..LANES {
        total[lane] += hazards[lane];
        invalid[lane] |= u32::from(!((hazards[lane] >= 0.0) & (hazards[lane] < f64::INFINITY)));
        selected[lane] += u32::from(uniforms[lane] * bounds[lane] >= total[lane]);
    }
}

fn compute_wake_times(acceptance: &mut Acceptance, now: &Times) {
    at_level!(Level::best(), compute_wake_times_body(acceptance: &mut Acceptance, now: &Times));
}

#[inline(always)]
fn compute_wake_times_body(acceptance: &mut Acceptance, now: &Times) {
    let Acceptance { thresholds, bounds, ends, wake, remainder, .. } = acceptance;
    for lane in 0..LANES {
        let candidate = now[lane] + thresholds[lane] / bounds[lane];
        let left = thresholds[lane] - bounds[lane] * (ends[lane] - now[lane]);
        // Rounding must not turn the remainder into 0, which would make it a candidate.
        let left = left.max(f64::MIN_POSITIVE);
        let used_up = candidate < ends[lane];
        wake[lane] = if used_up { candidate } else { ends[lane] };
        remainder[lane] = if used_up { 0.0 } else { left };
    }
}

/// The mark of a bound that is not finite, or of a hazard that may be undefined.
pub(crate) const UNBOUND: u32 = 1;
/// The mark of a hazard that may be negative.
pub(crate) const DOUBTFUL: u32 = 2;

/// Return whether a hazard has a bound. NaN as the lower end marks a hazard that may be undefined.
#[inline(always)]
pub(crate) fn has_bound(low: f32, high: f32) -> bool {
    (high < f32::INFINITY) & !low.is_nan()
}

/// Add the upper ends of a hazard to the bounds, and mark lanes without a bound or with a negative lower end.
pub(crate) fn add_bounds(low: &Register, high: &Register, bounds: &mut Times, marks: &mut [u32; LANES]) {
    at_level!(
        Level::best(),
        add_bounds_body(low: &Register, high: &Register, bounds: &mut Times, marks: &mut [u32; LANES])
    );
}

#[inline(always)]
fn add_bounds_body(low: &Register, high: &Register, bounds: &mut Times, marks: &mut [u32; LANES]) {
    for lane in 0..LANES {
        let (low, high) = (low[lane], high[lane]);
        marks[lane] |= if has_bound(low, high) { 0 } else { UNBOUND };
        marks[lane] |= if low < 0.0 { DOUBTFUL } else { 0 };
        bounds[lane] += f64::from(high.max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptance() -> Acceptance {
        Acceptance { bounds: [1.0; LANES], uniforms: [0.5; LANES], ..Acceptance::default() }
    }

    #[test]
    fn a_hazard_that_is_invalid_or_above_its_bound_is_reported() {
        for (hazard, sound) in [
            (0.0, true),
            (0.75, true),
            (0.76, false),
            (-0.1, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
        ] {
            let mut made = acceptance();
            let mut hazards = [0.25; LANES];
            hazards[3] = hazard;
            made.add_hazards(hazards);
            // Later hazards do not repair an invalid one, and lanes without a candidate do not count.
            made.add_hazards([0.25; LANES]);
            assert_eq!((made.is_valid(LANES), made.is_valid(4), made.is_valid(3)), (sound, sound, true), "{hazard}");
        }
        // Without a finite bound every hazard is within it, but infinity is invalid all the same.
        let mut made = Acceptance { bounds: [f64::INFINITY; LANES], ..acceptance() };
        made.add_hazards([f64::INFINITY; LANES]);
        assert!(!made.is_valid(LANES));
    }

    #[test]
    fn the_choice_is_by_the_drawn_share_of_the_bound() {
        let mut made = acceptance();
        made.uniforms[..5].copy_from_slice(&[0.0625, 0.25, 0.4375, 0.625, 0.75]);
        made.add_hazards([0.25; LANES]);
        made.add_hazards([0.5; LANES]);
        assert_eq!(made.selected[..5], [0, 1, 1, 1, 2], "2 stands for neither of the two");
    }

    #[test]
    fn cells_sleep_until_the_threshold_is_used_up_or_the_bound_ends() {
        let mut made = Acceptance { bounds: [0.5; LANES], ends: [20.0; LANES], ..acceptance() };
        made.thresholds[..3].copy_from_slice(&[1.0, 8.0, 5.0]);
        made.set_wake_times(&[10.0; LANES]);
        assert_eq!(made.wake[..3], [12.0, 20.0, 20.0]);
        assert_eq!(made.remainder[..3], [0.0, 3.0, f64::MIN_POSITIVE], "what is left at the end is never nothing");
    }

    #[test]
    fn what_has_no_bound_or_may_be_negative_is_marked() {
        let of = |low, high| {
            let (mut bounds, mut marks) = ([0.5; LANES], [0; LANES]);
            add_bounds(&[low; LANES], &[high; LANES], &mut bounds, &mut marks);
            (bounds[LANES - 1], marks[LANES - 1])
        };
        assert_eq!(of(0.25, 1.0), (1.5, 0));
        assert_eq!(of(0.0, 0.0), (0.5, 0));
        assert_eq!(of(-1.0, 1.0), (1.5, DOUBTFUL));
        assert_eq!(of(-2.0, -1.0), (0.5, DOUBTFUL));
        assert_eq!(of(0.0, f32::INFINITY).1, UNBOUND);
        assert_eq!(of(f32::NAN, 1.0).1, UNBOUND);
        assert_eq!(of(-1.0, f32::INFINITY).1, UNBOUND | DOUBTFUL);
        // One of several hazards is enough for a mark.
        let (mut bounds, mut marks) = ([0.0; LANES], [0; LANES]);
        for (low, high) in [(-1.0, f32::INFINITY), (-1.0, f32::INFINITY), (0.0, 1.0)] {
            add_bounds(&[low; LANES], &[high; LANES], &mut bounds, &mut marks);
        }
        assert_eq!(marks[0], UNBOUND | DOUBTFUL);
    }
}
