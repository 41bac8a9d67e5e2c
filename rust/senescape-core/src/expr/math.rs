//! Elementary functions with the same bits on every machine: no system library, no fused multiply-add, no table.
//!
//! They are written without branches, so that a loop over lanes becomes vector code.

const ROUND_F32: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number
const ROUND_F64: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// The relative error of [`exp_f32`], doubled.
pub const EXP_F32_SLACK: f32 = 6e-7;

/// Compute `e^x` in single precision, within two units in the last place.
///
/// Reduction by Cody and Waite, polynomial of S. Moshier (Cephes `expf`).
#[inline(always)]
#[must_use]
pub fn exp_f32(x: f32) -> f32 {
    let y = x.max(-104.0).min(89.0);
    let shifted = y * std::f32::consts::LOG2_E + ROUND_F32;
    let n = shifted - ROUND_F32;
    let r = (y - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    let n = shifted.to_bits().wrapping_sub(ROUND_F32.to_bits()) as i32;
    // Two steps, so that the scale itself neither overflows nor underflows.
    let half = n >> 1;
    let scaled = p * power_f32(half) * power_f32(n - half);
    if x.is_nan() { x } else { scaled }
}

#[inline(always)]
fn power_f32(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// Compute `e^x` in double precision, within two units in the last place.
#[inline(always)]
#[must_use]
pub fn exp_f64(x: f64) -> f64 {
    let y = x.max(-746.0).min(710.0);
    let shifted = y * std::f64::consts::LOG2_E + ROUND_F64;
    let n = shifted - ROUND_F64;
    let r = (y - n * 6.931_471_803_691_238e-1) - n * 1.908_214_929_270_587_7e-10;
    // Taylor to the 13th power: |r| <= ln(2)/2, so the rest is below 5e-18.
    let mut p = 1.0 / 6_227_020_800.0;
    for c in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + c;
    }
    let n = shifted.to_bits().wrapping_sub(ROUND_F64.to_bits()) as i64;
    let half = n >> 1;
    let scaled = p * power_f64(half) * power_f64(n - half);
    if x.is_nan() { x } else { scaled }
}

#[inline(always)]
fn power_f64(n: i64) -> f64 {
    f64::from_bits(((n + 1023) << 52) as u64)
}

/// Compute the natural logarithm in double precision, within one unit in the last place.
///
/// The method and coefficients of FreeBSD's `e_log.c` (Sun Microsystems 1993), as formulas.
#[inline(always)]
#[must_use]
pub fn ln_f64(x: f64) -> f64 {
    let small = x < f64::MIN_POSITIVE;
    let scaled = if small { x * 18_014_398_509_481_984.0 } else { x };
    let bits = scaled.to_bits();
    // Bring the mantissa into [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_add(0x3FF0_0000_0000_0000 - 0x3FE6_A09E_667F_3BCD);
    let k = ((shifted >> 52) as i64 - 1023) as i32 - if small { 54 } else { 0 };
    let mantissa = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + 0x3FE6_A09E_667F_3BCD);
    let k = f64::from(k);
    let f = mantissa - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1 + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let half_square = 0.5 * f * f;
    let low = s * (half_square + even + odd) + k * 1.908_214_929_270_587_7e-10;
    let result = k * 6.931_471_803_691_238e-1 - ((half_square - low) - f);
    if x > 0.0 && x < f64::INFINITY {
        result
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x > 0.0 {
        x
    } else {
        f64::NAN
    }
}

/// Compute `e^x - 1`.
#[inline(always)]
#[must_use]
pub fn expm1(x: f64) -> f64 {
    let small = x + x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0)));
    if x.abs() < 1e-3 { small } else { exp_f64(x) - 1.0 }
}

/// Compute `ln(1 + x)`.
#[inline(always)]
#[must_use]
pub fn log1p(x: f64) -> f64 {
    let small = x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25)));
    if x.abs() < 1e-3 { small } else { ln_f64(1.0 + x) }
}

/// Compute `x^y` as NumPy does: for a negative base, the result is real only where the exponent is whole.
#[inline(always)]
#[must_use]
pub fn pow(x: f64, y: f64) -> f64 {
    let size = exp_f64(y * ln_f64(x.abs()));
    let whole = libm::floor(y) == y;
    let odd = whole && libm::floor(0.5 * y) != 0.5 * y;
    if y == 0.0 || x == 1.0 || (x == -1.0 && y.is_infinite()) {
        1.0
    } else if x >= 0.0 {
        size
    } else if !whole {
        f64::NAN
    } else if odd {
        -size
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps32(a: f32, b: f64) -> f64 {
        let unit = f64::from((b as f32).abs().next_up()) - f64::from((b as f32).abs());
        (f64::from(a) - b).abs() / unit.max(f64::from(f32::from_bits(1)))
    }

    #[test]
    fn exp_f32_is_within_two_units() {
        let mut worst = 0.0_f64;
        for i in 0..400_000 {
            let x = -103.0 + i as f32 * (191.7 / 400_000.0);
            worst = worst.max(ulps32(exp_f32(x), f64::from(x).exp()));
        }
        assert!(worst <= 2.0, "{worst}");
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(89.0), f32::INFINITY);
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert!(exp_f32(f32::NAN).is_nan());
    }

    #[test]
    fn doubles_match_the_system_library() {
        for i in 1..200_000 {
            let t = f64::from(i) / 200_000.0;
            let x = -740.0 + 1449.0 * t;
            let (mine, theirs) = (exp_f64(x), x.exp());
            assert!((mine - theirs).abs() <= 4e-16 * theirs + 1e-323, "exp {x}: {mine} {theirs}");
            for y in [t, 1.0 / t, t * 1e-310, t * 1e300] {
                let (mine, theirs) = (ln_f64(y), y.ln());
                assert!((mine - theirs).abs() <= 4e-16 * theirs.abs() + 1e-17, "ln {y}: {mine} {theirs}");
            }
            let y = 4.0 * t - 2.0;
            assert!((expm1(y) - y.exp_m1()).abs() <= 3e-13 * y.exp_m1().abs(), "expm1 {y}");
            if y > -1.0 {
                assert!((log1p(y) - y.ln_1p()).abs() <= 3e-13 * y.ln_1p().abs(), "log1p {y}");
            }
        }
        // Near zero, where the sum with one has few digits left.
        for x in [1e-3, 9.9e-4, 1.01e-3, 3.3e-5, 7.7e-9, 1.1e-13, 1e-300].into_iter().flat_map(|x: f64| [x, -x]) {
            assert!((expm1(x) - x.exp_m1()).abs() <= 2e-13 * x.abs(), "expm1 {x}");
            assert!((log1p(x) - x.ln_1p()).abs() <= 2e-13 * x.abs(), "log1p {x}");
        }
        assert_eq!((expm1(0.0), log1p(0.0)), (0.0, 0.0));
        assert_eq!(ln_f64(1.0), 0.0);
        assert_eq!(ln_f64(0.0), f64::NEG_INFINITY);
        assert!(ln_f64(-1.0).is_nan());
        assert_eq!(ln_f64(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn powers_are_those_of_numpy() {
        assert_eq!(pow(0.0, 0.0), 1.0);
        assert_eq!(pow(0.0, 2.0), 0.0);
        assert_eq!(pow(0.0, -1.0), f64::INFINITY);
        assert!((pow(-2.0, 3.0) + 8.0).abs() < 1e-14);
        assert!((pow(-2.0, 2.0) - 4.0).abs() < 1e-14);
        assert!(pow(-2.0, 0.5).is_nan());
        for y in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!([pow(-1.0, y), pow(1.0, y), pow(1.0, f64::NAN), pow(f64::NAN, 0.0)], [1.0; 4]);
        }
        assert_eq!([pow(-1.0, 2.0), pow(-1.0, 3.0)], [1.0, -1.0]);
        assert_eq!([pow(-2.0, f64::INFINITY), pow(-0.5, f64::INFINITY)], [f64::INFINITY, 0.0]);
        assert!(pow(2.0, f64::NAN).is_nan() && pow(f64::NAN, 2.0).is_nan());
        assert!((pow(2.5, 1.7) / 2.5_f64.powf(1.7) - 1.0).abs() < 1e-14);
    }
}
