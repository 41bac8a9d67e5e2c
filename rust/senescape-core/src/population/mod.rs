//! Cells: their tables, a handful of them side by side, and how their traits move.

pub mod flow;
pub mod lanes;
pub mod table;
