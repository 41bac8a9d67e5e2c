//! The arithmetic of thinning in columns, a lane a cell.

use crate::cells::Table;
use crate::env::Times;
use crate::expr::{LANES, Level, Register, at_level};
use crate::rng::Stream;

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
        let left = if left > f64::MIN_POSITIVE { left } else { f64::MIN_POSITIVE };
        let used_up = candidate < ends[lane];
        wake[lane] = if used_up { candidate } else { ends[lane] };
        rest[lane] = if used_up { 0.0 } else { left };
    }
}

/// A bound that is not finite, or a hazard that may be undefined.
pub(crate) const UNBOUND: u32 = 1;
/// A hazard that may be negative.
pub(crate) const DOUBTFUL: u32 = 2;

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
        // NaN as the lower end marks a hazard that may be undefined.
        let sound = (high < f32::INFINITY) & !low.is_nan();
        marks[lane] |= (u32::from(!sound) * UNBOUND) | (u32::from(low < 0.0) * DOUBTFUL);
        bounds[lane] += f64::from(if high > 0.0 { high } else { 0.0 });
    }
}
