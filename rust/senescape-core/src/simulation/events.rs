//! Events: death, a new fate, division, and the traits and marks that they set.

use super::Worker;
use super::scratch::Scratch;
use crate::document::EventKind;
use crate::error::{Error, FaultKind};
use crate::model::{EnvInput, Inherit, Source, Transition, Value};
use crate::population::Lanes;
use crate::random::{Purpose, daughter_key};
use crate::thinning::FIRST_LEVEL;

impl Worker<'_> {
    /// Apply transition `k` to the cell of a row, whose traits are those of `now` (h). Returns whether its row holds a
    /// live cell of this fate afterwards.
    pub(super) fn apply_event(&mut self, fate: usize, row: usize, now: f64, k: usize) -> Result<bool, Error> {
        let transition = &self.job.model.transitions[k];
        self.progress.count_event(k, transition.kind, now);
        match transition.kind {
            EventKind::Death => {
                self.population.tables[fate].remove(row);
                self.population.alive -= 1;
                Ok(false)
            }
            EventKind::Move => self.move_cell(fate, row, now, transition),
            EventKind::Division => self.divide(fate, row, now, transition),
        }
    }

    fn move_cell(&mut self, fate: usize, row: usize, now: f64, transition: &Transition) -> Result<bool, Error> {
        self.population.tables[fate].read(row, &mut self.scratch.mother);
        // The next threshold comes from this same draw, because the candidate's block of words holds both.
        self.scratch.mother.threshold = self.stream.candidate(self.scratch.mother.key, self.scratch.mother.draws).1;
        self.scratch.mother.draws += 1;
        self.scratch.mother.since = now;
        self.scratch.daughter.copy_from(&self.scratch.mother);
        self.set_traits(fate, transition, now)?;
        if transition.target == fate {
            self.population.tables[fate].write(row, &self.scratch.daughter);
            return Ok(true);
        }
        self.scratch.daughter.entered = now;
        self.scratch.daughter.level = self.scratch.mother.level.min(FIRST_LEVEL);
        self.population.tables[transition.target].push(&self.scratch.daughter);
        self.population.tables[fate].remove(row);
        Ok(false)
    }

    fn divide(&mut self, fate: usize, row: usize, now: f64, transition: &Transition) -> Result<bool, Error> {
        self.population.tables[fate].read(row, &mut self.scratch.mother);
        let stays = transition.target == fate;
        if !stays {
            self.scratch.mother.level = self.scratch.mother.level.min(FIRST_LEVEL);
        }
        for which in 0..2 {
            let key = daughter_key(self.scratch.mother.key, which);
            self.scratch.daughter.copy_from(&self.scratch.mother);
            self.scratch.daughter.key = key;
            self.scratch.daughter.draws = 0;
            self.scratch.daughter.since = now;
            self.scratch.daughter.entered = now;
            self.scratch.daughter.threshold = self.stream.first_threshold(key);
            for column in 0..self.job.model.columns.len() {
                self.scratch.daughter.traits[column] = self.inherit(fate, column, now)?;
            }
            self.set_traits(fate, transition, now)?;
            if stays && which == 0 {
                self.population.tables[fate].write(row, &self.scratch.daughter);
            } else {
                self.population.tables[transition.target].push(&self.scratch.daughter);
            }
        }
        self.population.alive += 1;
        if !stays {
            self.population.tables[fate].remove(row);
        }
        Ok(stays)
    }

    /// Return the trait that the cell in `self.scratch.daughter` inherits from the one in `self.scratch.mother`.
    fn inherit(&mut self, fate: usize, column: usize, now: f64) -> Result<f32, Error> {
        let model = &self.job.model;
        let of = &model.columns[column];
        let mother = self.scratch.mother.traits[column];
        let mut draws = self.stream.of_trait(of.random_key).draws(self.scratch.daughter.key, 0, Purpose::Inherit);
        let fresh = |draws: &mut crate::random::Draws| match &of.initial {
            Value::Distribution(dist) => dist.sample(draws) as f32,
            // The binder refuses these: only distributions can be drawn afresh.
            Value::Rule(_) | Value::Given(_) => mother,
        };
        let x = match &of.inherit {
            Inherit::Copy => return Ok(mother),
            Inherit::Scaled(factor) => (f64::from(mother) * factor) as f32,
            Inherit::Reset => fresh(&mut draws),
            Inherit::Mixture { rho } => {
                if draws.uniform() < *rho {
                    mother
                } else {
                    fresh(&mut draws)
                }
            }
            // A value that a flow or an event brought to zero has no logarithm, and is copied.
            Inherit::Ar1 { log: true, .. } if mother <= 0.0 => mother,
            Inherit::Ar1 { rho, centre, spread, log } => {
                let y = if *log { libm::log(f64::from(mother)) } else { f64::from(mother) };
                let y = centre + rho * (y - centre) + spread * libm::sqrt(1.0 - rho * rho) * draws.normal();
                (if *log { libm::exp(y) } else { y }) as f32
            }
            Inherit::Rule(rules) => {
                let Scratch { mother, scalar, .. } = &mut self.scratch;
                let env = &self.env;
                let read = |input| env_at(env, input, now);
                rules.value(&mother.traits, mother.marks, now - mother.entered, read, scalar)
            }
        };
        if x.is_finite() {
            return Ok(x);
        }
        Err(self.fault(fate, format!("inheritance of {}", of.name), now, FaultKind::Trait(x.into())))
    }

    /// Set the traits and marks of the cell in `self.scratch.daughter` as a transition says. All values read the cell
    /// as it was before.
    fn set_traits(&mut self, fate: usize, transition: &Transition, now: f64) -> Result<(), Error> {
        if !transition.set.is_empty() {
            self.scratch.before.clone_from(&self.scratch.daughter.traits);
            for (column, value) in &transition.set {
                let x = match value {
                    Value::Distribution(dist) => {
                        let stream = self.stream.of_trait(self.job.model.columns[*column].random_key);
                        let mut draws =
                            stream.draws(self.scratch.daughter.key, self.scratch.daughter.draws, Purpose::Set);
                        dist.sample(&mut draws) as f32
                    }
                    Value::Rule(rules) => {
                        let Scratch { daughter, before, scalar, .. } = &mut self.scratch;
                        let env = &self.env;
                        let read = |input| env_at(env, input, now);
                        rules.value(before, daughter.marks, now - daughter.entered, read, scalar)
                    }
                    // The check of the document refuses these.
                    Value::Given(_) => self.scratch.before[*column],
                };
                if !x.is_finite() {
                    let rule = format!("{}: set {}", transition.name, self.job.model.columns[*column].name);
                    return Err(self.fault(fate, rule, now, FaultKind::Trait(x.into())));
                }
                self.scratch.daughter.traits[*column] = x;
            }
        }
        self.scratch.daughter.marks = (self.scratch.daughter.marks | transition.raise) & !transition.clear;
        Ok(())
    }

    /// Return the values that a fate's hazards read for one cell, by name.
    pub(super) fn inputs_of(&self, fate: usize, lane: usize, lanes: &Lanes) -> Vec<(String, f64)> {
        let now = lanes.now[lane];
        let of = &self.job.model.fates[fate].hazards;
        let named = of.inputs.iter().map(|source| match *source {
            Source::Column(column) => {
                (format!("cell.{}", self.job.model.columns[column].name), f64::from(lanes.columns[column][lane]))
            }
            Source::Mark(mark) => {
                (format!("cell.mark['{}']", self.job.model.marks[mark]), (lanes.marks[lane] >> mark & 1) as f64)
            }
            Source::Age => ("cell.age".to_owned(), now - lanes.entered[lane]),
            Source::Environment(input) => (self.env_name(input), env_at(&self.env, input, now)),
        });
        named.collect()
    }

    fn env_name(&self, input: EnvInput) -> String {
        match input {
            EnvInput::Time => "env.time".to_owned(),
            EnvInput::Drug(drug) => format!("env.drug['{}']", self.job.model.drugs[drug]),
            EnvInput::Pool(pool) => format!("env.pool['{}']", self.job.model.pools[pool]),
            EnvInput::Aggregate(index) => {
                use crate::document::Aggregation;
                let aggregate = self.job.model.aggregates[index];
                let fate = &self.job.model.fates[aggregate.fate].name;
                match aggregate.kind {
                    Aggregation::Count => format!("env.count['{fate}']"),
                    Aggregation::Sum => format!("env.sum['{fate}'].{}", self.job.model.columns[aggregate.column].name),
                    Aggregation::Mean => {
                        format!("env.mean['{fate}'].{}", self.job.model.columns[aggregate.column].name)
                    }
                }
            }
        }
    }
}

fn env_at(env: &crate::environment::Environment, input: EnvInput, now: f64) -> f64 {
    if input == EnvInput::Time {
        return now;
    }
    let mut out = [0.0; crate::expr::LANES];
    let times = [now; crate::expr::LANES];
    env.fill(input, &times, 1, &mut out);
    f64::from(out[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DistDocument, InheritDocument, SetDocument};
    use crate::example::Example;
    use crate::expr::{Input, Node};
    use crate::simulation::Control;

    /// Return what the hazards of a fate read of the cell in row 2, at 4 h.
    fn read(example: &Example, fate: usize, marks: u64) -> Vec<(String, f64)> {
        let (job, control) = (example.job(), Control::default());
        let mut worker = job.started(&control);
        (worker.population.tables[fate].marks[2], worker.population.tables[fate].entered[2]) = (marks, 3.0);
        let mut read = None;
        let all = worker.for_lanes(fate, 4.0, |worker, lanes| {
            read.get_or_insert_with(|| worker.inputs_of(fate, 2, lanes));
        });
        all.unwrap();
        let mut read = read.unwrap();
        read.sort_by(|a, b| a.0.cmp(&b.0));
        read
    }

    /// Return the example with one input in place of another in all rules.
    fn instead(example: &Example, of: Input, other: Input) -> Example {
        let mut changed = example.clone();
        for node in &mut changed.model.nodes.nodes {
            match node {
                Node::Input { input } if *input == of => *input = other,
                _ => {}
            }
        }
        changed
    }

    #[test]
    fn what_a_hazard_reads_is_reported_by_name() {
        let tumour = Example::load("everything").with(|run| run.initial = vec![150, 50]);
        let other_mark = instead(&tumour, Input::Mark(0), Input::Mark(1));
        for (marks, primed, ever) in [(0, 0.0, 0.0), (1, 1.0, 0.0), (2, 0.0, 1.0), (7, 1.0, 1.0)] {
            let all = read(&tumour, 1, marks);
            let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
            let traits = ["cell.bcl_xl", "cell.depth", "cell.mark['primed']", "cell.mcl1", "cell.pd_l1"];
            assert_eq!(names, [&traits[..], &["env.drug['senolytic']", "env.pool['t_cells']"]].concat());
            assert_eq!(all[2].1, primed, "{marks}");
            assert_eq!(read(&other_mark, 1, marks)[2], ("cell.mark['ever_senescent']".into(), ever), "{marks}");
        }
        let cells = read(&tumour, 0, 0);
        assert_eq!(cells[1..], [("env.count['cycling']".into(), 150.0), ("env.count['senescent']".into(), 50.0)]);
        let other = instead(&tumour, Input::Count(0), Input::Sum { fate: 1, of: 1 });
        let other = read(&instead(&other, Input::Count(1), Input::Time), 0, 0);
        assert!(other[1].0 == "env.sum['senescent'].bcl_xl" && other[1].1 > 10.0, "{other:?}");
        assert_eq!(other[2], ("env.time".into(), 4.0));
        let random = read(&Example::load("random-2"), 0, 0);
        assert_eq!(random[0], ("cell.age".into(), 1.0));
        assert_eq!(random[5].0, "env.mean['a'].fixed");
    }

    #[test]
    fn rules_of_an_event_read_the_age_of_the_cell_before_it() {
        let mut example = Example::load("everything");
        let value = example.node(Node::Input { input: Input::Age });
        let (depth, damage) = (0, 4);
        example.model.transitions[1].set[0] = SetDocument { of: depth, value: DistDocument::Rule { value } };
        example.model.traits[damage].inherit = InheritDocument::Rule { value };
        let (job, control) = (example.job(), Control::default());
        let mut worker = job.started(&control);
        let column = |of: usize| job.model().columns.iter().position(|column| column.of == of).unwrap();
        worker.population.tables[0].entered.fill(3.0);
        assert!(!worker.apply_event(0, 2, 10.0, 1).unwrap(), "it left");
        assert_eq!(worker.population.tables[1].columns[column(depth)], [7.0]);
        // The first daughter takes her mother's row, the other the next that is free.
        let (mother, next) = (worker.population.tables[0].key[5], worker.population.tables[0].rows());
        assert!(worker.apply_event(0, 5, 10.0, 0).unwrap(), "the row holds a daughter");
        let table = &worker.population.tables[0];
        assert_eq!([table.key[5], table.key[next]], [daughter_key(mother, 0), daughter_key(mother, 1)]);
        assert_eq!([5, next].map(|row| (table.columns[column(damage)][row], table.entered[row])), [(7.0, 10.0); 2]);
    }

    /// In logarithms, no autoregression starts from a value below zero.
    #[test]
    fn a_lognormal_trait_that_an_event_brought_below_zero_is_inherited_as_it_is() {
        let mut example = Example::load("everything").with(|run| {
            (run.until, run.replicates) = (72.0, 1);
            run.observe.truncate(4);
            // The value of the rule of node 0.
            run.params[2] = -1.0;
        });
        let (of, value) = (1, DistDocument::Rule { value: 0 });
        assert!(matches!(example.model.traits[of].initial, DistDocument::Lognormal { .. }));
        example.model.transitions[0].set.push(SetDocument { of, value });
        let record = example.records().unwrap().remove(0);
        assert!(record.total_events[0] > 200, "some divide again");
    }
}
