//! The coupling of cells and environment at the edges of epochs.

use super::Worker;
use crate::document::Aggregation;
use crate::environment::Line;
use crate::error::Error;
use crate::kinetics::pools::{INSTANT, PoolPath};
use crate::model::Model;

/// The state of the coupling at the start of an epoch.
pub(super) struct Coupling {
    /// The pools at the start of the epoch.
    pub(super) pools: Vec<f64>,
    /// The pools' path, corrected with the aggregates' measured change.
    corrected: PoolPath,
    /// The aggregates at the start of the epoch.
    pub(super) aggregates: Vec<f64>,
    /// How the aggregates changed over the last epoch (1/h).
    pub(super) slopes: Vec<f64>,
}

impl Coupling {
    pub(super) fn new(model: &Model) -> Self {
        let zeros = vec![0.0; model.aggregates.len()];
        Self { pools: Vec::new(), corrected: PoolPath::default(), aggregates: zeros.clone(), slopes: zeros }
    }
}

impl Worker<'_> {
    /// Compute the aggregates at time 0, where their slopes are 0.
    pub(super) fn aggregate_first(&mut self) -> Result<(), Error> {
        self.aggregate(0.0)?;
        self.coupling.slopes.fill(0.0);
        Ok(())
    }

    /// Couple the environment to the cells for an epoch: aggregates follow their last slopes, and pools their
    /// equations.
    pub(super) fn couple(&mut self, epoch: usize) -> Result<(), Error> {
        if !self.job.model.aggregates.is_empty() {
            let length = self.env.end - self.env.start;
            for i in 0..self.coupling.aggregates.len() {
                let is = self.coupling.aggregates[i];
                let end = extrapolated(is, self.coupling.slopes[i] * length);
                let slope = if length > INSTANT { (end - is) / length } else { 0.0 };
                self.env.aggregates[i] = Line { start: is, slope };
            }
        }
        if let Some(pools) = &self.job.model.pool_rates {
            let (start, end) = (self.env.start, self.env.end);
            let lines = &self.env.aggregates;
            let model = &self.job.model;
            let segments = self.env.timeline.courses(epoch);
            let read = |input, t: f64| aggregate_at(model, lines, input, t - start);
            pools.advance(start, end, &self.coupling.pools, segments, &read, &mut self.env.pools)?;
        }
        Ok(())
    }

    /// Correct the pools with the aggregates' measured change, after the cells have been advanced.
    pub(super) fn correct(&mut self) -> Result<(), Error> {
        self.population.compact_sparse();
        let (start, end) = (self.env.start, self.env.end);
        let mut lines: Vec<Line> =
            self.coupling.aggregates.iter().map(|start| Line { start: *start, slope: 0.0 }).collect();
        if !self.job.model.aggregates.is_empty() {
            self.aggregate(end)?;
            if end - start > INSTANT {
                for ((line, trend), now) in
                    lines.iter_mut().zip(&mut self.coupling.slopes).zip(&self.coupling.aggregates)
                {
                    line.slope = (now - line.start) / (end - start);
                    *trend = line.slope;
                }
            }
        }
        if let Some(pools) = &self.job.model.pool_rates {
            let model = &self.job.model;
            let read = |input, t: f64| aggregate_at(model, &lines, input, t - start);
            let segments = self.env.timeline.courses(self.env.epoch);
            pools.advance(start, end, &self.coupling.pools, segments, &read, &mut self.coupling.corrected)?;
            self.coupling.pools.copy_from_slice(self.coupling.corrected.end());
        }
        Ok(())
    }
}

/// Extrapolate an aggregate by its last change.
///
/// Extrapolation makes the coupling second order in the epoch's length. The result is never less than half or more than
/// twice the value, so that a crash or a burst does not lead the path below zero.
fn extrapolated(is: f64, change: f64) -> f64 {
    let (half, twice) = (0.5 * is, 2.0 * is);
    (is + change).max(half.min(twice)).min(half.max(twice))
}

fn aggregate_at(model: &Model, lines: &[Line], input: crate::expr::Input, s: f64) -> f64 {
    use crate::expr::Input;
    let wanted = match input {
        Input::Count(fate) => (Aggregation::Count, usize::from(fate), None),
        Input::Sum { fate, of } => (Aggregation::Sum, usize::from(fate), Some(usize::from(of))),
        Input::Mean { fate, of } => (Aggregation::Mean, usize::from(fate), Some(usize::from(of))),
        _ => return f64::NAN,
    };
    let index = model.aggregates.iter().position(|a| {
        (a.kind, a.fate) == (wanted.0, wanted.1) && wanted.2.is_none_or(|of| model.columns[a.column].of == of)
    });
    index.map_or(f64::NAN, |i| lines[i].at(s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::simulation::Control;

    #[test]
    fn an_aggregate_is_extrapolated_to_half_or_twice_at_most() {
        assert_eq!([1.0, -1.0, -3.0, 9.0].map(|change| extrapolated(4.0, change)), [5.0, 3.0, 2.0, 8.0]);
        assert_eq!([-1.0, 1.0, 3.0, -9.0].map(|change| extrapolated(-4.0, change)), [-5.0, -3.0, -2.0, -8.0]);
        assert_eq!(extrapolated(0.0, 3.0), 0.0);
    }

    /// Two times that were meant to be one have an epoch between them, over which nothing changes.
    #[test]
    fn nothing_changes_at_a_rate_over_an_instant() {
        let example = Example::load("everything").with(|run| run.cuts = vec![12.0, 12.0 + 1e-10]);
        let (job, control) = (example.job(), Control::default());
        let mut worker = job.worker(&control);
        worker.coupling.pools.clone_from(&job.model().pool_initial);
        for (start, end) in [(12.0, 12.0 + 1e-10), (48.0, 72.0)] {
            let epoch = worker.env.timeline.edges.iter().position(|edge| *edge == start).unwrap();
            assert_eq!(worker.env.timeline.edges[epoch + 1], end);
            worker.env.enter(epoch);
            // Four cells with a slope of a sixth of a cell per hour, where in truth no cell is left.
            (worker.coupling.aggregates, worker.coupling.slopes) =
                (vec![4.0; worker.coupling.aggregates.len()], vec![1.0 / 6.0; worker.coupling.slopes.len()]);
            assert!(!worker.coupling.slopes.is_empty());
            worker.couple(epoch).unwrap();
            let slopes: Vec<f64> = worker.env.aggregates.iter().map(|line| line.slope).collect();
            worker.correct().unwrap();
            let (slope, trend) = if start == 12.0 { (0.0, 1.0 / 6.0) } else { (4.0 / 24.0, -4.0 / 24.0) };
            let all = |values: &[f64], x: f64| values.iter().all(|value| (value - x).abs() < 1e-12);
            assert!(
                all(&slopes, slope) && all(&worker.coupling.slopes, trend),
                "{start} h: {slopes:?}, {:?}",
                worker.coupling.slopes
            );
        }
    }
}
