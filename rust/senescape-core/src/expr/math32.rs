//! The single-precision functions of rules.
//!
//! All but the exponential go through double precision, with polynomials just long enough: the relative error before
//! the last rounding is below 1e-9, so results are within 0.52 units in the last place and [`widened`] covers two.
//! Like [`super::math`], they have no branches and the same bits everywhere.

use super::math::{ROUND_F64, clamp_f64};
use std::f64::consts::{FRAC_2_PI, LN_2, LOG2_E, LOG10_E};

/// The bits of `sqrt(1/2)`.
const ROOT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
/// The bits of 1.
const ONE: u64 = 0x3FF0_0000_0000_0000;

/// Arguments of sine and cosine up to here are reduced in line; beyond, [`libm`] reduces them.
pub const NEAR: f32 = 1.0e6;

/// `2^t = scale (1 + rest)`, with t held to what a single-precision number can tell apart.
#[inline(always)]
fn exp2_parts(t: f64) -> (f64, f64) {
    let t = clamp_f64(t, -200.0, 200.0);
    let shifted = t + ROUND_F64;
    let r = (t - (shifted - ROUND_F64)) * LN_2;
    let mut p = 1.0 / 362_880.0;
    for c in [1.0 / 40_320.0, 1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0] {
        p = p * r + c;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND_F64.to_bits()).wrapping_add(1023);
    (f64::from_bits(exponent << 52), p * r)
}

#[inline(always)]
fn exp2(t: f64) -> f64 {
    let (scale, rest) = exp2_parts(t);
    scale + scale * rest
}

/// `e^x - 1`, up to where single precision ends.
#[inline(always)]
fn exp_minus_one(x: f64) -> f64 {
    let (scale, rest) = exp2_parts(x * LOG2_E);
    scale * rest + (scale - 1.0)
}

/// `x = 2^k (1 + f)` for a positive, normal x, with f about zero.
#[inline(always)]
fn ln_parts(x: f64) -> (f64, f64) {
    let shifted = x.to_bits().wrapping_add(ONE - ROOT_HALF);
    // The exponent as the low bits of 2^52: no conversion of 64-bit integers, which AVX2 lacks.
    let k = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let mantissa = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + ROOT_HALF);
    (k, mantissa - 1.0)
}

/// `ln(1 + f)` by the series of the inverse hyperbolic tangent.
#[inline(always)]
fn ln_near_one(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let mut p = 2.0 / 15.0;
    for c in [2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        p = p * z + c;
    }
    p * s
}

/// The natural logarithm of a number that came from single precision (so that it is not subnormal).
#[inline(always)]
fn ln(x: f64) -> f64 {
    let (k, f) = ln_parts(x);
    edges_of_ln(x, k * LN_2 + ln_near_one(f))
}

#[inline(always)]
fn edges_of_ln(x: f64, inside: f64) -> f64 {
    let outside = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    let outside = if x == f64::INFINITY { x } else { outside };
    if x > 0.0 && x < f64::INFINITY { inside } else { outside }
}

/// `2^x`.
#[inline(always)]
pub fn exp2_f32(x: f32) -> f32 {
    if x.is_nan() { x } else { exp2(f64::from(x)) as f32 }
}

/// `e^x - 1`.
#[inline(always)]
pub fn expm1_f32(x: f32) -> f32 {
    // Below the smallest normal number x is its own result, and -0 stays -0.
    let small = x.abs() < f32::MIN_POSITIVE;
    if x.is_nan() || small { x } else { exp_minus_one(f64::from(x)) as f32 }
}

/// The natural logarithm.
#[inline(always)]
pub fn ln_f32(x: f32) -> f32 {
    ln(f64::from(x)) as f32
}

/// The logarithm to base 2.
#[inline(always)]
pub fn log2_f32(x: f32) -> f32 {
    (ln(f64::from(x)) * LOG2_E) as f32
}

/// The logarithm to base 10.
#[inline(always)]
pub fn log10_f32(x: f32) -> f32 {
    (ln(f64::from(x)) * LOG10_E) as f32
}

/// `ln(1 + x)`.
#[inline(always)]
pub fn log1p_f32(x: f32) -> f32 {
    let x = f64::from(x);
    let u = 1.0 + x;
    let (k, f) = ln_parts(u);
    // About zero x itself is at hand, without the rounding of the sum.
    let f = if k == 0.0 { x } else { f };
    let result = edges_of_ln(u, k * LN_2 + ln_near_one(f));
    (if x == 0.0 { x } else { result }) as f32
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh_f32(x: f32) -> f32 {
    let e = exp_minus_one(2.0 * f64::from(x));
    if x.is_nan() || x == 0.0 { x } else { (e / (e + 2.0)) as f32 }
}

/// The cube root.
#[inline(always)]
pub fn cbrt_f32(x: f32) -> f32 {
    let size = exp2(ln(f64::from(x.abs())) * (LOG2_E / 3.0)) as f32;
    if x.is_nan() { x } else { size.copysign(x) }
}

/// `x^y` as NumPy has it, but for a base of minus zero, which counts as zero: real for a negative base only where the
/// exponent is whole.
#[inline(always)]
pub fn pow_f32(x: f32, y: f32) -> f32 {
    let base = x.abs();
    let size = exp2(f64::from(y) * (ln(f64::from(base)) * LOG2_E)) as f32;
    // 1 to an infinite power is 1; what is undefined within `size` otherwise is an operand's NaN.
    let size = if base == 1.0 { 1.0 } else { size };
    let whole = y.floor() == y;
    let odd = whole && (0.5 * y).floor() != 0.5 * y;
    let signed = if odd && x < 0.0 { -size } else { size };
    let undefined = x < 0.0 && !whole && x > f32::NEG_INFINITY;
    if y == 0.0 || x == 1.0 {
        1.0
    } else if undefined || x.is_nan() || y.is_nan() {
        f32::NAN
    } else {
        signed
    }
}

/// Sine (`quarters` 0) or cosine (`quarters` 1) of an argument up to [`NEAR`].
#[inline(always)]
pub fn wave_near(x: f32, quarters: u64) -> f32 {
    // pi/2 in two parts; the first has 33 bits, so that a multiple by up to 20 bits is exact.
    const HIGH: f64 = 1.570_796_326_734_125_6;
    const LOW: f64 = 6.077_100_506_506_192e-11;
    let x = f64::from(x);
    let shifted = x * FRAC_2_PI + ROUND_F64;
    let n = shifted - ROUND_F64;
    let r = (x - n * HIGH) - n * LOW;
    let z = r * r;
    let mut sine = -1.0 / 39_916_800.0;
    for c in [1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0] {
        sine = sine * z + c;
    }
    let mut cosine = 1.0 / 479_001_600.0;
    for c in [-1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0] {
        cosine = cosine * z + c;
    }
    let quarter = shifted.to_bits().wrapping_add(quarters);
    let size = if quarter & 1 == 0 { sine * r } else { cosine };
    (if quarter & 2 == 0 { size } else { -size }) as f32
}

/// Sine or cosine of a large argument.
#[cold]
#[inline(never)]
pub fn wave_far(x: f32, quarters: u64) -> f32 {
    (if quarters == 0 { libm::sin(f64::from(x)) } else { libm::cos(f64::from(x)) }) as f32
}

/// Sine or cosine of any argument.
#[inline(always)]
pub fn wave(x: f32, quarters: u64) -> f32 {
    if x.abs() <= NEAR { wave_near(x, quarters) } else { wave_far(x, quarters) }
}

/// The ends of an interval moved outward by more than two units in the last place.
#[inline(always)]
pub fn widened((low, high): (f32, f32)) -> (f32, f32) {
    const SHARE: f32 = 3e-7;
    // Two steps of the subnormal numbers, where a share would round to nothing.
    const STEP: f32 = 3e-45;
    (low - (low.abs() * SHARE + STEP), high + (high.abs() * SHARE + STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every size, with their neighbours and the edges of the format.
    fn points() -> Vec<f32> {
        let mut points = vec![0.0, 1.0, 2.0, 3.0, 10.0, 0.5, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), f32::INFINITY];
        for exponent in 0..255_u32 {
            for i in 0..400_u32 {
                let mantissa = i.wrapping_mul(0x9E37_79B9) >> 9;
                points.push(f32::from_bits((exponent << 23) | mantissa));
            }
        }
        for i in -2000..=2000_i32 {
            // About 1 and about 0, where logarithms and differences lose most.
            points.push(f32::from_bits(1.0_f32.to_bits().wrapping_add_signed(i)));
            points.push((i as f32 * 0.003).abs());
        }
        points.iter().flat_map(|x| [*x, -*x]).collect()
    }

    /// The greatest error in units in the last place against a function of the system in double precision.
    fn worst(mine: impl Fn(f32) -> f32, theirs: impl Fn(f64) -> f64) -> f64 {
        let mut worst = 0.0_f64;
        for x in points() {
            let (a, b) = (mine(x), theirs(f64::from(x)));
            if b.is_nan() {
                assert!(a.is_nan(), "{x:e}: {a:e} for NaN");
            } else if b as f32 == a {
            } else {
                assert!(!a.is_nan(), "{x:e}: NaN for {b:e}");
                let near = (b as f32).abs();
                let unit = f64::from(near) - f64::from(near.next_down());
                let error = (f64::from(a) - b).abs() / unit.max(f64::from(f32::from_bits(1)));
                assert!(error < 2.0, "{x:e}: {a:e} for {b:e}");
                worst = worst.max(error);
            }
        }
        assert!(mine(f32::NAN).is_nan());
        worst
    }

    #[test]
    fn functions_are_within_a_unit() {
        assert!(worst(exp2_f32, f64::exp2) < 0.6);
        assert!(worst(expm1_f32, f64::exp_m1) < 0.6);
        assert!(worst(ln_f32, f64::ln) < 0.6);
        assert!(worst(log2_f32, f64::log2) < 0.6);
        assert!(worst(log10_f32, f64::log10) < 0.6);
        assert!(worst(log1p_f32, f64::ln_1p) < 0.6);
        assert!(worst(tanh_f32, f64::tanh) < 0.6);
        assert!(worst(cbrt_f32, f64::cbrt) < 0.6);
        assert!(worst(|x| wave(x, 0), f64::sin) < 0.6);
        assert!(worst(|x| wave(x, 1), f64::cos) < 0.6);
        assert!(worst(super::super::math::exp_f32, f64::exp) < 2.0);
    }

    #[test]
    fn powers_are_within_a_unit() {
        for y in [0.5_f32, 1.0, 2.0, 3.0, 1.7, -1.0, -2.0, -0.3, 7.0, 33.0, -33.0, 1e-3, 1e10, f32::INFINITY] {
            for sign in [1.0, -1.0] {
                let y = y * sign;
                // -0 counts as 0; -inf to a power that is not whole is that of NumPy.
                let error = worst(
                    |x| if y == f32::INFINITY && x.is_nan() { f32::NAN } else { pow_f32(x, y) },
                    |x| (x + 0.0).powf(f64::from(y)),
                );
                assert!(error < 0.6, "{y}: {error}");
            }
        }
        assert_eq!((pow_f32(f32::NAN, 0.0), pow_f32(1.0, f32::NAN)), (1.0, 1.0));
        assert!(pow_f32(2.0, f32::NAN).is_nan() && pow_f32(f32::NAN, 2.0).is_nan());
        assert_eq!((pow_f32(-1.0, f32::INFINITY), pow_f32(0.0, 0.0)), (1.0, 1.0));
    }

    #[test]
    fn widening_reaches_two_neighbours() {
        for x in points().into_iter().filter(|x| x.is_finite()) {
            let (low, high) = widened((x, x));
            assert!(low <= x.next_down().next_down() && high >= x.next_up().next_up(), "{x:e}");
        }
    }
}
