//! Random numbers and distributions. Every draw is a function of seed, replicate, cell, draw count and purpose.

mod distribution;
mod stream;

pub use distribution::Distribution;
pub use stream::{Draws, Purpose, Stream, daughter_key, founder_key, name_key, philox, uniform};
