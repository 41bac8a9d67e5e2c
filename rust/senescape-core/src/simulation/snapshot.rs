//! Snapshots of a replicate, in memory and as bytes (postcard).

use crate::error::Error;
use crate::population::Table;
use crate::recording::{Counters, EventCounts};
use serde::{Deserialize, Serialize};

/// A replicate at the edge of an epoch: everything that is needed to go on from there as if nothing had happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The replicate.
    pub replicate: u64,
    /// The time (h).
    pub time: f64,
    pub(super) tables: Vec<Table>,
    pub(super) events: EventCounts,
    pub(super) pools: Vec<f64>,
    pub(super) observables: Vec<f64>,
    pub(super) pool_state: Vec<f64>,
    pub(super) aggregates: Vec<f64>,
    pub(super) slopes: Vec<f64>,
    pub(super) first_event: Vec<f64>,
    pub(super) last_death: f64,
    pub(super) counters: Counters,
    pub(super) observed: usize,
}

impl Snapshot {
    /// Write the snapshot as bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if memory runs out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(self).map_err(|error| Error::Internal(format!("a state cannot be written: {error}")))
    }

    /// Read a snapshot from bytes.
    ///
    /// # Errors
    /// [`Error::Run`] if the bytes are not a snapshot.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (snapshot, remainder) = postcard::take_from_bytes::<Self>(bytes)
            .map_err(|error| Error::Run(format!("a kept tumour is damaged: {error}")))?;
        if remainder.is_empty() {
            Ok(snapshot)
        } else {
            Err(Error::Run(format!("a kept tumour is damaged: {} bytes too many", remainder.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_snapshot_are_refused() {
        assert!(Snapshot::from_bytes(&[]).is_err());
        assert!(Snapshot::from_bytes(&[0xff; 64]).is_err());
        let snapshot = Snapshot {
            replicate: 3,
            time: 24.0,
            tables: vec![Table::new(2, 64)],
            events: EventCounts::default(),
            pools: vec![1.0],
            observables: vec![f64::NAN],
            pool_state: vec![1.0],
            aggregates: vec![],
            slopes: vec![],
            first_event: vec![f64::NAN],
            last_death: f64::NAN,
            counters: Counters::default(),
            observed: 1,
        };
        let bytes = snapshot.to_bytes().unwrap_or_default();
        let again = Snapshot::from_bytes(&bytes).ok();
        // NaN is not equal to itself; its bytes are.
        assert_eq!(again.and_then(|snapshot| snapshot.to_bytes().ok()), Some(bytes.clone()));
        for cut in 0..bytes.len() {
            assert!(Snapshot::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(Snapshot::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}
