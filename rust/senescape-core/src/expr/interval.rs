//! Interval evaluation of a program: the range of its outputs over a box of inputs.
//!
//! Rounding to nearest keeps order: if `a <= b` then `fl(a + c) <= fl(b + c)`. The operations that IEEE 754 rounds
//! exactly therefore need no widening: applied to the ends of the intervals, they hold every value that evaluation
//! gives. Functions that are only approximated are widened by more than their error.
//!
//! An infinite end says that values reach infinity. Where a value may be undefined (0/0, infinity less infinity, the
//! root of a negative number) an end is NaN, and so are the ends of everything computed from it, except comparisons,
//! whose values are never NaN. A function that squashes its argument can therefore not hide an undefined value.

use super::eval::{GROUP, convert, flag, max, min, power, scalar_unary};
use super::graph::{Binary, Unary};
use super::instruction::{Instruction, LANES, Op};
use super::math::pow;
use super::real::Real;
use super::simd::{Level, at_level};

type Interval<T> = (T, T);

#[inline(always)]
fn undefined<T: Real>() -> Interval<T> {
    (T::NAN, T::NAN)
}

/// The ends of the intervals in the registers of one precision.
pub(super) struct Ends<'a, T> {
    pub(super) low: &'a mut [[T; LANES]],
    pub(super) high: &'a mut [[T; LANES]],
}

/// Run code over the first `n` lanes of the intervals.
pub fn run(code: &[Instruction], single: &mut Ends<'_, f32>, wide: &mut Ends<'_, f64>, n: usize, level: Level) {
    at_level!(
        level,
        run_body(code: &[Instruction], single: &mut Ends<'_, f32>, wide: &mut Ends<'_, f64>, n: usize)
    );
}

#[inline(always)]
fn run_body(code: &[Instruction], single: &mut Ends<'_, f32>, wide: &mut Ends<'_, f64>, n: usize) {
    let groups = n.div_ceil(GROUP).min(LANES / GROUP);
    for line in code {
        let (to, from) = (line.to as usize, line.from[0] as usize);
        match line.op {
            Op::Widen => {
                convert(&mut wide.low[to], &single.low[from], groups, f64::from);
                convert(&mut wide.high[to], &single.high[from], groups, f64::from);
            }
            // Rounding to nearest keeps order, so the ends hold what values become.
            Op::Narrow => {
                convert(&mut single.low[to], &wide.low[from], groups, |x| x as f32);
                convert(&mut single.high[to], &wide.high[from], groups, |x| x as f32);
            }
            _ if line.wide => apply(line, wide, groups),
            _ => apply(line, single, groups),
        }
    }
}

/// Apply one operation to intervals of one precision.
#[inline(always)]
fn apply<T: Real>(line: &Instruction, ends: &mut Ends<'_, T>, groups: usize) {
    let (low_before, low_after) = ends.low.split_at_mut(line.to as usize);
    let (high_before, high_after) = ends.high.split_at_mut(line.to as usize);
    let mut to = Slot { low: &mut low_after[0], high: &mut high_after[0], groups };
    let operand = |i: usize| {
        let register = line.from[i] as usize;
        (&low_before[register], &high_before[register])
    };
    let x = operand(0);
    match line.op {
        Op::Widen | Op::Narrow => {}
        Op::Unary(f) => unary(&mut to, f, x),
        Op::Power(p) => whole_power(&mut to, x, p),
        Op::Binary(f) => binary(&mut to, f, x, operand(1)),
        Op::Ratio => to.zip(x, operand(1), ratio),
        Op::Where => {
            let (y, z) = (operand(1), operand(2));
            for lane in 0..groups * GROUP {
                let (yes, no) = ((y.0[lane], y.1[lane]), (z.0[lane], z.1[lane]));
                let (l, h) = match (x.0[lane], x.1[lane]) {
                    (l, h) if l == T::ZERO && h == T::ZERO => no,
                    (l, h) if l > T::ZERO || h < T::ZERO => yes,
                    _ => (min(yes.0, no.0), max(yes.1, no.1)),
                };
                (to.low[lane], to.high[lane]) = (l, h);
            }
        }
    }
}

/// The registers of a result.
struct Slot<'a, T> {
    low: &'a mut [T; LANES],
    high: &'a mut [T; LANES],
    groups: usize,
}

type Operand<'a, T> = (&'a [T; LANES], &'a [T; LANES]);

impl<T: Real> Slot<'_, T> {
    #[inline(always)]
    fn map(&mut self, x: Operand<'_, T>, f: impl Fn(Interval<T>) -> Interval<T>) {
        let (low, high) = (self.low.as_chunks_mut::<GROUP>().0, self.high.as_chunks_mut::<GROUP>().0);
        let (xl, xh) = (x.0.as_chunks::<GROUP>().0, x.1.as_chunks::<GROUP>().0);
        for (((low, high), xl), xh) in low.iter_mut().zip(high).zip(xl).zip(xh).take(self.groups) {
            for i in 0..GROUP {
                (low[i], high[i]) = f((xl[i], xh[i]));
            }
        }
    }

    #[inline(always)]
    fn zip(&mut self, x: Operand<'_, T>, y: Operand<'_, T>, f: impl Fn(Interval<T>, Interval<T>) -> Interval<T>) {
        let (low, high) = (self.low.as_chunks_mut::<GROUP>().0, self.high.as_chunks_mut::<GROUP>().0);
        let (xl, xh) = (x.0.as_chunks::<GROUP>().0, x.1.as_chunks::<GROUP>().0);
        let (yl, yh) = (y.0.as_chunks::<GROUP>().0, y.1.as_chunks::<GROUP>().0);
        for (((((low, high), xl), xh), yl), yh) in
            low.iter_mut().zip(high).zip(xl).zip(xh).zip(yl).zip(yh).take(self.groups)
        {
            for i in 0..GROUP {
                (low[i], high[i]) = f((xl[i], xh[i]), (yl[i], yh[i]));
            }
        }
    }

    /// Apply a cheaper formula to groups of lanes in which it holds; otherwise as [`Slot::zip`].
    #[inline(always)]
    fn zip_fast(
        &mut self,
        x: Operand<'_, T>,
        y: Operand<'_, T>,
        holds: impl Fn(Interval<T>, Interval<T>) -> bool,
        fast: impl Fn(Interval<T>, Interval<T>) -> Interval<T>,
        slow: impl Fn(Interval<T>, Interval<T>) -> Interval<T>,
    ) {
        let (low, high) = (self.low.as_chunks_mut::<GROUP>().0, self.high.as_chunks_mut::<GROUP>().0);
        let (xl, xh) = (x.0.as_chunks::<GROUP>().0, x.1.as_chunks::<GROUP>().0);
        let (yl, yh) = (y.0.as_chunks::<GROUP>().0, y.1.as_chunks::<GROUP>().0);
        for (((((low, high), xl), xh), yl), yh) in
            low.iter_mut().zip(high).zip(xl).zip(xh).zip(yl).zip(yh).take(self.groups)
        {
            let mut all = true;
            for i in 0..GROUP {
                all &= holds((xl[i], xh[i]), (yl[i], yh[i]));
            }
            if all {
                for i in 0..GROUP {
                    (low[i], high[i]) = fast((xl[i], xh[i]), (yl[i], yh[i]));
                }
            } else {
                for i in 0..GROUP {
                    (low[i], high[i]) = slow((xl[i], xh[i]), (yl[i], yh[i]));
                }
            }
        }
    }
}

#[inline(always)]
fn unary<T: Real>(to: &mut Slot<'_, T>, f: Unary, x: Operand<'_, T>) {
    match f {
        Unary::Neg => to.map(x, |(l, h)| (-h, -l)),
        Unary::Abs => to.map(x, size),
        Unary::Sqrt => to.map(x, |(l, h)| (l.sqrt(), h.sqrt())),
        Unary::Square => whole_power(to, x, 2),
        Unary::Reciprocal => to.map(x, |x| quotient((T::ONE, T::ONE), x)),
        Unary::Exp => to.map(x, |(l, h)| {
            let (l, h) = (l.exp(), h.exp());
            // The absolute part covers results below the smallest normal number.
            (max(l * (T::ONE - T::EXP_SLACK) - T::TINY, T::ZERO), h + h * T::EXP_SLACK + T::TINY)
        }),
        Unary::Sign | Unary::Floor | Unary::Ceil => to.map(x, |(l, h)| rounded(f, l, h, true)),
        Unary::Cbrt
        | Unary::Exp2
        | Unary::Expm1
        | Unary::Log
        | Unary::Log2
        | Unary::Log10
        | Unary::Log1p
        | Unary::Tanh => to.map(x, |(l, h)| rounded(f, l, h, false)),
        Unary::Sin => to.map(x, |x| wave(x, Unary::Sin, 0.25)),
        Unary::Cos => to.map(x, |x| wave(x, Unary::Cos, 0.0)),
        Unary::Not => to.map(x, |x| compared(x, x, x.0 == T::ZERO && x.1 == T::ZERO, x.0 <= T::ZERO && x.1 >= T::ZERO)),
    }
}

#[inline(always)]
fn whole_power<T: Real>(to: &mut Slot<'_, T>, x: Operand<'_, T>, p: u8) {
    match p % 2 {
        0 => to.map(x, |x| {
            let (l, h) = size(x);
            (power(l, p), power(h, p))
        }),
        _ => to.map(x, |(l, h)| (power(l, p), power(h, p))),
    }
}

/// Return the ends of an increasing function, widened where it is not exact.
#[inline(always)]
fn rounded<T: Real>(f: Unary, l: T, h: T, exact: bool) -> Interval<T> {
    let (low, high) = (T::of(scalar_unary(f, l.double())), T::of(scalar_unary(f, h.double())));
    if exact { (low, high) } else { (low.below(), high.above()) }
}

#[inline(always)]
fn binary<T: Real>(to: &mut Slot<'_, T>, f: Binary, x: Operand<'_, T>, y: Operand<'_, T>) {
    match f {
        Binary::Add => to.zip(x, y, |x, y| defined((x.0 + y.0, x.1 + y.1))),
        Binary::Sub => to.zip(x, y, |x, y| defined((x.0 - y.1, x.1 - y.0))),
        Binary::Mul => to.zip_fast(
            x,
            y,
            |x, y| x.0 >= T::ZERO && y.0 >= T::ZERO && x.1 < T::INFINITY && y.1 < T::INFINITY,
            |x, y| (x.0 * y.0, x.1 * y.1),
            |x, y| defined(corners(x.0 * y.0, x.0 * y.1, x.1 * y.0, x.1 * y.1)),
        ),
        Binary::Div => to.zip_fast(
            x,
            y,
            |x, y| x.0 >= T::ZERO && y.0 > T::ZERO && y.1 < T::INFINITY,
            |x, y| (x.0 / y.1, x.1 / y.0),
            quotient,
        ),
        Binary::Min => to.zip(x, y, |x, y| (min(x.0, y.0), min(x.1, y.1))),
        Binary::Max => to.zip(x, y, |x, y| (max(x.0, y.0), max(x.1, y.1))),
        Binary::Pow => to.zip(x, y, raised),
        Binary::Lt => to.zip(x, y, |x, y| compared(x, y, x.1 < y.0, !(x.0 >= y.1))),
        Binary::Le => to.zip(x, y, |x, y| compared(x, y, x.1 <= y.0, !(x.0 > y.1))),
        Binary::Gt => to.zip(x, y, |x, y| compared(x, y, x.0 > y.1, !(x.1 <= y.0))),
        Binary::Ge => to.zip(x, y, |x, y| compared(x, y, x.0 >= y.1, !(x.1 < y.0))),
        Binary::Eq => to.zip(x, y, |x, y| compared(x, y, same(x, y), !(x.1 < y.0 || x.0 > y.1))),
        Binary::Ne => to.zip(x, y, |x, y| compared(x, y, x.1 < y.0 || x.0 > y.1, !same(x, y))),
        Binary::And => to.zip(x, y, |x, y| (flag(sure(x) && sure(y)), flag(possible(x) && possible(y)))),
        Binary::Or => to.zip(x, y, |x, y| (flag(sure(x) || sure(y)), flag(possible(x) || possible(y)))),
    }
}

/// Mark a sum or product that reaches both infinities as undefined: it may be infinity less infinity, or zero times
/// infinity.
#[inline(always)]
fn defined<T: Real>(x: Interval<T>) -> Interval<T> {
    if x.0 == T::NEG_INFINITY && x.1 == T::INFINITY { undefined() } else { x }
}

/// Return whether a comparison surely and whether it possibly holds. Where an operand may be NaN, it may be either.
#[inline(always)]
fn compared<T: Real>(x: Interval<T>, y: Interval<T>, sure: bool, possible: bool) -> Interval<T> {
    let undefined = x.0.is_nan() || x.1.is_nan() || y.0.is_nan() || y.1.is_nan();
    (flag(sure && !undefined), flag(possible || undefined))
}

/// Return whether both intervals are one and the same point.
#[inline(always)]
fn same<T: Real>(x: Interval<T>, y: Interval<T>) -> bool {
    x.0 == x.1 && y.0 == y.1 && x.0 == y.0
}

/// Return whether no value of the interval is zero.
#[inline(always)]
fn sure<T: Real>(x: Interval<T>) -> bool {
    x.0 > T::ZERO || x.1 < T::ZERO
}

/// Return whether some value may differ from zero.
#[inline(always)]
fn possible<T: Real>(x: Interval<T>) -> bool {
    !(x.0 == T::ZERO && x.1 == T::ZERO)
}

/// Return the range of the absolute value.
#[inline(always)]
fn size<T: Real>((l, h): Interval<T>) -> Interval<T> {
    let most = max(-l, h);
    let least = if l > T::ZERO {
        l
    } else if h < T::ZERO {
        -h
    } else {
        T::ZERO
    };
    (if most.is_nan() { most } else { least }, most)
}

/// Return the least and the greatest of four numbers, or NaN if any is.
#[inline(always)]
fn corners<T: Real>(a: T, b: T, c: T, d: T) -> Interval<T> {
    (min(min(a, b), min(c, d)), max(max(a, b), max(c, d)))
}

#[inline(always)]
fn quotient<T: Real>(x: Interval<T>, y: Interval<T>) -> Interval<T> {
    if y.0 > T::ZERO || y.1 < T::ZERO { corners(x.0 / y.0, x.0 / y.1, x.1 / y.0, x.1 / y.1) } else { undefined() }
}

/// Return the range of `x / (x + y)`. For operands that are not negative, it grows with x and falls with y.
#[inline(always)]
fn ratio<T: Real>(x: Interval<T>, y: Interval<T>) -> Interval<T> {
    if x.0 == T::ZERO && y.0 == T::ZERO {
        undefined()
    } else if x.0 >= T::ZERO && y.0 >= T::ZERO && x.1 + y.1 < T::INFINITY {
        let low = x.0 / (x.0 + y.1);
        let high = x.1 / (x.1 + y.0);
        // x stands twice in the formula, so rounding may break the order by a few units.
        let (low, high) = (low - low * T::RATIO_SLACK, high + high * T::RATIO_SLACK + T::TINY);
        (low, min(high, max(x.1 / (x.1 + y.0), T::ONE)))
    } else {
        let sum = (x.0 + y.0, x.1 + y.1);
        quotient(x, sum)
    }
}

/// Return the range of `x^y`. For x >= 0 it is monotone in each operand, so its extremes lie at the corners.
#[inline(always)]
fn raised<T: Real>(x: Interval<T>, y: Interval<T>) -> Interval<T> {
    let at = |x: T, y: T| T::of(pow(x.double(), y.double()));
    let widened = |(l, h): Interval<T>| (l.below(), h.above());
    let floor = |x: f64| libm::floor(x);
    let whole = y.0 == y.1 && floor(y.0.double()) == y.0.double();
    // A power of 0, or of 1, is a number whatever the other operand is, and would hide that the other may be NaN.
    if x.0.is_nan() || x.1.is_nan() || y.0.is_nan() || y.1.is_nan() {
        undefined()
    } else if x.0 >= T::ZERO {
        // At 0 a negative power is infinite. 0^0 is 1, as the corners say.
        if x.0 == T::ZERO && y.0 < T::ZERO {
            return (T::ZERO, T::INFINITY);
        }
        let (l, h) = widened(corners(at(x.0, y.0), at(x.0, y.1), at(x.1, y.0), at(x.1, y.1)));
        (max(l, T::ZERO), h)
    } else if whole && y.0 >= T::ZERO {
        let half = 0.5 * y.0.double();
        if floor(half) != half {
            widened((at(x.0, y.0), at(x.1, y.0)))
        } else {
            let (l, h) = size(x);
            widened((at(l, y.0), at(h, y.0)))
        }
    } else {
        undefined()
    }
}

/// Return the range of sine or cosine: its ends, and 1 or -1 where a crest or a trough lies between them. `crest` is
/// the place of the first crest, in turns.
#[inline(always)]
fn wave<T: Real>((l, h): Interval<T>, f: Unary, crest: f64) -> Interval<T> {
    if !(l.is_finite() && h.is_finite()) {
        return undefined();
    }
    let turns = |x: T| x.double() / std::f64::consts::TAU;
    // A crest lies inside if the numbers of turns from it differ. The slack covers the rounding of the division.
    let passes = |offset: f64| {
        let slack = 1e-12 * (1.0 + turns(h).abs().max(turns(l).abs()));
        libm::floor(turns(h) - offset + slack) > libm::floor(turns(l) - offset - slack)
    };
    let (a, b) = (T::of(scalar_unary(f, l.double())), T::of(scalar_unary(f, h.double())));
    let low = if passes(crest + 0.5) { -T::ONE } else { min(a, b).below() };
    let high = if passes(crest) { T::ONE } else { max(a, b).above() };
    (low, high)
}
