//! Rules as expressions: a graph ([`Graph`]) is compiled to a register program ([`Program`]), bound to parameter values
//! ([`BoundProgram`]) and evaluated over lanes of cells, for values and for interval bounds.

pub mod columns;
mod compile;
pub mod course;
mod error;
mod eval;
mod graph;
mod instruction;
mod interval;
pub mod math;
mod program;
mod real;
mod simd;

pub use error::{ColumnError, ExprError};
pub use graph::{Binary, Dims, Graph, Input, Limits, Node, NodeId, Unary};
pub use instruction::{LANES, Register, WideRegister};
pub use program::{BoundProgram, Frame, IntervalFrame, Program};
pub use simd::Level;
pub(crate) use simd::at_level;

#[cfg(test)]
mod tests;
