//! What a replicate leaves behind: events, sums, counters and the record.

mod counters;
mod event_counts;
mod exact_sum;
mod profile;
mod record;

pub use counters::Counters;
pub use event_counts::EventCounts;
pub(crate) use event_counts::cells_after;
pub use exact_sum::ExactSum;
pub use profile::{FateProfile, Meter, Profile};
pub(crate) use record::End;
pub use record::{Record, Stop};
