//! Rules as expressions: an intermediate form ([`Graph`]), compiled to a register program ([`Program`]), bound to
//! parameter values ([`Bound`]) and evaluated over lanes of cells, for values and for interval bounds.

mod compile;
pub mod course;
mod error;
mod eval;
mod graph;
mod interval;
pub mod math;
mod program;
mod real;

pub use error::ExprError;
pub use eval::Level;
pub(crate) use eval::at_level;
pub use graph::{Binary, Dims, Graph, Input, Limits, Node, NodeId, Unary};
pub use program::{Bound, Frame, IntervalFrame, LANES, Program, Register, WideRegister};

#[cfg(test)]
mod tests;
