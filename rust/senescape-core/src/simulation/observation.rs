//! Observations: aggregates that rules and pools read, and observables.

use super::Worker;
use crate::document::Aggregation;
use crate::environment::Environment;
use crate::error::Error;
use crate::expr::LANES;
use crate::population::Lanes;
use crate::recording::{ExactSum, Record};

impl Worker<'_> {
    /// Call `each` with all cells of a fate, in order, up to [`LANES`] at a time, their traits advanced to a time (h).
    pub(super) fn for_lanes(
        &mut self,
        fate: usize,
        now: f64,
        mut each: impl FnMut(&mut Self, &Lanes),
    ) -> Result<(), Error> {
        let mut rows: Vec<u32> = Vec::with_capacity(LANES);
        let total = self.population.tables[fate].rows();
        let mut row = 0;
        loop {
            rows.clear();
            while row < total && rows.len() < LANES {
                if !self.population.tables[fate].is_gone(row) {
                    rows.push(row as u32);
                }
                row += 1;
            }
            if rows.is_empty() {
                return Ok(());
            }
            let mut lanes = self.scratch.take_lanes();
            lanes.gather(&self.population.tables[fate], &rows, &self.scratch.everything);
            lanes.now = [now; LANES];
            self.advance(fate, &mut lanes)?;
            each(self, &lanes);
            self.scratch.put_lanes(lanes);
        }
    }

    /// Compute the aggregates at a time (h).
    pub(super) fn aggregate(&mut self, now: f64) -> Result<(), Error> {
        let model = &self.job.model;
        for (i, aggregate) in model.aggregates.iter().enumerate() {
            let alive = self.population.tables[aggregate.fate].alive() as f64;
            self.coupling.aggregates[i] = match aggregate.kind {
                Aggregation::Count => alive,
                Aggregation::Sum | Aggregation::Mean => {
                    let mut sum = 0.0;
                    self.for_lanes(aggregate.fate, now, |_, lanes| {
                        sum += lanes.columns[aggregate.column][..lanes.n].iter().copied().map(f64::from).sum::<f64>();
                    })?;
                    if aggregate.kind == Aggregation::Sum {
                        sum
                    } else if alive > 0.0 {
                        sum / alive
                    } else {
                        0.0
                    }
                }
            };
        }
        Ok(())
    }

    /// Make the observation of an edge, if there is one. Sums are over all cells so far, also if founders are run in
    /// batches.
    pub(super) fn observe(&mut self, edge: usize, record: &mut Record) -> Result<(), Error> {
        let Some(row) = self.env.timeline.observation[edge] else { return Ok(()) };
        let row = row as usize;
        self.progress.observed = row + 1;
        let model = &self.job.model;
        let pools = model.pools.len();
        record.pools[row * pools..(row + 1) * pools].copy_from_slice(&self.coupling.pools);
        for (i, observable) in model.observables.iter().enumerate() {
            if observable.kind != Aggregation::Count {
                let mut sum = self.sum(i, self.env.timeline.edges[edge])?;
                let slot = row * model.observables.len() + i;
                if let Some(batches) = self.progress.batch_sums.get_mut(slot) {
                    batches.merge(&sum);
                    sum = *batches;
                }
                record.observables[slot] = sum.value();
            }
        }
        Ok(())
    }

    /// Return the sum of an observable over the cells of its fate.
    fn sum(&mut self, index: usize, now: f64) -> Result<ExactSum, Error> {
        let observable = &self.job.model.observables[index];
        let mut frame = std::mem::replace(&mut self.scratch.observables[index], observable.value.program.frame());
        let mut sum = ExactSum::default();
        self.for_lanes(observable.fate, now, |worker, lanes| {
            let mut fill =
                |env: &Environment| lanes.fill(&observable.value, &lanes.columns, &lanes.now, env, &mut frame);
            // An observation reads drugs as they are from then on, like the record of concentrations.
            if now == worker.env.end {
                worker.env.past_end(fill)
            } else {
                fill(&worker.env)
            }
            observable.value.program.values(&mut frame, lanes.n);
            frame.output(0)[..lanes.n].iter().for_each(|value| sum.add(*value));
        })?;
        self.scratch.observables[index] = frame;
        Ok(sum)
    }

    /// Turn the sums of the first observations into means and counts; the other observations were never made.
    pub(super) fn finish_read_outs(&self, observations: usize, record: &mut Record) {
        let observables = &self.job.model.observables;
        for (i, value) in record.observables.iter_mut().enumerate() {
            let (row, observable) = (i / observables.len(), &observables[i % observables.len()]);
            if row >= observations {
                *value = f64::NAN;
                continue;
            }
            let cells = record.counts[row * self.job.model.fates.len() + observable.fate] as f64;
            *value = match observable.kind {
                Aggregation::Count => cells,
                Aggregation::Sum => *value,
                Aggregation::Mean => *value / cells,
            };
        }
    }
}
