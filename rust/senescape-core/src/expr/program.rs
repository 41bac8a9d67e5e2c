//! The compiled program: instructions on registers, with parameters still open.

use super::ir::{Binary, Input, Unary};
use std::fmt::Write as _;

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
    /// A whole power from 1 to [`Op::MOST_POWER`], by products.
    Power(u8),
}

impl Op {
    /// The greatest whole power that is computed by products.
    pub const MOST_POWER: u8 = 8;

    /// The number of operands.
    #[must_use]
    pub const fn arity(self) -> usize {
        match self {
            Self::Unary(_) | Self::Power(_) => 1,
            Self::Binary(_) | Self::Ratio => 2,
            Self::Where => 3,
        }
    }

    /// The cheaper operation of one operand that a power with this exponent is.
    #[must_use]
    pub fn of_exponent(exponent: f64) -> Option<Self> {
        if exponent == 0.5 {
            return Some(Self::Unary(Unary::Sqrt));
        }
        if exponent == -1.0 {
            return Some(Self::Unary(Unary::Reciprocal));
        }
        (1..=Self::MOST_POWER).find(|n| f64::from(*n) == exponent).map(Self::Power)
    }

    fn name(self) -> String {
        match self {
            Self::Unary(f) => f.name().into(),
            Self::Binary(f) => f.name().into(),
            Self::Where => "where".into(),
            Self::Ratio => "ratio".into(),
            Self::Power(n) => format!("power{n}"),
        }
    }
}

/// Where an operand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A register: a value for each lane.
    Lanes(u32),
    /// A value of the static part, the same for all lanes.
    Fixed(u32),
}

/// One instruction. It never writes a register that it reads, so that loops over lanes need not fear overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// The register that the result goes to.
    pub to: u32,
    /// Where the operands are.
    pub from: [Place; 3],
}

/// One step of the static part; its value goes to the place of the step's own number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A number.
    Const(f64),
    /// A parameter.
    Param(u32),
    /// An operation on earlier steps.
    Apply(Op, [u32; 3]),
}

/// A compiled set of rules with parameters still open. Bind it by [`Program::bind`].
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// What depends on constants and parameters only: run once a binding, in double precision.
    pub(super) steps: Vec<Step>,
    /// The steps that the varying code reads, in the order of [`Place::Fixed`].
    pub(super) fixed: Vec<u32>,
    /// What the first registers hold.
    pub(super) inputs: Vec<Input>,
    pub(super) code: Vec<Instruction>,
    pub(super) registers: u32,
    pub(super) outputs: Vec<Place>,
}

impl Program {
    /// What the program reads, in the order of its input registers.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The program in words, for people and for snapshots: inputs, the static part (`s`, once a binding), and the code on
    /// registers (`r`, for each cell).
    #[must_use]
    pub fn listing(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        for (i, input) in self.inputs.iter().enumerate() {
            let _ = writeln!(out, "r{i} = {input}");
        }
        for (i, step) in self.steps.iter().enumerate() {
            let _ = match step {
                Step::Const(value) => writeln!(out, "s{i} = {value:?}"),
                Step::Param(index) => writeln!(out, "s{i} = param {index}"),
                Step::Apply(op, from) => {
                    let operands: String = from[..op.arity()].iter().map(|x| format!(" s{x}")).collect();
                    writeln!(out, "s{i} = {}{operands}", op.name())
                }
            };
        }
        for line in &self.code {
            let operands: String = line.from[..line.op.arity()].iter().map(|x| format!(" {}", self.show(*x))).collect();
            let _ = writeln!(out, "r{} = {}{operands}", line.to, line.op.name());
        }
        for (i, place) in self.outputs.iter().enumerate() {
            let _ = writeln!(out, "output {i} = {}", self.show(*place));
        }
        out
    }

    fn show(&self, place: Place) -> String {
        match place {
            Place::Lanes(register) => format!("r{register}"),
            Place::Fixed(i) => format!("s{}", self.fixed[i as usize]),
        }
    }
}
