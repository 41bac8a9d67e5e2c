//! The control that a caller and a run share.

use super::Snapshot;
use crate::recording::{Profile, Record};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// The control that a caller shares with a run. A panic poisons no lock, because no thread leaves shared data half
/// changed.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to end the run at the next check. Finished replicates are kept.
    pub cancel: AtomicBool,
    /// The number of replicates finished so far.
    pub finished: AtomicU64,
    /// The time of the finished replicates, by kind of work.
    pub profile: Mutex<Profile>,
    /// The memory of all cells (bytes), counted if there is a limit.
    pub memory: AtomicU64,
    /// The number of requests for snapshots. Add one to request a snapshot of every unfinished replicate.
    pub snapshot_requests: AtomicU64,
    /// The latest snapshots, by replicate. At the end, those at the horizon, if the run returns them.
    pub snapshots: Mutex<BTreeMap<u64, Snapshot>>,
    /// Finished replicates, if snapshots may be requested.
    pub records: Mutex<Vec<Record>>,
}
