//! Interval evaluation of a program: the range of its outputs over a box of inputs.
//!
//! Rounding to nearest keeps order: if `a <= b` then `fl(a + c) <= fl(b + c)`. So the operations that IEEE 754 rounds
//! exactly, applied to the ends of the intervals, already hold every value that evaluation gives, with nothing added.
//! Functions that are only approximated are widened by more than their error.
//!
//! An end that is infinite says that values reach infinity; where a value may be undefined (0/0, infinity less infinity, the
//! root of a negative number) an end is NaN, and stays so in whatever is computed from it, but for comparisons, whose
//! values are never NaN. So a function that squashes its argument cannot hide it.

use super::eval::{GROUP, at_level, flag, max, min, power, scalar_unary};
use super::ir::{Binary, Unary};
use super::math::{EXP_F32_SLACK, exp_f32, pow};
use super::program::{Instruction, LANES, Op, Register};

type Interval = (f32, f32);

const UNDEFINED: Interval = (f32::NAN, f32::NAN);

/// Run code over the first `n` lanes of the intervals.
pub fn run(code: &[Instruction], low: &mut [Register], high: &mut [Register], n: usize, level: super::eval::Level) {
    at_level!(level, run_body(code: &[Instruction], low: &mut [Register], high: &mut [Register], n: usize));
}

#[inline(always)]
fn run_body(code: &[Instruction], low: &mut [Register], high: &mut [Register], n: usize) {
    let groups = n.div_ceil(GROUP).min(LANES / GROUP);
    for line in code {
        let (low_before, low_after) = low.split_at_mut(line.to as usize);
        let (high_before, high_after) = high.split_at_mut(line.to as usize);
        let mut to = Slot { low: &mut low_after[0], high: &mut high_after[0], groups };
        let operand = |i: usize| {
            let register = line.from[i] as usize;
            (&low_before[register], &high_before[register])
        };
        let x = operand(0);
        match line.op {
            Op::Unary(f) => unary(&mut to, f, x),
            Op::Power(p) => whole_power(&mut to, x, p),
            Op::Binary(f) => binary(&mut to, f, x, operand(1)),
            Op::Ratio => to.zip(x, operand(1), ratio),
            Op::Where => {
                let (y, z) = (operand(1), operand(2));
                for lane in 0..groups * GROUP {
                    let (yes, no) = ((y.0[lane], y.1[lane]), (z.0[lane], z.1[lane]));
                    let (l, h) = match (x.0[lane], x.1[lane]) {
                        (0.0, 0.0) => no,
                        (l, h) if l > 0.0 || h < 0.0 => yes,
                        _ => (min(yes.0, no.0), max(yes.1, no.1)),
                    };
                    (to.low[lane], to.high[lane]) = (l, h);
                }
            }
        }
    }
}

/// Where a result goes.
struct Slot<'a> {
    low: &'a mut Register,
    high: &'a mut Register,
    groups: usize,
}

type Operand<'a> = (&'a Register, &'a Register);

impl Slot<'_> {
    #[inline(always)]
    fn map(&mut self, x: Operand<'_>, f: impl Fn(Interval) -> Interval) {
        let (low, high) = (self.low.as_chunks_mut::<GROUP>().0, self.high.as_chunks_mut::<GROUP>().0);
        let (xl, xh) = (x.0.as_chunks::<GROUP>().0, x.1.as_chunks::<GROUP>().0);
        for (((low, high), xl), xh) in low.iter_mut().zip(high).zip(xl).zip(xh).take(self.groups) {
            for i in 0..GROUP {
                (low[i], high[i]) = f((xl[i], xh[i]));
            }
        }
    }

    #[inline(always)]
    fn zip(&mut self, x: Operand<'_>, y: Operand<'_>, f: impl Fn(Interval, Interval) -> Interval) {
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

    /// As [`Slot::zip`], with a cheaper formula for groups of lanes in which it holds.
    #[inline(always)]
    fn zip_fast(
        &mut self,
        x: Operand<'_>,
        y: Operand<'_>,
        holds: impl Fn(Interval, Interval) -> bool,
        fast: impl Fn(Interval, Interval) -> Interval,
        slow: impl Fn(Interval, Interval) -> Interval,
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
fn unary(to: &mut Slot<'_>, f: Unary, x: Operand<'_>) {
    match f {
        Unary::Neg => to.map(x, |(l, h)| (-h, -l)),
        Unary::Abs => to.map(x, size),
        Unary::Sqrt => to.map(x, |(l, h)| (l.sqrt(), h.sqrt())),
        Unary::Square => whole_power(to, x, 2),
        Unary::Reciprocal => to.map(x, |x| quotient((1.0, 1.0), x)),
        Unary::Exp => to.map(x, |(l, h)| {
            let (l, h) = (exp_f32(l), exp_f32(h));
            // The absolute part covers results below the smallest normal number.
            (max(l * (1.0 - EXP_F32_SLACK) - 1e-44, 0.0), h + h * EXP_F32_SLACK + 1e-44)
        }),
        Unary::Sign | Unary::Floor | Unary::Ceil => to.map(x, |(l, h)| rounded(f, l, h, 0)),
        Unary::Cbrt
        | Unary::Exp2
        | Unary::Expm1
        | Unary::Log
        | Unary::Log2
        | Unary::Log10
        | Unary::Log1p
        | Unary::Tanh => to.map(x, |(l, h)| rounded(f, l, h, 1)),
        Unary::Sin => to.map(x, |x| wave(x, Unary::Sin, 0.25)),
        Unary::Cos => to.map(x, |x| wave(x, Unary::Cos, 0.0)),
        Unary::Not => to.map(x, |x| compared(x, x, x.0 == 0.0 && x.1 == 0.0, x.0 <= 0.0 && x.1 >= 0.0)),
    }
}

#[inline(always)]
fn whole_power(to: &mut Slot<'_>, x: Operand<'_>, p: u8) {
    match p % 2 {
        0 => to.map(x, |x| {
            let (l, h) = size(x);
            (power(l, p), power(h, p))
        }),
        _ => to.map(x, |(l, h)| (power(l, p), power(h, p))),
    }
}

/// The ends of an increasing function, widened by so many units in the last place.
#[inline(always)]
fn rounded(f: Unary, l: f32, h: f32, units: u32) -> Interval {
    let (mut low, mut high) = (scalar_unary(f, f64::from(l)) as f32, scalar_unary(f, f64::from(h)) as f32);
    for _ in 0..units {
        low = low.next_down();
        high = high.next_up();
    }
    (low, high)
}

#[inline(always)]
fn binary(to: &mut Slot<'_>, f: Binary, x: Operand<'_>, y: Operand<'_>) {
    match f {
        Binary::Add => to.zip(x, y, |x, y| defined((x.0 + y.0, x.1 + y.1))),
        Binary::Sub => to.zip(x, y, |x, y| defined((x.0 - y.1, x.1 - y.0))),
        Binary::Mul => to.zip_fast(
            x,
            y,
            |x, y| x.0 >= 0.0 && y.0 >= 0.0 && x.1 < f32::INFINITY && y.1 < f32::INFINITY,
            |x, y| (x.0 * y.0, x.1 * y.1),
            |x, y| defined(corners(x.0 * y.0, x.0 * y.1, x.1 * y.0, x.1 * y.1)),
        ),
        Binary::Div => to.zip_fast(
            x,
            y,
            |x, y| x.0 >= 0.0 && y.0 > 0.0 && y.1 < f32::INFINITY,
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

/// A sum or product that reaches both infinities may be infinity less infinity, or zero times infinity.
#[inline(always)]
fn defined(x: Interval) -> Interval {
    if x.0 == f32::NEG_INFINITY && x.1 == f32::INFINITY { UNDEFINED } else { x }
}

/// A comparison that surely holds, or possibly; either, where an operand may be NaN.
#[inline(always)]
fn compared(x: Interval, y: Interval, sure: bool, possible: bool) -> Interval {
    let undefined = x.0.is_nan() || x.1.is_nan() || y.0.is_nan() || y.1.is_nan();
    (flag(sure && !undefined), flag(possible || undefined))
}

/// Whether both intervals are one and the same point.
#[inline(always)]
fn same(x: Interval, y: Interval) -> bool {
    x.0 == x.1 && y.0 == y.1 && x.0 == y.0
}

/// Whether no value of the interval is zero.
#[inline(always)]
fn sure(x: Interval) -> bool {
    x.0 > 0.0 || x.1 < 0.0
}

/// Whether some value may differ from zero.
#[inline(always)]
fn possible(x: Interval) -> bool {
    !(x.0 == 0.0 && x.1 == 0.0)
}

/// The range of the absolute value.
#[inline(always)]
fn size((l, h): Interval) -> Interval {
    let most = max(-l, h);
    let least = if l > 0.0 {
        l
    } else if h < 0.0 {
        -h
    } else {
        0.0
    };
    (if most.is_nan() { most } else { least }, most)
}

/// The least and the greatest of four; NaN if any is.
#[inline(always)]
fn corners(a: f32, b: f32, c: f32, d: f32) -> Interval {
    (min(min(a, b), min(c, d)), max(max(a, b), max(c, d)))
}

#[inline(always)]
fn quotient(x: Interval, y: Interval) -> Interval {
    if y.0 > 0.0 || y.1 < 0.0 { corners(x.0 / y.0, x.0 / y.1, x.1 / y.0, x.1 / y.1) } else { UNDEFINED }
}

/// `x / (x + y)`: for operands that are not negative it grows with x and falls with y.
#[inline(always)]
fn ratio(x: Interval, y: Interval) -> Interval {
    // x stands twice, so rounding may break the order by a few units: widen by more than that.
    const SLACK: f32 = 4e-7;
    if x.0 == 0.0 && y.0 == 0.0 {
        UNDEFINED
    } else if x.0 >= 0.0 && y.0 >= 0.0 && x.1 + y.1 < f32::INFINITY {
        let low = x.0 / (x.0 + y.1);
        let high = x.1 / (x.1 + y.0);
        (low - low * SLACK, min(high + high * SLACK + 1e-44, max(high, 1.0)))
    } else {
        let sum = (x.0 + y.0, x.1 + y.1);
        quotient(x, sum)
    }
}

/// `x^y`. For x >= 0 it is monotone in each operand, so its extremes stand at the corners.
#[inline(always)]
fn raised(x: Interval, y: Interval) -> Interval {
    let at = |x: f32, y: f32| pow(f64::from(x), f64::from(y)) as f32;
    let widened = |(l, h): Interval| (l.next_down(), h.next_up());
    let whole = y.0 == y.1 && y.0.floor() == y.0;
    // A power of 0, or of 1, is a number whatever the other operand: it would hide that the other may be none.
    if x.0.is_nan() || x.1.is_nan() || y.0.is_nan() || y.1.is_nan() {
        UNDEFINED
    } else if x.0 >= 0.0 {
        let (l, h) = widened(corners(at(x.0, y.0), at(x.0, y.1), at(x.1, y.0), at(x.1, y.1)));
        // At 0 the power jumps: 0^y is 0, 1 or infinite by the sign of y.
        let jump = x.0 == 0.0 && y.0 <= 0.0;
        if jump { (0.0, f32::INFINITY) } else { (max(l, 0.0), h) }
    } else if whole && y.0 >= 0.0 {
        let odd = (y.0 * 0.5).floor() != y.0 * 0.5;
        if odd {
            widened((at(x.0, y.0), at(x.1, y.0)))
        } else {
            let (l, h) = size(x);
            widened((at(l, y.0), at(h, y.0)))
        }
    } else {
        UNDEFINED
    }
}

/// Sine or cosine: its ends, and 1 or -1 where a crest or trough lies between. `crest` is where the first crest lies, in
/// turns.
#[inline(always)]
fn wave((l, h): Interval, f: Unary, crest: f64) -> Interval {
    if !(l.is_finite() && h.is_finite()) {
        return UNDEFINED;
    }
    let turns = |x: f32| f64::from(x) / std::f64::consts::TAU;
    // A crest lies inside if the turns counted from one differ; a little is given for the rounding of the division.
    let passes = |offset: f64| {
        let slack = 1e-12 * (1.0 + turns(h).abs().max(turns(l).abs()));
        libm::floor(turns(h) - offset + slack) > libm::floor(turns(l) - offset - slack)
    };
    let (a, b) = (scalar_unary(f, f64::from(l)) as f32, scalar_unary(f, f64::from(h)) as f32);
    let low = if passes(crest + 0.5) { -1.0 } else { min(a, b).next_down() };
    let high = if passes(crest) { 1.0 } else { max(a, b).next_up() };
    (low, high)
}
