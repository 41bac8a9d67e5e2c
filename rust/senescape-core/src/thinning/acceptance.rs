//! The arithmetic of thinning in columns, a lane a cell.

use crate::environment::Times;
use crate::expr::{LANES, Level, Register, at_level};
use crate::population::Table;
use crate::random::Stream;

/// Numbers for a handful of cells: what is drawn for them, what they choose, when they wake.
pub(crate) struct Choices {
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
    /// The number of the transition that happens; the number of all stands for none.
    pub(crate) chosen: [u32; LANES],
    /// Not 0 where some hazard is negative or not finite.
    pub(crate) bad: [u32; LANES],
    /// When each cell wakes (h).
    pub(crate) wake: Times,
    /// What is then left of the threshold: 0 at a candidate.
    pub(crate) rest: Times,
}

impl Default for Choices {
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
            chosen: [0; LANES],
            bad: [0; LANES],
            wake: zeros,
            rest: zeros,
        }
    }
}

impl Choices {
    /// Draw for candidates in some rows, and start with no hazard.
    pub(crate) fn open(&mut self, table: &Table, rows: &[u32], stream: Stream) {
        for (lane, &row) in rows.iter().enumerate() {
            let row = row as usize;
            self.keys[lane] = table.key[row];
            self.draws[lane] = table.draws[row];
            self.bounds[lane] = table.bound[row];
            self.ends[lane] = table.window_end[row];
        }
        stream.candidates(&self.keys, &self.draws, &mut self.uniforms, &mut self.thresholds);
        self.total = [0.0; LANES];
        self.chosen = [0; LANES];
        self.bad = [0; LANES];
    }

    /// Add a transition's hazards: where the total does not exceed the drawn share of the bound yet, a later one is chosen.
    pub(crate) fn add(&mut self, hazards: Times) {
        self.hazards = hazards;
        pick(self);
    }

    /// Whether the first `n` lanes hold hazards that are finite, not negative and within their bounds.
    pub(crate) fn sound(&self, n: usize) -> bool {
        // Written so that NaN fails too.
        (0..n).fold(true, |sound, lane| sound & (self.bad[lane] == 0) & (self.total[lane] <= self.bounds[lane]))
    }

    /// When cells wake that sleep from `now` under their bounds: where the threshold is used up, or at the bound's end.
    pub(crate) fn sleep(&mut self, now: &Times) {
        sleep(self, now);
    }
}

fn pick(choices: &mut Choices) {
    at_level!(Level::best(), pick_body(choices: &mut Choices));
}

#[inline(always)]
fn pick_body(choices: &mut Choices) {
    let Choices { uniforms, bounds, hazards, total, chosen, bad, .. } = choices;
    for lane in 0..LANES {
        total[lane] += hazards[lane];
        bad[lane] |= u32::from(!((hazards[lane] >= 0.0) & (hazards[lane] < f64::INFINITY)));
        chosen[lane] += u32::from(uniforms[lane] * bounds[lane] >= total[lane]);
    }
}

fn sleep(choices: &mut Choices, now: &Times) {
    at_level!(Level::best(), sleep_body(choices: &mut Choices, now: &Times));
}

#[inline(always)]
fn sleep_body(choices: &mut Choices, now: &Times) {
    let Choices { thresholds, bounds, ends, wake, rest, .. } = choices;
    for lane in 0..LANES {
        let candidate = now[lane] + thresholds[lane] / bounds[lane];
        let left = thresholds[lane] - bounds[lane] * (ends[lane] - now[lane]);
        // Rounding must not turn the rest into 0, which would make it a candidate.
        let left = left.max(f64::MIN_POSITIVE);
        let used_up = candidate < ends[lane];
        wake[lane] = if used_up { candidate } else { ends[lane] };
        rest[lane] = if used_up { 0.0 } else { left };
    }
}

/// A bound that is not finite, or a hazard that may be undefined.
pub(crate) const UNBOUND: u32 = 1;
/// A hazard that may be negative.
pub(crate) const DOUBTFUL: u32 = 2;

/// Whether a hazard has a bound: NaN as the lower end marks one that may be undefined.
#[inline(always)]
pub(crate) fn is_bound(low: f32, high: f32) -> bool {
    (high < f32::INFINITY) & !low.is_nan()
}

/// Add the upper ends of a hazard to the bounds, and mark where there is none or where the lower end is negative.
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
        marks[lane] |= if is_bound(low, high) { 0 } else { UNBOUND };
        marks[lane] |= if low < 0.0 { DOUBTFUL } else { 0 };
        bounds[lane] += f64::from(high.max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        Choices { bounds: [1.0; LANES], uniforms: [0.5; LANES], ..Choices::default() }
    }

    #[test]
    fn a_hazard_that_is_none_or_above_its_bound_is_told() {
        for (hazard, sound) in [
            (0.0, true),
            (0.75, true),
            (0.76, false),
            (-0.1, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
        ] {
            let mut made = choices();
            let mut hazards = [0.25; LANES];
            hazards[3] = hazard;
            made.add(hazards);
            // What comes after makes nothing good, and what is no candidate does not count.
            made.add([0.25; LANES]);
            assert_eq!((made.sound(LANES), made.sound(4), made.sound(3)), (sound, sound, true), "{hazard}");
        }
        // Without an upper end every hazard is within it; infinity is none all the same.
        let mut made = Choices { bounds: [f64::INFINITY; LANES], ..choices() };
        made.add([f64::INFINITY; LANES]);
        assert!(!made.sound(LANES));
    }

    #[test]
    fn the_choice_is_by_the_drawn_share_of_the_bound() {
        let mut made = choices();
        made.uniforms[..5].copy_from_slice(&[0.0625, 0.25, 0.4375, 0.625, 0.75]);
        made.add([0.25; LANES]);
        made.add([0.5; LANES]);
        assert_eq!(made.chosen[..5], [0, 1, 1, 1, 2], "2 is none of the two");
    }

    #[test]
    fn cells_sleep_until_the_threshold_is_used_up_or_the_bound_ends() {
        let mut made = Choices { bounds: [0.5; LANES], ends: [20.0; LANES], ..choices() };
        made.thresholds[..3].copy_from_slice(&[1.0, 8.0, 5.0]);
        made.sleep(&[10.0; LANES]);
        assert_eq!(made.wake[..3], [12.0, 20.0, 20.0]);
        assert_eq!(made.rest[..3], [0.0, 3.0, f64::MIN_POSITIVE], "what is left at the end is never nothing");
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
        // One of several hazards is enough, and two are no less.
        let (mut bounds, mut marks) = ([0.0; LANES], [0; LANES]);
        for (low, high) in [(-1.0, f32::INFINITY), (-1.0, f32::INFINITY), (0.0, 1.0)] {
            add_bounds(&[low; LANES], &[high; LANES], &mut bounds, &mut marks);
        }
        assert_eq!(marks[0], UNBOUND | DOUBTFUL);
    }
}
