//! What goes wrong in a run is an error that tells; what was finished before is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use senescape_core::document::{DoseDocument, ModelDocument, RunDocument};
use senescape_core::ensemble::{Control, Job};
use senescape_core::error::Error;
use senescape_core::outside::{Outside, Scene};
use std::collections::BTreeMap;
use std::path::Path;

/// Answers with zeros, and panics in one replicate.
struct Panics(u64);

impl Outside for Panics {
    fn rule(&self, _: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
        assert!(scene.about.replicate != self.0, "on purpose");
        Ok(vec![0.0; scene.tables[fate].rows()])
    }

    fn visit(&self, _: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        Ok(None)
    }
}

#[test]
fn a_panic_is_an_error_that_names_the_replicate() {
    #[derive(serde::Deserialize)]
    struct Case {
        model: ModelDocument,
        run: RunDocument,
        columns: Vec<Vec<f32>>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept/outside.json");
    let case: Case = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for threads in [1, 2] {
        let run = RunDocument { replicates: 8, first_replicate: 0, threads, ..case.run.clone() };
        let job = Job::new(&case.model, run, case.columns.clone()).unwrap();
        let control = Control::default();
        let outcome = job.run(&control, &Panics(5), &BTreeMap::new()).unwrap();
        let error = outcome.error.unwrap();
        assert!(matches!(error, Error::Internal(_)), "{error:?}");
        assert!(error.to_string().contains("panic in replicate 5: on purpose"), "{error}");
        assert!(outcome.records.len() < 8 && outcome.records.iter().all(|record| record.replicate != 5));
        if threads == 1 {
            assert_eq!(outcome.records.len(), 5);
        }
        // Nothing is left locked or poisoned: the same job runs again.
        let again = job.run(&Control::default(), &Panics(99), &BTreeMap::new()).unwrap();
        assert!(again.error.is_none() && again.records.len() == 8);
    }
}
