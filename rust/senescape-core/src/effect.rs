//! What an event does to a cell: death, a new fate, division, and the traits and marks it sets.

use crate::document::Kind;
use crate::error::{Error, FaultKind};
use crate::found::FIRST_LEVEL;
use crate::lanes::Lanes;
use crate::model::{EnvInput, Inherit, Source, Transition, Value};
use crate::replicate::{Worker, evaluate};
use crate::rng::{Purpose, daughter_key};

impl Worker<'_> {
    /// Let transition `k` happen to the cell of a row, whose traits are those of `now`; true if its row holds a live cell of
    /// this fate afterwards.
    pub(crate) fn happen(&mut self, fate: usize, row: usize, now: f64, k: usize) -> Result<bool, Error> {
        self.tally.accepted += 1;
        let transition = &self.model.transitions[k];
        self.account.count(k, transition.kind);
        // Cells are not taken in the order of time, so the first is kept by comparison.
        self.first_event[k] = self.first_event[k].min(now);
        match transition.kind {
            Kind::Death => {
                self.last_death = self.last_death.max(now);
                self.tables[fate].remove(row);
                self.alive -= 1;
                Ok(false)
            }
            Kind::Move => self.shift(fate, row, now, transition),
            Kind::Division => self.divide(fate, row, now, transition),
        }
    }

    fn shift(&mut self, fate: usize, row: usize, now: f64, transition: &Transition) -> Result<bool, Error> {
        self.tables[fate].read(row, &mut self.mother);
        // The next threshold is that of this very draw: the candidate's block of words holds both.
        self.mother.threshold = self.stream.candidate(self.mother.key, self.mother.draws).1;
        self.mother.draws += 1;
        self.mother.since = now;
        self.daughter.copy_from(&self.mother);
        self.set(fate, transition, now)?;
        if transition.target == fate {
            self.tables[fate].write(row, &self.daughter);
            return Ok(true);
        }
        self.daughter.entered = now;
        self.daughter.level = self.mother.level.min(FIRST_LEVEL);
        self.tables[transition.target].push(&self.daughter);
        self.tables[fate].remove(row);
        Ok(false)
    }

    fn divide(&mut self, fate: usize, row: usize, now: f64, transition: &Transition) -> Result<bool, Error> {
        self.tables[fate].read(row, &mut self.mother);
        let stays = transition.target == fate;
        if !stays {
            self.mother.level = self.mother.level.min(FIRST_LEVEL);
        }
        for which in 0..2 {
            let key = daughter_key(self.mother.key, which);
            self.daughter.copy_from(&self.mother);
            self.daughter.key = key;
            self.daughter.draws = 0;
            self.daughter.since = now;
            self.daughter.entered = now;
            self.daughter.threshold = self.stream.first_threshold(key);
            for column in 0..self.model.columns.len() {
                self.daughter.traits[column] = self.inherited(fate, column, now)?;
            }
            self.set(fate, transition, now)?;
            if stays && which == 0 {
                self.tables[fate].write(row, &self.daughter);
            } else {
                self.tables[transition.target].push(&self.daughter);
            }
        }
        self.alive += 1;
        if !stays {
            self.tables[fate].remove(row);
        }
        Ok(stays)
    }

    /// A trait that the cell in `self.daughter` gets from the one in `self.mother`.
    fn inherited(&mut self, fate: usize, column: usize, now: f64) -> Result<f32, Error> {
        let model = self.model;
        let of = &model.columns[column];
        let mother = self.mother.traits[column];
        let mut draws = self.stream.of_trait(of.luck).draws(self.daughter.key, 0, Purpose::Inherit);
        let fresh = |draws: &mut crate::rng::Draws| match &of.initial {
            Value::Dist(dist) => dist.sample(draws) as f32,
            // Refused when the model is bound: only distributions can be drawn afresh.
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
            // The logarithm of a value that a flow or an event brought to zero is undefined: such a value is copied.
            Inherit::Ar1 { log: true, .. } if mother <= 0.0 => mother,
            Inherit::Ar1 { rho, centre, spread, log } => {
                let y = if *log { libm::log(f64::from(mother)) } else { f64::from(mother) };
                let y = centre + rho * (y - centre) + spread * libm::sqrt(1.0 - rho * rho) * draws.normal();
                (if *log { libm::exp(y) } else { y }) as f32
            }
            Inherit::Rule(rules) => {
                let Self { mother, env, scalar, .. } = self;
                let read = |input| env_at(env, input, now);
                evaluate(rules, &mother.traits, mother.marks, now - mother.entered, read, scalar)
            }
        };
        if x.is_finite() {
            return Ok(x);
        }
        Err(self.fault(fate, format!("inheritance of {}", of.name), now, FaultKind::Trait(x.into())))
    }

    /// Set the traits and marks of the cell in `self.daughter` as a transition says; all read the cell as it was before.
    fn set(&mut self, fate: usize, transition: &Transition, now: f64) -> Result<(), Error> {
        if !transition.set.is_empty() {
            self.before.clone_from(&self.daughter.traits);
            for (column, value) in &transition.set {
                let x = match value {
                    Value::Dist(dist) => {
                        let stream = self.stream.of_trait(self.model.columns[*column].luck);
                        let mut draws = stream.draws(self.daughter.key, self.daughter.draws, Purpose::Set);
                        dist.sample(&mut draws) as f32
                    }
                    Value::Rule(rules) => {
                        let Self { daughter, before, env, scalar, .. } = self;
                        let read = |input| env_at(env, input, now);
                        evaluate(rules, before, daughter.marks, now - daughter.entered, read, scalar)
                    }
                    // Refused when the document is read.
                    Value::Given(_) => self.before[*column],
                };
                if !x.is_finite() {
                    let rule = format!("{}: set {}", transition.name, self.model.columns[*column].name);
                    return Err(self.fault(fate, rule, now, FaultKind::Trait(x.into())));
                }
                self.daughter.traits[*column] = x;
            }
        }
        self.daughter.marks = (self.daughter.marks | transition.raise) & !transition.clear;
        Ok(())
    }

    /// The values that a fate's hazards read for one cell, by name.
    pub(crate) fn inputs_of(&self, fate: usize, lane: usize, lanes: &Lanes) -> Vec<(String, f64)> {
        let now = lanes.now[lane];
        let of = &self.model.fates[fate].hazards;
        let named = of.inputs.iter().map(|source| match *source {
            Source::Column(column) => {
                (format!("cell.{}", self.model.columns[column].name), f64::from(lanes.columns[column][lane]))
            }
            Source::Mark(mark) => {
                (format!("cell.mark['{}']", self.model.marks[mark]), (lanes.marks[lane] >> mark & 1) as f64)
            }
            Source::Age => ("cell.age".to_owned(), now - lanes.entered[lane]),
            Source::Env(input) => (self.env_name(input), f64::from(env_at(&self.env, input, now))),
        });
        named.collect()
    }

    fn env_name(&self, input: EnvInput) -> String {
        match input {
            EnvInput::Time => "env.time".to_owned(),
            EnvInput::Drug(drug) => format!("env.drug['{}']", self.model.drugs[drug]),
            EnvInput::Pool(pool) => format!("env.pool['{}']", self.model.pools[pool]),
            EnvInput::Aggregate(index) => {
                use crate::document::Gather;
                let aggregate = self.model.aggregates[index];
                let fate = &self.model.fates[aggregate.fate].name;
                match aggregate.kind {
                    Gather::Count => format!("env.count['{fate}']"),
                    Gather::Sum => format!("env.sum['{fate}'].{}", self.model.columns[aggregate.column].name),
                    Gather::Mean => format!("env.mean['{fate}'].{}", self.model.columns[aggregate.column].name),
                }
            }
        }
    }
}

fn env_at(env: &crate::env::Env, input: EnvInput, now: f64) -> f32 {
    let mut out = [0.0; crate::expr::LANES];
    let times = [now; crate::expr::LANES];
    env.fill(input, &times, 1, &mut out);
    out[0]
}

#[cfg(test)]
mod tests {
    use crate::document::{DistDocument, SetDocument};
    use crate::example::Example;

    /// In logarithms there is no value below zero to go on from.
    #[test]
    fn a_lognormal_trait_that_an_event_brought_below_zero_is_inherited_as_it_is() {
        let mut example = Example::kept("everything").with(|run| {
            (run.until, run.replicates) = (72.0, 1);
            run.observe.truncate(4);
            // What the rule of node 0 gives.
            run.params[2] = -1.0;
        });
        let (of, value) = (1, DistDocument::Rule { value: 0 });
        assert!(matches!(example.model.traits[of].initial, DistDocument::Lognormal { .. }));
        example.model.transitions[0].set.push(SetDocument { of, value });
        let record = example.records().unwrap().remove(0);
        assert!(record.total_events[0] > 200, "some divide again");
    }
}
