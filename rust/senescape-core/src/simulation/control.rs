//! What a caller and a run share while it lasts.

use super::State;
use crate::recording::{Profile, Record};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What a caller shares with a run. A panic leaves no lock poisoned: nobody leaves what is in one half changed.
#[derive(Debug, Default)]
pub struct Control {
    /// Raise it to end the run at the next chance; finished replicates are kept.
    pub cancel: AtomicBool,
    /// Replicates finished so far.
    pub finished: AtomicU64,
    /// Where their time went.
    pub profile: Mutex<Profile>,
    /// Bytes that cells take, where there is a limit.
    pub memory: AtomicU64,
    /// Raise it by one to ask every tumour on its way for its state.
    pub asked: AtomicU64,
    /// The states that were given last, by replicate; at the end those of the horizon, where they are kept.
    pub states: Mutex<BTreeMap<u64, State>>,
    /// Finished replicates, where tumours on their way may be asked for.
    pub records: Mutex<Vec<Record>>,
}
