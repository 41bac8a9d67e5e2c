//! Evaluation at one point in double precision.

use super::ir::{Binary, Unary};
use super::math::{exp_f64, expm1, ln_f64, log1p};
use super::program::Op;

/// Apply an operation; operands that it does not take are ignored.
#[must_use]
pub fn apply(op: Op, [x, y, z]: [f64; 3]) -> f64 {
    match op {
        Op::Unary(f) => unary(f, x),
        Op::Binary(f) => binary(f, x, y),
        Op::Where if x != 0.0 => y,
        Op::Where => z,
        Op::Ratio => x / (x + y),
        Op::Power(n) => power(x, n),
    }
}

fn unary(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sqrt => libm::sqrt(x),
        Unary::Cbrt => libm::cbrt(x),
        Unary::Square => x * x,
        Unary::Reciprocal => 1.0 / x,
        Unary::Exp => exp_f64(x),
        Unary::Exp2 => libm::exp2(x),
        Unary::Expm1 => expm1(x),
        Unary::Log => ln_f64(x),
        Unary::Log2 => libm::log2(x),
        Unary::Log10 => libm::log10(x),
        Unary::Log1p => log1p(x),
        Unary::Sin => libm::sin(x),
        Unary::Cos => libm::cos(x),
        Unary::Tanh => libm::tanh(x),
        Unary::Floor => libm::floor(x),
        Unary::Ceil => libm::ceil(x),
        Unary::Sign if x > 0.0 => 1.0,
        Unary::Sign if x < 0.0 => -1.0,
        Unary::Sign => x,
        Unary::Not => flag(x == 0.0),
    }
}

fn binary(f: Binary, x: f64, y: f64) -> f64 {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Min if x < y || x.is_nan() => x,
        Binary::Max if x > y || x.is_nan() => x,
        Binary::Min | Binary::Max => y,
        // As in single precision, a base of minus zero counts as zero.
        Binary::Pow => libm::pow(x + 0.0, y),
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

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn power(x: f64, n: u8) -> f64 {
    let square = x * x;
    match n {
        1 => x,
        2 => square,
        3 => square * x,
        4 => square * square,
        5 => square * square * x,
        6 => square * square * square,
        7 => square * square * square * x,
        _ => (square * square) * (square * square),
    }
}
