//! Instructions of a compiled program, and the registers that they read and write.

use super::graph::{Binary, Unary};

/// The number of cells that are evaluated at once.
pub const LANES: usize = 64;

/// A register for values: one lane a cell.
pub type Register = [f32; LANES];

/// A register in double precision.
pub type WideRegister = [f64; LANES];

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A function of one operand.
    Unary(Unary),
    /// A function of two operands.
    Binary(Binary),
    /// A choice.
    Where,
    /// `x / (x + y)`, whose range is known better than that of a division.
    Ratio,
    /// A whole power from 2 to 8.
    Power(u8),
    /// From single to double precision.
    Widen,
    /// From double to single precision.
    Narrow,
}

impl Op {
    /// Return the number of operands.
    #[must_use]
    pub const fn arity(self) -> usize {
        match self {
            Self::Unary(_) | Self::Power(_) | Self::Widen | Self::Narrow => 1,
            Self::Binary(_) | Self::Ratio => 2,
            Self::Where => 3,
        }
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Unary(f) => format!("{f:?}").to_lowercase(),
            Self::Binary(f) => format!("{f:?}").to_lowercase(),
            Self::Where => "where".into(),
            Self::Ratio => "ratio".into(),
            Self::Power(n) => format!("power{n}"),
            Self::Widen => "widen".into(),
            Self::Narrow => "narrow".into(),
        }
    }
}

/// One instruction. It writes a register with a higher number than those that it reads of the same precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The operation.
    pub op: Op,
    /// True if it computes in double precision.
    pub wide: bool,
    /// The register of the result.
    pub to: u32,
    /// The registers of the operands.
    pub from: [u32; 3],
}
