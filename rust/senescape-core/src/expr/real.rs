//! The two precisions that programs compute in.

use super::math::{EXP_F32_SLACK, exp_f32, exp_f64};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A floating-point number of either precision, with the error bounds that interval arithmetic needs.
pub(super) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    const NAN: Self;
    /// The relative error of [`Real::exp`], doubled.
    const EXP_SLACK: Self;
    /// A relative bound on how far rounding can break the order of the values of `x / (x + y)`.
    const RATIO_SLACK: Self;
    /// A bound on the error of functions whose results lie below the smallest normal number.
    const TINY: Self;

    /// Round to this precision.
    fn of(x: f64) -> Self;
    /// Convert to double precision.
    fn double(self) -> f64;
    fn is_nan(self) -> bool;
    fn is_finite(self) -> bool;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    /// Move the lower end of an interval down by more than the error of a function that was computed in double
    /// precision.
    fn below(self) -> Self;
    /// Move the upper end of an interval up by as much.
    fn above(self) -> Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;
    const NAN: Self = Self::NAN;
    const EXP_SLACK: Self = EXP_F32_SLACK;
    const RATIO_SLACK: Self = 4e-7;
    const TINY: Self = 1e-44;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as Self
    }
    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exp(self) -> Self {
        exp_f32(self)
    }
    #[inline(always)]
    fn below(self) -> Self {
        self.next_down()
    }
    #[inline(always)]
    fn above(self) -> Self {
        self.next_up()
    }
}

/// Functions in double precision are right to about 3e-13 (see `math`); their bounds are widened by three times as
/// much.
const DOUBLE_SLACK: f64 = 1e-12;

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;
    const NAN: Self = Self::NAN;
    const EXP_SLACK: Self = 2e-15;
    const RATIO_SLACK: Self = 1e-15;
    const TINY: Self = 1e-322;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn double(self) -> f64 {
        self
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn exp(self) -> Self {
        exp_f64(self)
    }
    #[inline(always)]
    fn below(self) -> Self {
        self - DOUBLE_SLACK * self.abs() - Self::TINY
    }
    #[inline(always)]
    fn above(self) -> Self {
        self + DOUBLE_SLACK * self.abs() + Self::TINY
    }
}
