//! The job: a model and a run of it, checked and compiled.

use crate::document::{DistDocument, ModelDocument, RunDocument, TraitDocument, check_run};
use crate::environment::Timeline;
use crate::error::Error;
use crate::model::{Model, bind};
use std::sync::Arc;

/// A model and a run, checked and ready.
pub struct Job {
    pub(super) model: Model,
    pub(super) run: RunDocument,
    pub(super) timeline: Arc<Timeline>,
    pub(super) given: Vec<Vec<f32>>,
}

/// Return the name of the trait whose first values are a given column.
fn trait_given(document: &ModelDocument, index: usize) -> String {
    let of = |each: &&TraitDocument| matches!(each.initial, DistDocument::Column { index: i } if i == index);
    document.traits.iter().find(of).map_or_else(|| format!("column {index}"), |each| format!("trait '{}'", each.name))
}

fn check_given(name: &str, column: &[f32], founders: u64) -> Result<(), Error> {
    if column.len() as u64 != founders {
        return Err(Error::Run(format!(
            "{name} was given {} values for {founders} founders; give one value a founder",
            column.len()
        )));
    }
    // The test of all values at once is vector code, where a search for the first is not.
    if !column.iter().fold(true, |all, x| all & x.is_finite())
        && let Some(at) = column.iter().position(|x| !x.is_finite())
    {
        return Err(Error::Run(format!("value {at} of {name} is {}; it must be finite", column[at])));
    }
    Ok(())
}

/// Reorder given columns by fate.
fn in_order_of_fates(given: Vec<Vec<f32>>, run: &RunDocument) -> Result<Vec<Vec<f32>>, Error> {
    if run.given_order.is_empty() || given.is_empty() {
        return Ok(given);
    }
    let mut sorted = run.given_order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..run.initial.len()) {
        return Err(Error::Run("given_order must name each fate once".into()));
    }
    let mut starts = vec![0; run.initial.len()];
    let mut next = 0;
    for &fate in &run.given_order {
        starts[fate] = next;
        next += run.initial[fate] as usize;
    }
    let ordered = |column: Vec<f32>| {
        let parts = starts.iter().zip(&run.initial).map(|(start, n)| &column[*start..*start + *n as usize]);
        parts.flatten().copied().collect()
    };
    Ok(given.into_iter().map(ordered).collect())
}

impl Job {
    /// Check and compile everything that can be known before the first cell moves.
    ///
    /// # Errors
    /// Those of the checks of both documents, of the binder and of the timeline.
    pub fn new(document: &ModelDocument, run: RunDocument, given: Vec<Vec<f32>>) -> Result<Self, Error> {
        if !(run.rtol > 0.0 && run.rtol < 1.0) {
            return Err(Error::Run(format!("rtol is {}; it must lie between 0 and 1", run.rtol)));
        }
        if run.initial.len() != document.fates.len() {
            return Err(Error::Run(format!("{} initial counts for {} fates", run.initial.len(), document.fates.len())));
        }
        let founders = run.initial.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n)).unwrap_or(u64::MAX);
        if founders > u64::from(u32::MAX) {
            return Err(Error::Run(format!("{founders} initial cells; at most {} are possible", u32::MAX)));
        }
        if founders > run.stop.max_cells {
            return Err(Error::Run(format!(
                "{founders} initial cells are more than max_cells = {}; raise max_cells",
                run.stop.max_cells
            )));
        }
        for (i, column) in given.iter().enumerate() {
            check_given(&trait_given(document, i), column, founders)?;
        }
        let given = in_order_of_fates(given, &run)?;
        if let Some(rule) = &run.stop.relapse
            && let Some(fate) = rule.fates.iter().find(|f| **f >= document.fates.len())
        {
            return Err(Error::Run(format!(
                "the relapse rule names fate {fate}, but there are {}",
                document.fates.len()
            )));
        }
        check_run(&run)?;
        let all_traits = !document.callbacks.is_empty() || !run.visits.is_empty();
        let model = bind(document, &run.params, &given, run.rtol, all_traits)?;
        let timeline = Arc::new(Timeline::new(&model, &run, &run.doses, (run.begin, run.until))?);
        Ok(Self { model, run, timeline, given })
    }

    /// Return the bound model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Return the number of times of observation.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.run.observe.len()
    }

    /// Return whether the run has visits, which may change the doses of single replicates.
    #[must_use]
    pub fn has_visits(&self) -> bool {
        !self.run.visits.is_empty()
    }

    /// Return whether no cell can learn of another, and no rule ends the run before the horizon. Founders may then be
    /// run in batches.
    pub(super) fn cells_are_independent(&self) -> bool {
        let (model, run) = (&self.model, &self.run);
        model.pools.is_empty()
            && model.aggregates.is_empty()
            && model.callbacks.is_empty()
            && run.visits.is_empty()
            && !run.pausable
            && !run.keep
            && run.stop.relapse.is_none()
    }

    /// Return the concentrations at the times of observation, `[observation][drug]`; NaN before the run begins.
    #[must_use]
    pub fn concentrations(&self) -> Vec<f64> {
        let before = |t: f64| t < self.run.begin;
        let at = |t: &f64| -> Vec<f64> {
            if before(*t) { vec![f64::NAN; self.model.drugs.len()] } else { self.timeline.concentrations(*t).collect() }
        };
        self.run.observe.iter().flat_map(at).collect()
    }
}

#[cfg(test)]
impl Job {
    /// Make the environment that stands before the first epoch.
    pub(crate) fn environment(&self) -> crate::environment::Environment {
        crate::environment::Environment::new(&self.model, &self.timeline)
    }
}

#[cfg(test)]
mod tests {
    use crate::document::RelapseDocument;
    use crate::example::Example;
    use crate::simulation::{Control, NoCallbacks};
    use std::collections::BTreeMap;

    /// A part of the message, and the change of an example that it refuses.
    type Refused = (&'static str, fn(&mut Example));

    #[test]
    fn a_run_that_does_not_fit_its_model_is_refused() {
        let refused: [Refused; 12] = [
            ("rtol is 0;", |of| of.run.rtol = 0.0),
            ("rtol is 1;", |of| of.run.rtol = 1.0),
            ("1 initial counts for 2 fates", |of| of.run.initial = vec![6]),
            ("18446744073709551615 initial cells", |of| of.run.initial = vec![u64::MAX, 1]),
            ("4294967296 initial cells; at most 4294967295", |of| {
                (of.run.initial, of.run.stop.max_cells) = (vec![1 << 32, 0], 1 << 40);
            }),
            ("301 initial cells are more than max_cells = 300", |of| {
                (of.run.initial, of.run.stop.max_cells) = (vec![200, 101], 300);
            }),
            ("trait 'measured' was given 299 values for 300 founders", |of| of.columns[0].truncate(299)),
            ("value 7 of trait 'measured' is NaN", |of| of.columns[0][7] = f32::NAN),
            ("value 299 of trait 'measured' is inf", |of| of.columns[0][299] = f32::INFINITY),
            ("the relapse rule names fate 2, but there are 2", |of| {
                of.run.stop.relapse = Some(RelapseDocument { fates: vec![0, 2], above: 1.0, after: 0.0 });
            }),
            ("until is 0 h", |of| of.run.until = 0.0),
            ("9223372036854775808 replicates do not fit into memory", |of| of.run.replicates = 1 << 63),
        ];
        let example = Example::load("distributions");
        for (what, change) in refused {
            let mut wrong = example.clone();
            change(&mut wrong);
            let job = wrong.try_job();
            let said = job.and_then(|job| job.run(&Control::default(), &NoCallbacks, &BTreeMap::new())).unwrap_err();
            assert!(said.to_string().contains(what), "{said} for {what}");
        }
        example.with(|run| run.stop.max_cells = 300).job();
    }

    #[test]
    fn a_job_tells_what_it_is_about() {
        let drugs = Example::load("drugs");
        let job = drugs.with(|run| run.begin = 30.0).job();
        assert_eq!((job.observations(), job.has_visits()), (21, false));
        assert!(Example::load("outside").job().has_visits());
        let (all, later) = (drugs.job().concentrations(), job.concentrations());
        assert_eq!(all.len(), 21 * drugs.model.drugs.len());
        let rows = all.chunks(drugs.model.drugs.len()).zip(later.chunks(drugs.model.drugs.len()));
        for (t, (all, later)) in drugs.run.observe.iter().zip(rows) {
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs() + 1e-15;
            assert_eq!(later.iter().all(|x| x.is_nan()), *t < 30.0, "{t} h");
            assert!(*t < 30.0 || all.iter().zip(later).all(close), "{t} h");
        }
    }
}
