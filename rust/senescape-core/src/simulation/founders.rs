//! The founders of a replicate.

use super::Worker;
use crate::error::{Error, FaultKind};
use crate::expr::LANES;
use crate::model::Value;
use crate::random::{Purpose, founder_key};
use crate::thinning::FIRST_LEVEL;

/// The number of independent founders that are run together: they fit into a core's cache.
const FOUNDERS_PER_BATCH: u64 = 1 << 12;

impl Worker<'_> {
    /// Return all founders, by fate, in batches.
    pub(super) fn founder_batches(&self) -> Vec<(usize, std::ops::Range<u64>)> {
        let mut batches = Vec::new();
        let mut first = 0;
        for (fate, n) in self.job.run.initial.iter().enumerate() {
            let end = first + n;
            while first < end {
                batches.push((fate, first..end.min(first + FOUNDERS_PER_BATCH)));
                first = end.min(first + FOUNDERS_PER_BATCH);
            }
        }
        batches
    }

    /// Add some founders to a fate.
    pub(super) fn add_founders(&mut self, fate: usize, founders: std::ops::Range<u64>) -> Result<(), Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        self.population.alive += founders.end - founders.start;
        let row = self.population.tables[fate].rows();
        let (mut keys, mut thresholds) = ([0; LANES], [0.0; LANES]);
        for first in founders.clone().step_by(LANES) {
            let n = (founders.end - first).min(LANES as u64) as usize;
            for (key, founder) in keys.iter_mut().zip(first..) {
                *key = founder_key(founder);
            }
            self.stream.first_thresholds(&keys, &mut thresholds);
            self.population.tables[fate].push_founders(&keys[..n], &thresholds[..n], first as u32, FIRST_LEVEL);
        }
        for column in 0..self.job.model.columns.len() {
            self.add_founder_trait(fate, row, column, founders.clone())?;
        }
        Ok(())
    }

    /// Give founders their values of a trait. The first of them is in the given row.
    fn add_founder_trait(
        &mut self,
        fate: usize,
        row: usize,
        column: usize,
        founders: std::ops::Range<u64>,
    ) -> Result<(), Error> {
        let of = &self.job.model.columns[column];
        let table = &mut self.population.tables[fate];
        match &of.initial {
            Value::Given(index) => {
                let given = &self.job.given[*index][founders.start as usize..founders.end as usize];
                table.columns[column].extend_from_slice(given);
            }
            Value::Distribution(dist) => {
                let stream = self.stream.of_trait(of.random_key);
                let values = &mut table.columns[column];
                for founder in founders {
                    let mut draws = stream.draws(founder_key(founder), 0, Purpose::Initial);
                    values.push(dist.sample(&mut draws) as f32);
                }
            }
            Value::Rule(rules) => {
                for row in row..table.rows() {
                    // A rule reads only traits before its own.
                    for (value, of) in self.scratch.before.iter_mut().zip(&table.columns[..column]) {
                        *value = of[row];
                    }
                    let x = rules.value(&self.scratch.before, 0, 0.0, |_| 0.0, &mut self.scratch.scalar);
                    table.columns[column].push(x);
                }
            }
        }
        match table.columns[column][row..].iter().find(|x| !x.is_finite()) {
            None => Ok(()),
            Some(x) => {
                let kind = FaultKind::Trait(f64::from(*x));
                Err(self.fault(fate, format!("initial value of {}", of.name), 0.0, kind))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::example::Example;
    use crate::simulation::Control;

    #[test]
    fn founders_of_each_fate_come_in_batches_in_order() {
        let job = Example::load("stops").with(|run| {
            (run.initial, run.stop.max_cells) = (vec![5000, 4096], 10_000);
        });
        let (job, control) = (job.job(), Control::default());
        let mut worker = job.worker(&control);
        let batches = worker.founder_batches();
        assert_eq!(batches, [(0, 0..4096), (0, 4096..5000), (1, 5000..9096)]);
        for (fate, founders) in batches {
            worker.add_founders(fate, founders).unwrap();
        }
        assert_eq!(
            (worker.population.alive, worker.population.tables[0].rows(), worker.population.tables[1].rows()),
            (9096, 5000, 4096)
        );
    }
}
