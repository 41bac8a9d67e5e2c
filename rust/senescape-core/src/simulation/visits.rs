//! Visits, and the evaluation of callback rules.

use super::{Overview, Scene, Worker};
use crate::document::DoseDocument;
use crate::environment::Timeline;
use crate::error::{Error, rate_fault};
use crate::population::Table;
use crate::recording::{End, Record};
use std::sync::Arc;
use std::time::Instant;

impl Worker<'_> {
    /// Run from visit to visit, each part by a timeline of its own, because a visit may change all later doses.
    pub(super) fn run_visits(&mut self, record: &mut Record) -> Result<Option<End>, Error> {
        let mut doses = self.job.run.doses.clone();
        let visits = &self.job.run.visits;
        let mut edges = vec![0.0];
        edges.extend(visits.iter().filter(|t| **t > 0.0));
        edges.push(self.job.run.until);
        let mut number = 0;
        for part in edges.windows(2) {
            if visits.get(number) == Some(&part[0]) {
                if let Some(changed) = self.visit(number, part[0])? {
                    doses = changed;
                }
                number += 1;
            }
            self.follow(Arc::new(Timeline::new(&self.job.model, &self.job.run, &doses, (part[0], part[1]))?));
            self.record_concentrations(part, record);
            if let Some(end) = self.run_timeline(record, 0)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Write the concentrations of a part of the run into the record.
    fn record_concentrations(&self, part: &[f64], record: &mut Record) {
        let drugs = self.job.model.drugs.len();
        for (row, t) in self.job.run.observe.iter().enumerate() {
            if (part[0]..part[1]).contains(t) || (*t == part[1] && *t == self.job.run.until) {
                for (to, level) in record.drugs[row * drugs..].iter_mut().zip(self.env.timeline.concentrations(*t)) {
                    *to = level;
                }
            }
        }
    }

    /// Make a visit.
    fn visit(&mut self, number: usize, now: f64) -> Result<Option<Vec<DoseDocument>>, Error> {
        let fates = self.population.tables.len();
        for fate in 0..fates {
            self.advance_to(fate, now)?;
        }
        let overview = self.describe(now, vec![true; fates])?;
        let begun = Instant::now();
        let doses = self.callbacks.visit(number, Scene { tables: &mut self.population.tables, overview: &overview });
        self.profile.visits.add(overview.counts.iter().sum(), begun);
        doses
    }

    /// Evaluate the callback rules for the epoch that begins.
    pub(super) fn evaluate_callbacks(&mut self) -> Result<(), Error> {
        let model = &self.job.model;
        if model.callbacks.is_empty() {
            return Ok(());
        }
        let now = self.env.start;
        let asked: Vec<bool> = (0..self.population.tables.len())
            .map(|fate| model.callbacks.iter().any(|rule| rule.fates.contains(&fate)))
            .collect();
        for (fate, asked) in asked.iter().enumerate() {
            if *asked {
                self.advance_to(fate, now)?;
            }
        }
        let overview = self.describe(now, asked)?;
        for (index, rule) in model.callbacks.iter().enumerate() {
            for fate in 0..self.population.tables.len() {
                let rows = self.population.tables[fate].rows();
                if !rule.fates.contains(&fate) || rows == 0 {
                    // A cell that enters a fate of the rule gets its first value at the start of the next epoch.
                    self.population.tables[fate].columns[rule.column].fill(0.0);
                    continue;
                }
                let begun = Instant::now();
                // The old values go first, so that memory never holds both.
                self.population.tables[fate].columns[rule.column] = Vec::new();
                let values = self.callbacks.rule(
                    index,
                    fate,
                    Scene { tables: &mut self.population.tables, overview: &overview },
                )?;
                self.profile.callbacks[index].add(rows, begun);
                if values.len() != rows {
                    return Err(Error::Internal(format!(
                        "'{}' gave {} values for {rows} cells",
                        rule.name,
                        values.len()
                    )));
                }
                if let Some(kind) = values.iter().find_map(|x| rate_fault(f64::from(*x))) {
                    return Err(self.fault(fate, rule.name.clone(), now, kind));
                }
                self.population.tables[fate].columns[rule.column] = values;
            }
        }
        Ok(())
    }

    /// Advance the traits of a fate's cells to a time (h) at which their bounds end, and drop the rows of removed
    /// cells.
    ///
    /// The next bound would do the same, so nothing that follows depends on it.
    pub(super) fn advance_to(&mut self, fate: usize, now: f64) -> Result<(), Error> {
        let model = &self.job.model;
        self.for_lanes(fate, now, |worker, lanes| {
            lanes.scatter(&mut worker.population.tables[fate], &model.fates[fate].moving);
        })?;
        if self.population.tables[fate].alive() < self.population.tables[fate].rows() {
            self.population.tables[fate].compact();
        }
        Ok(())
    }

    /// Return the data of the replicate except the cells themselves.
    fn describe(&mut self, now: f64, current: Vec<bool>) -> Result<Overview, Error> {
        let model = &self.job.model;
        let traits = model.columns.len() - model.callbacks.len();
        let mut sums = vec![vec![0.0; traits]; self.population.tables.len()];
        for (fate, sums) in sums.iter_mut().enumerate() {
            self.for_lanes(fate, now, |_, lanes| {
                for (sum, column) in sums.iter_mut().zip(&lanes.columns) {
                    *sum += column[..lanes.n].iter().copied().map(f64::from).sum::<f64>();
                }
            })?;
        }
        Ok(Overview {
            replicate: self.replicate,
            time: now,
            current,
            counts: self.population.tables.iter().map(Table::alive).collect(),
            traits,
            // Drugs are rounded to single precision, as compiled rules read them.
            drugs: self.env.timeline.concentrations(now).map(|level| f64::from(level as f32)).collect(),
            sums,
            pools: self.coupling.pools.clone(),
            events: self.progress.events.totals(model.transitions.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::RunDocument;
    use crate::error::FaultKind;
    use crate::example::Example;
    use crate::simulation::{Callbacks, Control};
    use std::collections::BTreeMap;

    /// Callbacks that return one value for all cells, and so many values too many. Visits change nothing.
    struct Gives(f32, usize);

    impl Callbacks for Gives {
        fn rule(&self, _: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
            Ok(vec![self.0; scene.tables[fate].rows() + self.1])
        }

        fn visit(&self, _: usize, _: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
            Ok(None)
        }
    }

    fn error_of(gives: &Gives) -> Option<Error> {
        Example::load("outside").job().run(&Control::default(), gives, &BTreeMap::new()).unwrap().error
    }

    #[test]
    fn values_that_are_no_hazards_are_reported_and_their_number_too() {
        assert!(error_of(&Gives(0.0, 0)).is_none() && error_of(&Gives(0.5, 0)).is_none());
        for (value, kind) in [
            (-0.25, FaultKind::Negative(-0.25)),
            (f32::NAN, FaultKind::NotANumber),
            (f32::INFINITY, FaultKind::Infinite),
        ] {
            let Some(Error::Rate(fault)) = error_of(&Gives(value, 0)) else { panic!("{value} is taken") };
            assert_eq!((fault.kind, fault.rule.as_str(), fault.time), (kind, "called", 0.0));
        }
        let said = error_of(&Gives(0.5, 1)).unwrap().to_string();
        assert!(said.contains("'called' gave 201 values for 200 cells"), "{said}");
    }

    /// Visits that change nothing leave the concentrations of all drugs as they were planned.
    #[test]
    fn concentrations_are_noted_part_by_part() {
        let job = Example::load("drugs").with(|run| run.visits = vec![0.0, 7.0, 30.0]).job();
        let outcome = job.run(&Control::default(), &Gives(0.0, 0), &BTreeMap::new()).unwrap();
        let planned = job.concentrations();
        for record in &outcome.records {
            assert_eq!(record.drugs.len(), planned.len());
            for (noted, planned) in record.drugs.iter().zip(&planned) {
                assert!((noted - planned).abs() <= 1e-9 * planned + 1e-15, "{noted} {planned}");
            }
        }
        assert!(outcome.error.is_none() && !outcome.records.is_empty());
    }

    #[test]
    fn concentrations_after_the_end_of_a_tumour_are_not_noted() {
        // They grow past the cap in the first part.
        let ends = |run: &mut RunDocument| {
            (run.visits, run.stop.max_cells, run.params[20]) = (vec![0.0, 30.0], 600, 1.0);
        };
        let job = Example::load("drugs").with(ends).job();
        let outcome = job.run(&Control::default(), &Gives(0.0, 0), &BTreeMap::new()).unwrap();
        for record in &outcome.records {
            let noted = |row: usize| record.drugs[row * 5].is_finite();
            assert!(noted(0) && !noted(20), "{:?}", record.drugs);
        }
    }

    #[test]
    fn a_run_without_its_callbacks_is_an_error() {
        let example = Example::load("outside");
        let said = |example: &Example| example.records().unwrap_err().to_string();
        assert!(said(&example.with(|run| run.visits.clear())).contains("no callback is given for slow rule 0"));
        let visited = said(&example.with(|run| run.visits[0] = 0.0));
        assert!(visited.contains("no callback is given for visit 0"), "{visited}");
    }
}
