//! What changes in time without the cells' doing: drugs in closed form, pools by their equations.

pub mod drug;
pub mod pools;
