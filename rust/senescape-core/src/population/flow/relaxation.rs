//! The arithmetic of relaxation, over the lanes of cells.

use super::{GOAL_FLOOR, ROUNDINGS};
use crate::environment::Times;
use crate::expr::math::{exp_f32, exp_f64};
use crate::expr::{LANES, Level, at_level};
use crate::model::Flow;
use crate::population::Column;

pub(super) fn hours_between(from: &Times, to: &Times) -> Column {
    let mut hours = [0.0; LANES];
    for lane in 0..LANES {
        hours[lane] = (to[lane] - from[lane]) as f32;
    }
    hours
}

pub(super) fn relax(flows: &[Flow], hours: &Column, columns: &mut [Column]) {
    for (flow, column) in flows.iter().zip(columns) {
        if let Flow::Relax { target, tau } = *flow {
            relax_column(column, hours, target, tau);
        }
    }
}

fn relax_column(column: &mut Column, hours: &Column, target: f32, tau: f32) {
    at_level!(Level::best(), relax_body(column: &mut Column, hours: &Column, target: f32, tau: f32));
}

#[inline(always)]
fn relax_body(column: &mut Column, hours: &Column, target: f32, tau: f32) {
    let rate = -1.0 / tau;
    for (x, h) in column.iter_mut().zip(hours) {
        *x = toward(*x, target, h * rate);
    }
}

pub(super) fn enclose_relaxation(
    x: &Column,
    hours: &Column,
    flow: (f32, f32),
    room: f32,
    low: &mut Column,
    high: &mut Column,
) {
    at_level!(
        Level::best(),
        enclose_body(x: &Column, hours: &Column, flow: (f32, f32), room: f32, low: &mut Column, high: &mut Column)
    );
}

#[inline(always)]
fn enclose_body(x: &Column, hours: &Column, flow: (f32, f32), room: f32, low: &mut Column, high: &mut Column) {
    let (target, tau) = flow;
    let rate = -1.0 / tau;
    for (((x, h), low), high) in x.iter().zip(hours).zip(low).zip(high) {
        let end = toward(*x, target, h * rate);
        // The exponential may be off by two units in the last place in either direction, and the sum by one of its own.
        let slack = 1e-6 * (x - target).abs() + room * x.abs().max(target.abs());
        *low = (x.min(end) - slack).max(x.min(target));
        *high = (x.max(end) + slack).min(x.max(target));
    }
}

/// Compute `target + (x - target) exp(exponent)`, kept between `x` and the target, which rounding could step over.
#[inline(always)]
fn toward(x: f32, target: f32, exponent: f32) -> f32 {
    (target + (x - target) * exp_f32(exponent)).max(x.min(target)).min(x.max(target))
}

/// Follow targets over the first half of a step.
pub(super) fn follow_half(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column) {
    at_level!(
        Level::best(),
        follow_half_body(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column)
    );
}

#[inline(always)]
fn follow_half_body(x: &Column, goals: [&Column; 3], hours: &Times, tau: f64, to: &mut Column) {
    for lane in 0..LANES {
        let goals = goals.map(|goal| f64::from(goal[lane]));
        to[lane] = follow(f64::from(x[lane]), goals, 0.5, 0.5 * (hours[lane] / tau)).0 as f32;
    }
}

/// Follow targets over a step. `worst` takes the difference of parabola and line, in units of the tolerance. The
/// tolerance is relative to the trait and, if `by_goals` is true, to its targets, because a trait that starts at 0 has
/// no scale of its own.
#[allow(clippy::too_many_arguments, reason = "one loop over lanes")]
pub(super) fn follow_whole(
    x: &Column,
    goals: [&Column; 3],
    hours: &Times,
    tau: f64,
    rtol: f64,
    by_goals: bool,
    to: &mut Column,
    worst: &mut Times,
) {
    at_level!(
        Level::best(),
        follow_whole_body(
            x: &Column,
            goals: [&Column; 3],
            hours: &Times,
            tau: f64,
            rtol: f64,
            by_goals: bool,
            to: &mut Column,
            worst: &mut Times
        )
    );
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one loop over lanes")]
fn follow_whole_body(
    x: &Column,
    goals: [&Column; 3],
    hours: &Times,
    tau: f64,
    rtol: f64,
    by_goals: bool,
    to: &mut Column,
    worst: &mut Times,
) {
    for lane in 0..LANES {
        let x = f64::from(x[lane]);
        let [g0, g1, g2] = goals.map(|goal| f64::from(goal[lane]));
        let (next, difference) = follow(x, [g0, g1, g2], 1.0, hours[lane] / tau);
        to[lane] = next as f32;
        let goal = g0.abs().max(g1.abs()).max(g2.abs()) * if by_goals { 1.0 } else { GOAL_FLOOR };
        let scale = x.abs().max(next.abs()).max(1e-12).max(goal);
        let error = difference / (rtol * scale);
        // A target that is not finite makes the error NaN or infinite.
        worst[lane] = worst[lane].max(if error.is_nan() { f64::INFINITY } else { error });
    }
}

/// Compute the box of traits that follow targets of a known range for some hours.
pub(super) fn enclose_driven(
    x: &Column,
    low: &Column,
    high: &Column,
    hours: &Column,
    tau: f64,
    to_low: &mut Column,
    to_high: &mut Column,
) {
    at_level!(
        Level::best(),
        enclose_driven_body(
            x: &Column,
            low: &Column,
            high: &Column,
            hours: &Column,
            tau: f64,
            to_low: &mut Column,
            to_high: &mut Column
        )
    );
}

#[inline(always)]
fn enclose_driven_body(
    x: &Column,
    low: &Column,
    high: &Column,
    hours: &Column,
    tau: f64,
    to_low: &mut Column,
    to_high: &mut Column,
) {
    for lane in 0..LANES {
        let (x, low, high) = (x[lane], low[lane], high[lane]);
        // x moves at most this fraction of the way to the ends of the target's range.
        let fraction = ((1.0 - exp_f64(-(f64::from(hours[lane]) / tau))) as f32 * 1.000_01).min(1.0);
        let slack = ROUNDINGS * (x.abs() + low.abs().max(high.abs()));
        let down = (x + fraction * (low - x).min(0.0) - slack).max(x.min(low));
        let up = (x + fraction * (high - x).max(0.0) + slack).min(x.max(high));
        // Without a finite range, the box becomes infinite, so that a rule that reads the trait reports it.
        let known = (low.abs() < f32::INFINITY) & (high.abs() < f32::INFINITY);
        to_low[lane] = if known { down } else { f32::NEG_INFINITY };
        to_high[lane] = if known { up } else { f32::INFINITY };
    }
}

/// Return the value after relaxation for `z` time constants toward the parabola through three goals (at 0, 1/2 and 1 of
/// the step), of which the step covers the fraction `part`, and by how much a straight line would differ.
#[inline(always)]
fn follow(x: f64, [g0, g1, g2]: [f64; 3], part: f64, z: f64) -> (f64, f64) {
    let (c1, c2) = (part * (-3.0 * g0 + 4.0 * g1 - g2), part * part * (2.0 * g0 - 4.0 * g1 + 2.0 * g2));
    let (m0, m1, m2) = moments(z);
    let next = x + m0 * (g0 - x) + c1 * m1 + c2 * m2;
    // The exact path stays within this fraction of the way to the goals. The approximate one must stay there too,
    // because bounds rely on it.
    let (low, high) = (g0.min(g1).min(g2) - x, g0.max(g1).max(g2) - x);
    let next = next.max(x + m0 * low.min(0.0)).min(x + m0 * high.max(0.0));
    (next, (c2 * (m2 - m1)).abs())
}

/// Return `z * integral of s^k exp(-z (1 - s))` over s in [0, 1], for k = 0, 1, 2. The code has no branch, so that it
/// becomes vector code.
#[inline(always)]
fn moments(z: f64) -> (f64, f64, f64) {
    // Near 0 the formulas cancel, and series replace them.
    let small = z < 0.05;
    let s1 = z * (0.5 - z * (1.0 / 6.0 - z * (1.0 / 24.0 - z * (1.0 / 120.0 - z / 720.0))));
    let s2 = z * (1.0 / 3.0 - z * (1.0 / 12.0 - z * (1.0 / 60.0 - z * (1.0 / 360.0 - z / 2520.0))));
    let f0 = 1.0 - exp_f64(-z);
    let f1 = 1.0 - f0 / z;
    let f2 = 1.0 - 2.0 * f1 / z;
    (if small { z * (1.0 - s1) } else { f0 }, if small { s1 } else { f1 }, if small { s2 } else { f2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_join_smoothly_and_match_their_integrals() {
        for z in [1e-9, 1e-3, 0.049_999, 0.05, 0.7, 5.0, 60.0] {
            let (m0, m1, m2) = moments(z);
            let n = 20_000;
            let mut sums = [0.0; 3];
            for i in 0..n {
                let s = (f64::from(i) + 0.5) / f64::from(n);
                let w = z * (-z * (1.0 - s)).exp() / f64::from(n);
                sums[0] += w;
                sums[1] += w * s;
                sums[2] += w * s * s;
            }
            for (m, sum) in [m0, m1, m2].into_iter().zip(sums) {
                assert!((m - sum).abs() < 1e-6 * z.min(1.0) + 2e-6 * sum, "{z}: {m} {sum}");
            }
        }
    }

    #[test]
    fn a_parabolic_target_is_followed_exactly() {
        // x' = (g - x)/tau with g = 1 + 2 s + 3 s^2, tau = 1/z, on s in [0, 1].
        let (x0, z) = (0.3, 1.7);
        let g = |s: f64| 1.0 + 2.0 * s + 3.0 * s * s;
        let mut x = x0;
        let n = 100_000;
        for i in 0..n {
            let s = f64::from(i) / f64::from(n);
            let h = 1.0 / f64::from(n);
            let k1 = z * (g(s) - x);
            let k2 = z * (g(s + h) - (x + h * k1));
            x += 0.5 * h * (k1 + k2);
        }
        let (next, _) = follow(x0, [g(0.0), g(0.5), g(1.0)], 1.0, z);
        assert!((next - x).abs() < 1e-8, "{next} {x}");
    }

    #[test]
    fn a_trait_stays_between_where_it_is_and_where_its_target_has_been() {
        // The parabola through these goals runs past them, but bounds allow for the fraction of the way to them only.
        let (goals, z) = ([0.0, 1.0, 1.0], 4.0);
        for side in [1.0, -1.0] {
            let next = |x: f64| side * follow(side * x, goals.map(|g| side * g), 1.0, z).0;
            assert_eq!([next(0.0), next(1.0)], [moments(z).0, 1.0]);
        }
    }
}
