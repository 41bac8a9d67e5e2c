//! The models and runs of `tests/kept`, for tests from outside.

use senescape_core::document::{ModelDocument, RunDocument};
use senescape_core::simulation::Job;
use std::path::{Path, PathBuf};

/// A model and a run of it.
#[derive(Clone, serde::Deserialize)]
pub struct Case {
    pub model: ModelDocument,
    pub run: RunDocument,
    pub columns: Vec<Vec<f32>>,
}

/// Where they are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept")
}

impl Case {
    /// One of them.
    pub fn kept(name: &str) -> Self {
        let path = folder().join(name).with_extension("json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The model with its run, or another.
    pub fn job(&self, change: impl FnOnce(&mut RunDocument)) -> Job {
        let mut run = self.run.clone();
        change(&mut run);
        Job::new(&self.model, run, self.columns.clone()).unwrap()
    }
}
