//! One drug's course over one epoch.

use super::Mode;
use crate::expr::math::{exp_f64, expm1};
use crate::expr::{Level, at_level};

/// Compute `(1 - e^-z) / z`, which is 1 at 0.
pub(super) fn phi(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { -expm1(-z) / z }
}

/// Compute `(e^(-bs) - e^(-as)) / (a - b)`, also where the rates are alike.
#[inline(always)]
pub(super) fn passage(a: f64, b: f64, s: f64) -> f64 {
    s * phi((a - b).abs() * s) * exp_f64(-a.min(b) * s)
}

/// One drug's course over one epoch, in hours since its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The modes, with their levels at the start.
    pub(super) modes: Vec<(Mode, f64)>,
    pub(super) absorption: f64,
    pub(super) depot: f64,
    pub(super) infusion: f64,
    pub(super) pulses: f64,
}

impl Segment {
    /// Return the concentration `s` hours into the epoch.
    #[must_use]
    pub fn at(&self, s: f64) -> f64 {
        let mut sum = self.pulses;
        for (mode, level) in &self.modes {
            sum += self.mode_at(mode, *level, s);
        }
        sum
    }

    #[inline(always)]
    fn mode_at(&self, mode: &Mode, level: f64, s: f64) -> f64 {
        let mut sum = if level == 0.0 { 0.0 } else { level * exp_f64(-mode.rate * s) };
        if self.infusion > 0.0 {
            sum += self.infusion * mode.per_amount * s * phi(mode.rate * s);
        }
        if self.depot > 0.0 {
            sum += self.depot * self.absorption * mode.per_amount * passage(self.absorption, mode.rate, s);
        }
        sum
    }

    /// Fill in the concentrations at many times.
    pub fn fill(&self, s: &[f64], out: &mut [f32]) {
        if let ([(mode, level)], true) = (self.modes.as_slice(), self.infusion == 0.0 && self.depot == 0.0) {
            // The common case is a loop that becomes vector code.
            decay(self.pulses, *level, mode.rate, s, out);
            return;
        }
        for (out, s) in out.iter_mut().zip(s) {
            *out = self.at(*s) as f32;
        }
    }

    /// Return a range that holds every value from `s0` to `s1` (h), to the rounding of double precision.
    #[must_use]
    pub fn range(&self, s0: f64, s1: f64) -> (f64, f64) {
        const RANGE_PIECES: u32 = 64;
        // A mode can rise only while a dose goes in.
        let (mut low, mut high) = (self.at(s1), self.at(s0));
        if self.infusion > 0.0 || self.depot > 0.0 {
            (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
            for i in 0..RANGE_PIECES {
                let edge = |i: u32| s0 + (s1 - s0) * (f64::from(i) / f64::from(RANGE_PIECES));
                let (l, h) = self.piece(edge(i), edge(i + 1));
                (low, high) = (low.min(l), high.max(h));
            }
        }
        let slack = 1e-12 * high.abs();
        ((low - slack).max(0.0), high + slack)
    }

    /// Return the sum of the terms' own ranges: each term falls, rises, or has one peak at a known place.
    fn piece(&self, p: f64, q: f64) -> (f64, f64) {
        let (mut low, mut high) = (self.pulses, self.pulses);
        for (mode, level) in &self.modes {
            low += level * exp_f64(-mode.rate * q);
            high += level * exp_f64(-mode.rate * p);
            if self.infusion > 0.0 {
                let rise = |s: f64| self.infusion * mode.per_amount * s * phi(mode.rate * s);
                low += rise(p);
                high += rise(q);
            }
            if self.depot > 0.0 {
                let (a, b) = (self.absorption, mode.rate);
                let term = |s: f64| self.depot * a * mode.per_amount * passage(a, b, s);
                let peak = if a == b { 1.0 / a } else { libm::log(a / b) / (a - b) };
                low += term(p).min(term(q));
                high += if p < peak && peak < q { term(peak) } else { term(p).max(term(q)) };
            }
        }
        (low, high)
    }

    pub(super) fn advance(&mut self, length: f64) {
        for i in 0..self.modes.len() {
            let (mode, level) = self.modes[i];
            self.modes[i].1 = self.mode_at(&mode, level, length);
        }
        self.depot *= exp_f64(-self.absorption * length);
    }
}

fn decay(pulses: f64, level: f64, rate: f64, s: &[f64], out: &mut [f32]) {
    at_level!(Level::best(), decay_body(pulses: f64, level: f64, rate: f64, s: &[f64], out: &mut [f32]));
}

#[inline(always)]
fn decay_body(pulses: f64, level: f64, rate: f64, s: &[f64], out: &mut [f32]) {
    for (out, s) in out.iter_mut().zip(s) {
        *out = (pulses + level * exp_f64(-rate * s)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absorbed_has_one_peak_that_its_range_reaches() {
        for (absorption, rate, peak) in
            [(0.5, 0.1, libm::log(5.0) / 0.4), (0.25, 0.25, 4.0), (0.1, 0.5, libm::log(5.0) / 0.4)]
        {
            let modes = vec![(Mode { rate, per_amount: 1.0 }, 0.0)];
            let segment = Segment { modes, absorption, depot: 2.0, infusion: 0.0, pulses: 0.0 };
            let top = segment.at(peak);
            assert!(top > segment.at(peak - 0.01) && top > segment.at(peak + 0.01));
            for (p, q, high) in [
                (peak - 0.5, peak + 0.25, top),
                (peak - 0.5, peak - 0.25, segment.at(peak - 0.25)),
                (peak + 0.25, peak + 0.5, segment.at(peak + 0.25)),
            ] {
                assert_eq!(segment.piece(p, q).0, segment.at(p).min(segment.at(q)));
                let found = segment.piece(p, q).1;
                assert!(found >= high && found <= high * (1.0 + 1e-14), "{absorption} {p}: {found} {high}");
            }
        }
    }
}
