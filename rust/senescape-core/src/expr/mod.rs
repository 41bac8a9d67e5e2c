//! Rules as expressions: an intermediate form ([`Graph`]), compiled to a register program ([`Program`]), bound to
//! parameter values ([`Bound`]) and evaluated over lanes of cells, for values and for interval bounds.
//!
//! What the engine leans on: for inputs inside a box, every value that [`Bound::values`] computes lies inside the
//! interval that [`Bound::bounds`] computes for the box. Where a value could be undefined (NaN), the upper end is
//! infinite or NaN, never a finite number.

mod allocate;
mod bound;
mod bounds;
mod compile;
mod error;
mod eval;
mod interval;
mod ir;
mod level;
pub mod math;
mod math32;
mod program;
mod scalar;

pub use bound::{Bound, Frame, IntervalFrame, LANES, Register};
pub use error::ExprError;
pub use ir::{Binary, Dims, Graph, Input, Limits, Node, NodeId, Unary};
pub use program::Program;
