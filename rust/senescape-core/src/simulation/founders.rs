//! The first cells of a replicate.

use crate::error::{Error, FaultKind};
use crate::expr::LANES;
use crate::model::Value;
use crate::random::stream::{Purpose, founder_key};
use crate::simulation::worker::Worker;

/// Founders that are run together where cells know nothing of each other: what fits a core's cache.
const BATCH: u64 = 1 << 12;

/// The highest level of a cell's first window in a fate: so many steps are saved on the way up.
pub(crate) const FIRST_LEVEL: i8 = 3;

impl Worker<'_> {
    /// All founders, by fate, a batch at a time.
    pub(crate) fn batches(&self) -> Vec<(usize, std::ops::Range<u64>)> {
        let mut batches = Vec::new();
        let mut first = 0;
        for (fate, n) in self.run.initial.iter().enumerate() {
            let end = first + n;
            while first < end {
                batches.push((fate, first..end.min(first + BATCH)));
                first = end.min(first + BATCH);
            }
        }
        batches
    }

    /// Add some founders to a fate.
    pub(crate) fn found(&mut self, fate: usize, founders: std::ops::Range<u64>) -> Result<(), Error> {
        if self.interrupted() {
            return Err(Error::Interrupted);
        }
        self.alive += founders.end - founders.start;
        let row = self.tables[fate].rows();
        let (mut keys, mut thresholds) = ([0; LANES], [0.0; LANES]);
        for first in founders.clone().step_by(LANES) {
            let n = (founders.end - first).min(LANES as u64) as usize;
            for (key, founder) in keys.iter_mut().zip(first..) {
                *key = founder_key(founder);
            }
            self.stream.first_thresholds(&keys, &mut thresholds);
            self.tables[fate].push_founders(&keys[..n], &thresholds[..n], first as u32, FIRST_LEVEL);
        }
        for column in 0..self.model.columns.len() {
            self.found_trait(fate, row, column, founders.clone())?;
        }
        Ok(())
    }

    /// Give founders, the first of them in a given row, their values of a trait.
    fn found_trait(
        &mut self,
        fate: usize,
        row: usize,
        column: usize,
        founders: std::ops::Range<u64>,
    ) -> Result<(), Error> {
        let of = &self.model.columns[column];
        let table = &mut self.tables[fate];
        match &of.initial {
            Value::Given(index) => {
                let given = &self.given[*index][founders.start as usize..founders.end as usize];
                table.columns[column].extend_from_slice(given);
            }
            Value::Dist(dist) => {
                let stream = self.stream.of_trait(of.luck);
                let values = &mut table.columns[column];
                for founder in founders {
                    let mut draws = stream.draws(founder_key(founder), 0, Purpose::Initial);
                    values.push(dist.sample(&mut draws) as f32);
                }
            }
            Value::Rule(rules) => {
                for row in row..table.rows() {
                    // A rule reads traits before its own only.
                    for (value, of) in self.before.iter_mut().zip(&table.columns[..column]) {
                        *value = of[row];
                    }
                    let x = rules.value(&self.before, 0, 0.0, |_| 0.0, &mut self.scalar);
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
    use crate::simulation::job::Control;

    #[test]
    fn founders_of_each_fate_come_in_batches_in_order() {
        let job = Example::kept("stops").with(|run| {
            (run.initial, run.stop.max_cells) = (vec![5000, 4096], 10_000);
        });
        let (job, control) = (job.job(), Control::default());
        let mut worker = job.worker(&control);
        let batches = worker.batches();
        assert_eq!(batches, [(0, 0..4096), (0, 4096..5000), (1, 5000..9096)]);
        for (fate, founders) in batches {
            worker.found(fate, founders).unwrap();
        }
        assert_eq!((worker.alive, worker.tables[0].rows(), worker.tables[1].rows()), (9096, 5000, 4096));
    }
}
