//! Evaluation of a program over lanes of cells, and at one point in double precision.

use super::graph::{Binary, Unary};
use super::instruction::{Instruction, LANES, Op, Register, WideRegister};
use super::math::{exp_f64, expm1, ln_f64, log1p, pow};
use super::real::Real;
use super::simd::{Level, at_level};

/// Lanes that are always computed together.
pub(super) const GROUP: usize = 16;

/// Run code over the first `n` lanes of the registers.
pub fn run(code: &[Instruction], registers: &mut [Register], wide: &mut [WideRegister], n: usize, level: Level) {
    at_level!(
        level,
        run_body(code: &[Instruction], registers: &mut [Register], wide: &mut [WideRegister], n: usize)
    );
}

#[inline(always)]
fn run_body(code: &[Instruction], registers: &mut [Register], wide: &mut [WideRegister], n: usize) {
    let groups = n.div_ceil(GROUP).min(LANES / GROUP);
    for line in code {
        match line.op {
            Op::Widen => convert(&mut wide[line.to as usize], &registers[line.from[0] as usize], groups, f64::from),
            Op::Narrow => convert(&mut registers[line.to as usize], &wide[line.from[0] as usize], groups, |x| x as f32),
            _ if line.wide => apply(line, wide, groups),
            _ => apply(line, registers, groups),
        }
    }
}

/// Apply one operation to registers of one precision.
#[inline(always)]
fn apply<T: Real>(line: &Instruction, registers: &mut [[T; LANES]], groups: usize) {
    let (before, after) = registers.split_at_mut(line.to as usize);
    let to = &mut after[0];
    let x = &before[line.from[0] as usize];
    match line.op {
        Op::Widen | Op::Narrow => {}
        Op::Unary(f) => match f {
            Unary::Neg => map(to, x, groups, |x| -x),
            Unary::Abs => map(to, x, groups, T::abs),
            Unary::Sqrt => map(to, x, groups, T::sqrt),
            Unary::Square => map(to, x, groups, |x| power(x, 2)),
            Unary::Reciprocal => map(to, x, groups, |x| T::ONE / x),
            Unary::Exp => map(to, x, groups, T::exp),
            Unary::Log => map(to, x, groups, |x| T::of(ln_f64(x.double()))),
            Unary::Exp2 => map(to, x, groups, |x| T::of(scalar_unary(Unary::Exp2, x.double()))),
            Unary::Expm1 => map(to, x, groups, |x| T::of(scalar_unary(Unary::Expm1, x.double()))),
            Unary::Log2 => map(to, x, groups, |x| T::of(scalar_unary(Unary::Log2, x.double()))),
            Unary::Log10 => map(to, x, groups, |x| T::of(scalar_unary(Unary::Log10, x.double()))),
            Unary::Log1p => map(to, x, groups, |x| T::of(scalar_unary(Unary::Log1p, x.double()))),
            Unary::Tanh => map(to, x, groups, |x| T::of(scalar_unary(Unary::Tanh, x.double()))),
            Unary::Not => map(to, x, groups, |x| flag(x == T::ZERO)),
            Unary::Sign => map(to, x, groups, sign),
            Unary::Cbrt | Unary::Sin | Unary::Cos | Unary::Floor | Unary::Ceil => {
                map(to, x, groups, |x| T::of(scalar_unary(f, x.double())));
            }
        },
        Op::Power(p) => map(to, x, groups, |x| power(x, p)),
        Op::Binary(f) => {
            let y = &before[line.from[1] as usize];
            match f {
                Binary::Add => zip(to, x, y, groups, |x, y| x + y),
                Binary::Sub => zip(to, x, y, groups, |x, y| x - y),
                Binary::Mul => zip(to, x, y, groups, |x, y| x * y),
                Binary::Div => zip(to, x, y, groups, |x, y| x / y),
                Binary::Min => zip(to, x, y, groups, min),
                Binary::Max => zip(to, x, y, groups, max),
                Binary::Pow => zip(to, x, y, groups, |x, y| T::of(pow(x.double(), y.double()))),
                Binary::Lt => zip(to, x, y, groups, |x, y| flag(x < y)),
                Binary::Le => zip(to, x, y, groups, |x, y| flag(x <= y)),
                Binary::Gt => zip(to, x, y, groups, |x, y| flag(x > y)),
                Binary::Ge => zip(to, x, y, groups, |x, y| flag(x >= y)),
                Binary::Eq => zip(to, x, y, groups, |x, y| flag(x == y)),
                Binary::Ne => zip(to, x, y, groups, |x, y| flag(x != y)),
                Binary::And => zip(to, x, y, groups, |x, y| flag(x != T::ZERO && y != T::ZERO)),
                Binary::Or => zip(to, x, y, groups, |x, y| flag(x != T::ZERO || y != T::ZERO)),
            }
        }
        Op::Ratio => zip(to, x, &before[line.from[1] as usize], groups, |x, y| x / (x + y)),
        Op::Where => {
            let (y, z) = (&before[line.from[1] as usize], &before[line.from[2] as usize]);
            for i in 0..groups {
                let range = i * GROUP..(i + 1) * GROUP;
                for (((to, c), y), z) in
                    to[range.clone()].iter_mut().zip(&x[range.clone()]).zip(&y[range.clone()]).zip(&z[range])
                {
                    *to = if *c != T::ZERO { *y } else { *z };
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn convert<T: Copy, U: Copy>(to: &mut [U; LANES], x: &[T; LANES], groups: usize, f: impl Fn(T) -> U) {
    for (to, x) in to.iter_mut().zip(x).take(groups * GROUP) {
        *to = f(*x);
    }
}

#[inline(always)]
fn map<T: Real>(to: &mut [T; LANES], x: &[T; LANES], groups: usize, f: impl Fn(T) -> T) {
    let (to, _) = to.as_chunks_mut::<GROUP>();
    let (x, _) = x.as_chunks::<GROUP>();
    for (to, x) in to.iter_mut().zip(x).take(groups) {
        for (to, x) in to.iter_mut().zip(x) {
            *to = f(*x);
        }
    }
}

#[inline(always)]
fn zip<T: Real>(to: &mut [T; LANES], x: &[T; LANES], y: &[T; LANES], groups: usize, f: impl Fn(T, T) -> T) {
    let (to, _) = to.as_chunks_mut::<GROUP>();
    let (x, _) = x.as_chunks::<GROUP>();
    let (y, _) = y.as_chunks::<GROUP>();
    for ((to, x), y) in to.iter_mut().zip(x).zip(y).take(groups) {
        for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
            *to = f(*x, *y);
        }
    }
}

#[inline(always)]
pub(super) fn flag<T: Real>(holds: bool) -> T {
    if holds { T::ONE } else { T::ZERO }
}

/// Return the lesser of two, or NaN if either is.
#[inline(always)]
pub(super) fn min<T: Real>(x: T, y: T) -> T {
    if x < y || x.is_nan() { x } else { y }
}

/// Return the greater of two, or NaN if either is.
#[inline(always)]
pub(super) fn max<T: Real>(x: T, y: T) -> T {
    if x > y || x.is_nan() { x } else { y }
}

#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

/// Compute a whole power by the same products in every mode.
#[inline(always)]
pub(super) fn power<T: Real>(x: T, n: u8) -> T {
    let square = x * x;
    match n {
        2 => square,
        3 => square * x,
        4 => square * square,
        5 => square * square * x,
        6 => square * square * square,
        7 => square * square * square * x,
        _ => (square * square) * (square * square),
    }
}

/// Run code at one point in double precision. The wide registers begin at `wide`.
pub fn run_scalar(code: &[Instruction], registers: &mut [f64], wide: usize) {
    for line in code {
        let file = |is_wide: bool| if is_wide { wide } else { 0 };
        let (from, to) = match line.op {
            Op::Widen => (0, wide),
            Op::Narrow => (wide, 0),
            _ => (file(line.wide), file(line.wide)),
        };
        let operand = |i: usize| registers[from + line.from[i] as usize];
        let x = operand(0);
        registers[to + line.to as usize] = match line.op {
            Op::Widen | Op::Narrow => x,
            Op::Unary(f) => scalar_unary(f, x),
            Op::Binary(f) => scalar_binary(f, x, operand(1)),
            Op::Where => {
                if x != 0.0 {
                    operand(1)
                } else {
                    operand(2)
                }
            }
            Op::Ratio => x / (x + operand(1)),
            Op::Power(n) => libm::pow(x, f64::from(n)),
        };
    }
}

#[inline(always)]
pub(super) fn scalar_unary(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => libm::sqrt(x),
        Unary::Cbrt => libm::cbrt(x),
        Unary::Square => libm::pow(x, 2.0),
        Unary::Reciprocal => 1.0 / x,
        Unary::Exp => exp_f64(x),
        Unary::Exp2 => exp_f64(x * std::f64::consts::LN_2),
        Unary::Expm1 => expm1(x),
        Unary::Log => ln_f64(x),
        Unary::Log2 => ln_f64(x) * std::f64::consts::LOG2_E,
        Unary::Log10 => ln_f64(x) * std::f64::consts::LOG10_E,
        Unary::Log1p => log1p(x),
        Unary::Sin => libm::sin(x),
        Unary::Cos => libm::cos(x),
        Unary::Tanh => {
            // Beyond 20 the quotient is 1 to the last place, and the exponential would overflow.
            let t = expm1(2.0 * x.max(-20.0).min(20.0));
            if x.is_nan() { x } else { t / (t + 2.0) }
        }
        Unary::Floor => libm::floor(x),
        Unary::Ceil => libm::ceil(x),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        Unary::Not => f64::from(u8::from(x == 0.0)),
    }
}

fn scalar_binary(f: Binary, x: f64, y: f64) -> f64 {
    let flag = |holds: bool| f64::from(u8::from(holds));
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Min => {
            if x < y || x.is_nan() {
                x
            } else {
                y
            }
        }
        Binary::Max => {
            if x > y || x.is_nan() {
                x
            } else {
                y
            }
        }
        Binary::Pow => pow(x, y),
        Binary::Lt => flag(x < y),
        Binary::Le => flag(x <= y),
        Binary::Gt => flag(x > y),
        Binary::Ge => flag(x >= y),
        Binary::Eq => flag(x == y),
        Binary::Ne => flag(x != y),
        Binary::And => flag(x != 0.0 && y != 0.0),
        Binary::Or => flag(x != 0.0 || y != 0.0),
    }
}
