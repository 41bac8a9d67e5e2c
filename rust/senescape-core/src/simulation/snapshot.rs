//! Tumours between two epochs, in memory and as bytes.

use crate::error::Error;
use crate::population::Table;
use crate::recording::{Account, Tally};
use serde::{Deserialize, Serialize};

/// A tumour at the edge of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Which replicate.
    pub replicate: u64,
    /// The time (h).
    pub time: f64,
    pub(super) tables: Vec<Table>,
    pub(super) account: Account,
    pub(super) pools: Vec<f64>,
    pub(super) observables: Vec<f64>,
    pub(super) pool_state: Vec<f64>,
    pub(super) measured: Vec<f64>,
    pub(super) trend: Vec<f64>,
    pub(super) first_event: Vec<f64>,
    pub(super) last_death: f64,
    pub(super) tally: Tally,
    pub(super) seen: usize,
}

impl State {
    /// As bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if memory runs out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(self).map_err(|error| Error::Internal(format!("a state cannot be written: {error}")))
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Error::Run`] if they are not a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (state, rest) = postcard::take_from_bytes::<Self>(bytes)
            .map_err(|error| Error::Run(format!("a kept tumour is damaged: {error}")))?;
        if rest.is_empty() {
            Ok(state)
        } else {
            Err(Error::Run(format!("a kept tumour is damaged: {} bytes too many", rest.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        assert!(State::from_bytes(&[]).is_err());
        assert!(State::from_bytes(&[0xff; 64]).is_err());
        let state = State {
            replicate: 3,
            time: 24.0,
            tables: vec![Table::new(2, 64)],
            account: Account::default(),
            pools: vec![1.0],
            observables: vec![f64::NAN],
            pool_state: vec![1.0],
            measured: vec![],
            trend: vec![],
            first_event: vec![f64::NAN],
            last_death: f64::NAN,
            tally: Tally::default(),
            seen: 1,
        };
        let bytes = state.to_bytes().unwrap_or_default();
        let again = State::from_bytes(&bytes).ok();
        // NaN is not equal to itself; its bytes are.
        assert_eq!(again.and_then(|state| state.to_bytes().ok()), Some(bytes.clone()));
        for cut in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(State::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}
