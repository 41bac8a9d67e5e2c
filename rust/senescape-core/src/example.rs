//! The models and runs of `tests/kept`, for unit tests.

use crate::document::{EventKind, ModelDocument, RunDocument};
use crate::error::Error;
use crate::expr::{Binary, Node, NodeId};
use crate::recording::Record;
use crate::simulation::{Control, Job, NoCallbacks};
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
    /// Load one of `tests/kept`.
    pub(crate) fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept").join(name).with_extension("json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Return the example with another run.
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

    /// Return an example with one fate whose cells never leave it: their only transition, at a constant rate (`of /
    /// by`, 1/h), leads back to it.
    pub(crate) fn constant(of: f64, by: f64) -> Self {
        let mut example = Self::load("runaway");
        (example.run.initial, example.run.replicates) = (vec![1], 1);
        let (x, y) = (example.node(Node::Const { value: of }), example.node(Node::Const { value: by }));
        let hazard = example.node(Node::Binary { f: Binary::Div, x, y });
        let transition = &mut example.model.transitions[0];
        transition.hazard = hazard;
        (transition.kind, transition.target) = (EventKind::Move, Some(0));
        example
    }

    /// Add a node for the rules.
    pub(crate) fn node(&mut self, node: Node) -> NodeId {
        let nodes = &mut self.model.nodes.nodes;
        nodes.push(node);
        NodeId::try_from(nodes.len() - 1).unwrap()
    }

    /// Run all replicates; return the first error, if there is one.
    pub(crate) fn records(&self) -> Result<Vec<Record>, Error> {
        let outcome = self.job().run(&Control::default(), &NoCallbacks, &BTreeMap::new())?;
        outcome.error.map_or(Ok(outcome.records), Err)
    }
}
