//! The link between a worker and the caller's control.

use super::Control;
use super::memory_use::MemoryUse;
use std::sync::atomic::Ordering;

/// A worker's side of the control that it shares with the caller and with other workers.
pub(super) struct Monitor<'c> {
    pub(super) control: &'c Control,
    pub(super) memory: MemoryUse<'c>,
    /// The number of the last request for snapshots that this worker answered.
    answered: u64,
}

impl<'c> Monitor<'c> {
    pub(super) fn new(control: &'c Control) -> Self {
        Self { control, memory: MemoryUse::new(control), answered: 0 }
    }

    /// Return whether the caller ended the run, or another replicate failed.
    pub(super) fn is_cancelled(&self) -> bool {
        self.control.cancel.load(Ordering::Relaxed)
    }

    /// Return whether snapshots were requested since the last call.
    pub(super) fn is_snapshot_requested(&mut self) -> bool {
        let requested = self.control.snapshot_requests.load(Ordering::Relaxed);
        std::mem::replace(&mut self.answered, requested) != requested
    }
}
