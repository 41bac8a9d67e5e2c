//! The models and runs of `tests/kept`, for unit tests.

use crate::document::{ModelDocument, RunDocument};
use crate::ensemble::{Control, Job};
use crate::error::Error;
use crate::outside::Nothing;
use crate::replicate::Record;
use std::collections::BTreeMap;
use std::path::Path;

/// A model and a run of it.
#[derive(Clone, serde::Deserialize)]
pub(crate) struct Example {
    pub(crate) model: ModelDocument,
    pub(crate) run: RunDocument,
    pub(crate) columns: Vec<Vec<f32>>,
}

impl Example {
    /// One of `tests/kept`.
    pub(crate) fn kept(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(name).with_extension("json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The same with another run.
    pub(crate) fn with(&self, change: impl FnOnce(&mut RunDocument)) -> Self {
        let mut other = self.clone();
        change(&mut other.run);
        other
    }

    pub(crate) fn try_job(&self) -> Result<Job, Error> {
        Job::new(&self.model, self.run.clone(), self.columns.clone())
    }

    pub(crate) fn job(&self) -> Job {
        self.try_job().unwrap()
    }

    /// All replicates; the first error, if there is one.
    pub(crate) fn records(&self) -> Result<Vec<Record>, Error> {
        let outcome = self.job().run(&Control::default(), &Nothing, &BTreeMap::new())?;
        outcome.error.map_or(Ok(outcome.records), Err)
    }
}
