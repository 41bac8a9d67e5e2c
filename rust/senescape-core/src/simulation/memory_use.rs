//! The memory that cells take, counted among all workers.

use super::Control;
use std::sync::atomic::Ordering;

/// The memory of a worker's cells at its last report (bytes), counted among that of all workers.
pub(super) struct MemoryUse<'c> {
    pub(super) bytes: u64,
    control: &'c Control,
}

impl<'c> MemoryUse<'c> {
    pub(super) fn new(control: &'c Control) -> Self {
        Self { bytes: 0, control }
    }

    /// Report the memory of this worker's cells (bytes). Returns that of all workers together.
    pub(super) fn report(&mut self, bytes: u64) -> u64 {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // Wrapping, because the sum holds `before`: it cannot fall below zero.
        let change = bytes.wrapping_sub(before);
        self.control.memory.fetch_add(change, Ordering::Relaxed).wrapping_add(change)
    }
}

impl Drop for MemoryUse<'_> {
    /// Release what the worker had: a run may have more workers than threads, one after another.
    fn drop(&mut self) {
        self.control.memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
