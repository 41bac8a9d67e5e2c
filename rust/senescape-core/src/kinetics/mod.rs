//! What changes in time by equations of its own: drug concentrations in closed form, pools by integration.

pub mod drug;
pub mod pools;
