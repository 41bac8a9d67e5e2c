//! The models and runs of `tests/kept`, for integration tests.

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

/// Return their folder.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept")
}

impl Case {
    /// Load one of them.
    pub fn load(name: &str) -> Self {
        let path = folder().join(name).with_extension("json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Return the job of the model with its run, or a changed one.
    pub fn job(&self, change: impl FnOnce(&mut RunDocument)) -> Job {
        let mut run = self.run.clone();
        change(&mut run);
        Job::new(&self.model, run, self.columns.clone()).unwrap()
    }
}
