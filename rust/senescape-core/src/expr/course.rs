//! The course of a rule over a short step of time: its values at some moments, and its range between them.
//!
//! Integrators choose their steps from the values at some moments. A rule that is switched by the clock may have the
//! same value at all of these and another between them. Its range, from interval evaluation, cannot hide that.

use super::math::exp_f64;
use super::program::{BoundProgram, Frame, IntervalFrame};

/// Pieces that a step is divided into. With their edges they fill one group of lanes. Their number is even, so that the
/// middle of the step is an edge.
pub const PIECES: usize = 14;

/// Where the range of a piece is wider than its ends by more than this fraction, something may hide in the piece. The
/// range of a smooth rule that reads the clock several times is wider than its values too, but less so where pieces are
/// short.
const HIDDEN: f64 = 0.5;

/// Deviations below this fraction of the values are rounding to single precision.
const ROUNDING: f64 = 1e-6;

/// Return the edges of the pieces of a step.
#[must_use]
pub fn edges(from: f64, to: f64) -> [f64; PIECES + 1] {
    std::array::from_fn(|j| if j == PIECES { to } else { from + (to - from) * (j as f64 / PIECES as f64) })
}

/// Return what is left at `now` of a unit that reached a trait at each edge, where the time constant is `tau` (h).
#[must_use]
pub fn left_by(now: f64, tau: f64, edges: &[f64; PIECES + 1]) -> [f64; PIECES + 1] {
    edges.map(|t| exp_f64(-(now - t) / tau))
}

impl BoundProgram {
    /// Evaluate the program at the edges of a step's pieces, and its ranges over the pieces. The caller fills the first
    /// lanes of the inputs of `values` with the edges; between two edges, inputs lie between their values there.
    pub fn course(&self, values: &mut Frame, ranges: &mut IntervalFrame) {
        for i in 0..self.input_count() {
            let at = *values.input_mut(i);
            let (low, high) = ranges.input_mut(i);
            for j in 0..PIECES {
                (low[j], high[j]) = (at[j].min(at[j + 1]), at[j].max(at[j + 1]));
            }
        }
        if let (Some(at), Some((low, high))) = (values.clock_mut(), ranges.clock_mut()) {
            low[..PIECES].copy_from_slice(&at[..PIECES]);
            high[..PIECES].copy_from_slice(&at[1..=PIECES]);
        }
        self.values(values, PIECES + 1);
        self.bounds(ranges, PIECES);
    }
}

/// How far an integral over a step may be off if the rule is replaced by a parabola.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Deviation {
    /// The deviation that its values at the edges of the pieces show.
    pub seen: f64,
    /// The deviation that its range leaves room for between the edges.
    pub hidden: f64,
}

/// Return how far the integral of an output over a step may be off if the output is replaced by the parabola through
/// its first, middle and last value. `weight` gives the weight of a piece in the integral.
#[must_use]
pub fn deviation_from_parabola(
    values: &Frame,
    ranges: &IntervalFrame,
    output: usize,
    weight: impl Fn(usize) -> f64,
) -> Deviation {
    let at = |j: usize| f64::from(values.output(output)[j]);
    let looks = [at(0), at(PIECES / 2), at(PIECES)];
    let size = looks.iter().fold(0.0_f64, |most, look| most.max(look.abs()));
    let off = |j: usize| {
        let deviation = (at(j) - parabola(looks, j as f64 / PIECES as f64)).abs();
        if deviation > ROUNDING * size.max(at(j).abs()) { deviation } else { 0.0 }
    };
    let (low, high) = ranges.output(output);
    let hidden = |j: usize| {
        let (low, high) = (f64::from(low[j]), f64::from(high[j]));
        let (least, most) = (at(j).min(at(j + 1)), at(j).max(at(j + 1)));
        let beyond = (high - most).max(least - low);
        match beyond {
            // A range that is infinite or not a number may hide anything.
            _ if !beyond.is_finite() => f64::INFINITY,
            _ if beyond <= (HIDDEN * (high - low)).max(ROUNDING * size) => 0.0,
            _ => beyond,
        }
    };
    let mut sum = Deviation::default();
    // Pieces of weight zero are left out: zero times infinity would be NaN.
    for (j, weight) in (0..PIECES).map(|j| (j, weight(j))).filter(|(_, weight)| *weight > 0.0) {
        sum.seen += weight * off(j).max(off(j + 1));
        sum.hidden += weight * hidden(j);
    }
    sum
}

/// Steps in a row over which the range of a rule may tell nothing before it is ignored.
const MOST_DOUBTS: u32 = 8;

/// The part of the whole way that a step may be at most where the range is ignored.
const UNAIDED: f64 = 1.0 / 64.0;

/// Decides whether a step can be trusted. The range of a rule may leave room for something that is nowhere, as that of `x - x > 0`
/// does, however short the step is; steps would become so short that they never arrive. After a few such steps in a row
/// the range is ignored, until it tells something again.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepTrust {
    doubts: u32,
}

impl StepTrust {
    /// Return whether a step is too long; `off` is in units of the tolerance. The shortest step is never too long.
    pub fn refuses(&mut self, off: Deviation, shortest: bool) -> bool {
        let asked = self.doubts < MOST_DOUBTS;
        let within = off.seen <= 1.0 && (!asked || off.seen + off.hidden <= 1.0);
        if !within && !shortest {
            return true;
        }
        if off.hidden == 0.0 {
            self.doubts = 0;
        } else if off.seen <= 1.0 {
            self.doubts += 1;
        }
        false
    }

    /// Return the longest step (h) on a way of some length (h).
    #[must_use]
    pub fn longest(self, way: f64) -> f64 {
        if self.doubts < MOST_DOUBTS { way } else { UNAIDED * way }
    }
}

/// Return the parabola through three values (at 0, 1/2 and 1) at a fraction of the step.
#[must_use]
pub fn parabola([g0, g1, g2]: [f64; 3], s: f64) -> f64 {
    g0 + s * (4.0 * g1 - 3.0 * g0 - g2) + 2.0 * s * s * (g0 - 2.0 * g1 + g2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Binary, Graph, Input, Node, Program, Unary};

    /// Return how far a rule of the time is off its parabola over a step.
    fn off(nodes: Vec<Node>, from: f64, to: f64) -> f64 {
        let root = nodes.len() as u32 - 1;
        let bound = Program::compile(&Graph { nodes }, &[root]).unwrap().bind(&[]);
        let (mut values, mut ranges) = (bound.frame(), bound.interval_frame());
        let at = edges(from, to);
        for j in 0..=PIECES {
            values.input_mut(0)[j] = at[j] as f32;
            if let Some(clock) = values.clock_mut() {
                clock[j] = at[j];
            }
        }
        bound.course(&mut values, &mut ranges);
        let off = deviation_from_parabola(&values, &ranges, 0, |j| at[j + 1] - at[j]);
        off.seen + off.hidden
    }

    /// Return a rule that is 5 from `a` to `b`, else 1.
    fn window(a: f64, b: f64) -> Vec<Node> {
        vec![
            Node::Input { input: Input::Time },
            Node::Const { value: a },
            Node::Const { value: b },
            Node::Binary { f: Binary::Ge, x: 0, y: 1 },
            Node::Binary { f: Binary::Lt, x: 0, y: 2 },
            Node::Binary { f: Binary::And, x: 3, y: 4 },
            Node::Const { value: 5.0 },
            Node::Const { value: 1.0 },
            Node::Where { c: 5, x: 6, y: 7 },
        ]
    }

    #[test]
    fn what_hides_between_two_moments_is_found() {
        assert_eq!(off(window(30.0, 31.0), 0.0, 24.0), 0.0);
        assert!(off(window(3.0, 4.5), 0.0, 24.0) > 4.0, "some moments lie in it");
        for width in [1e-3, 1e-6, 1e-9] {
            assert!(off(window(3.0, 3.0 + width), 0.0, 24.0) > 4.0, "{width}");
            assert!(off(window(1e6 + 3.0, 1e6 + 3.0 + width), 1e6, 1e6 + 24.0) > 4.0, "{width}");
        }
    }

    #[test]
    fn a_range_that_never_tells_is_ignored_until_it_does() {
        let mut trust = StepTrust::default();
        let off = |seen, hidden| Deviation { seen, hidden };
        assert!(trust.refuses(off(3.0, 0.0), false) && trust.refuses(off(0.0, 3.0), false));
        assert!(trust.refuses(off(0.0, f64::INFINITY), false) && trust.refuses(off(f64::NAN, 0.0), false));
        for _ in 0..MOST_DOUBTS {
            assert!(trust.refuses(off(0.0, 3.0), false) && trust.longest(64.0) == 64.0);
            // A jump that was found tells nothing of the range.
            assert!(!trust.refuses(off(3.0, 1.0), true));
            // Both a step that cannot be shorter and one that is short enough leave a doubt.
            assert!(!trust.refuses(off(0.0, 3.0), true) || !trust.refuses(off(0.0, 0.5), false));
        }
        assert!(!trust.refuses(off(0.0, 3.0), false) && trust.refuses(off(3.0, 0.0), false));
        assert_eq!(trust.longest(64.0), 1.0);
        assert!(!trust.refuses(off(0.0, 0.0), false));
        assert!(trust.refuses(off(0.0, 3.0), false) && trust.longest(64.0) == 64.0);
    }

    #[test]
    fn a_parabola_is_no_way_off_and_a_sine_by_its_third_power() {
        let time = Node::Input { input: Input::Time };
        let square = vec![time, Node::Binary { f: Binary::Mul, x: 0, y: 0 }];
        assert!(off(square, 2.0, 9.0) < 1e-3, "the square of an interval that stands twice");
        let sine = |length| off(vec![time, Node::Unary { f: Unary::Sin, x: 0 }], 1.0, 1.0 + length);
        let (long, short) = (sine(0.4), sine(0.2));
        assert!(long > 1e-5 && (10.0..22.0).contains(&(long / short)), "{long} {short}");
    }
}
