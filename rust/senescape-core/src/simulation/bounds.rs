//! Bounds on hazards over windows, computed by interval evaluation of the rules. Cells sleep under them.

use super::Worker;
use crate::environment::FINEST;
use crate::error::{Error, FaultKind, rate_fault};
use crate::expr::LANES;
use crate::population::Lanes;
use crate::thinning::{Acceptance, DOUBTFUL, FateScratch, UNBOUND, add_bounds, has_bound};

/// A window with fewer expected candidates than this was far too short.
const FEW_CANDIDATES: f64 = 0.25;

/// The highest level of windows if traits are written back every epoch, for which
/// [`crate::population::flow::ROUNDINGS`] has room.
const WRITTEN_BACK: i8 = 6;

impl Worker<'_> {
    /// Compute new bounds for cells that wake now. Cells that wake again within the epoch join `due`.
    pub(super) fn bound(&mut self, fate: usize, rows: &[u32], due: &mut Vec<u32>) -> Result<(), Error> {
        let model = &self.job.model;
        let of = &model.fates[fate];
        self.progress.counters.bounds += rows.len() as u64;
        if let Some(total) = self.scratch.fates[fate].total
            && of.driven.is_empty()
        {
            return self.bound_constant(fate, rows, total, due);
        }
        let mut lanes = self.scratch.take_lanes();
        lanes.gather(&self.population.tables[fate], rows, &of.read);
        self.advance(fate, &mut lanes)?;
        // Traits must go on from where their box begins. From elsewhere, rounding could lead them out of it.
        lanes.scatter(&mut self.population.tables[fate], &of.moving);
        let top = match (of.coupled, of.driven.is_empty()) {
            (true, _) => 0,
            (_, true) => self.env.top_level(),
            // Traits with varying targets are written back every epoch, and the box has room for so many roundings.
            (_, false) => self.env.top_level().min(WRITTEN_BACK),
        };
        let mut levels = [0_i8; LANES];
        for (level, &row) in levels.iter_mut().zip(rows) {
            // If nothing that a hazard reads can change, a bound holds to the horizon.
            *level = if of.varying { self.population.tables[fate].level[row as usize].min(top) } else { top };
        }
        let mut bounds = [0.0; LANES];
        loop {
            let meter = &mut self.profile.fates[fate].bounds;
            let begun = meter.begin(lanes.n);
            let FateScratch { driver, bounds: frame, boxes, .. } = &mut self.scratch.fates[fate];
            boxes.set_windows(&levels, &lanes, &mut self.env);
            driver.enclose(of, &lanes, boxes, &self.env);
            boxes.fill(&of.hazards, &of.flows, &lanes, &self.env, frame);
            of.hazards.program.bounds(frame, lanes.n);
            meter.end(begun);
            if self.sum_bounds(fate, &lanes, &mut levels, &mut bounds)? {
                break;
            }
        }
        self.scratch.acceptance.bounds = bounds;
        self.scratch.acceptance.ends = self.scratch.fates[fate].boxes.end;
        self.fall_asleep(fate, &lanes, &levels, top, due);
        self.scratch.put_lanes(lanes);
        Ok(())
    }

    /// Put cells with new bounds to sleep.
    fn fall_asleep(&mut self, fate: usize, lanes: &Lanes, levels: &[i8; LANES], top: i8, due: &mut Vec<u32>) {
        let table = &mut self.population.tables[fate];
        let rows = &lanes.rows[..lanes.n];
        for (threshold, &row) in self.scratch.acceptance.thresholds.iter_mut().zip(rows) {
            *threshold = table.threshold[row as usize];
        }
        self.scratch.acceptance.set_wake_times(&lanes.now);
        let Acceptance { bounds, ends, wake, remainder, .. } = &*self.scratch.acceptance;
        let waiting = due.len();
        due.resize(waiting + rows.len(), 0);
        let mut last = waiting;
        for (lane, &index) in rows.iter().enumerate() {
            let row = index as usize;
            table.bound[row] = bounds[lane];
            table.window_end[row] = ends[lane];
            table.wake[row] = wake[lane];
            table.threshold[row] = remainder[lane];
            // A window without a candidate was short enough, and one with few expected candidates far too short.
            let quiet = remainder[lane] > 0.0;
            let step = 1 + 2 * i8::from(bounds[lane] * (ends[lane] - lanes.now[lane]) < FEW_CANDIDATES);
            table.level[row] = (levels[lane] + i8::from(quiet) * step).min(top);
            due[last] = index;
            last += usize::from(wake[lane] < self.env.end);
        }
        due.truncate(last);
    }

    /// Put cells whose hazards never change to sleep until their thresholds are used up.
    fn bound_constant(&mut self, fate: usize, rows: &[u32], total: f64, due: &mut Vec<u32>) -> Result<(), Error> {
        let of = &self.job.model.fates[fate];
        let hazards = of.transitions.iter().zip(of.constant.iter().flatten());
        for (&k, &hazard) in hazards {
            if let Some(kind) = rate_fault(hazard) {
                let rule = self.job.model.transitions[k].name.clone();
                return Err(self.fault(fate, rule, self.env.start, kind));
            }
        }
        let table = &mut self.population.tables[fate];
        for &index in rows {
            let row = index as usize;
            // The bound is the hazard itself and never ends.
            table.bound[row] = total;
            table.window_end[row] = f64::INFINITY;
            table.wake[row] += table.threshold[row] / total;
            table.threshold[row] = 0.0;
            if table.wake[row] < self.env.end {
                due.push(index);
            }
        }
        Ok(())
    }

    /// Add up the bounds of all hazards. Returns false if some cell needs a shorter window first.
    fn sum_bounds(
        &mut self,
        fate: usize,
        lanes: &Lanes,
        levels: &mut [i8; LANES],
        bounds: &mut [f64; LANES],
    ) -> Result<bool, Error> {
        let model = &self.job.model;
        let of = &model.fates[fate];
        *bounds = [0.0; LANES];
        let mut marks = [0; LANES];
        for output in 0..of.transitions.len() {
            let (low, high) = self.scratch.fates[fate].bounds.output(output);
            add_bounds(low, high, bounds, &mut marks);
        }
        let any = |what| marks[..lanes.n].iter().any(|mark| mark & what != 0);
        let unbound = any(UNBOUND);
        if unbound {
            self.shorten(fate, lanes, levels)?;
        } else if any(DOUBTFUL) {
            self.check_signs(fate, lanes)?;
        }
        Ok(!unbound)
    }

    /// Take the next shorter window for cells whose bound is not finite.
    fn shorten(&self, fate: usize, lanes: &Lanes, levels: &mut [i8; LANES]) -> Result<(), Error> {
        let of = &self.job.model.fates[fate];
        for (lane, level) in levels[..lanes.n].iter_mut().enumerate() {
            let unbounded = (0..of.transitions.len()).find(|&output| {
                let (low, high) = self.scratch.fates[fate].bounds.output(output);
                !has_bound(low[lane], high[lane])
            });
            match unbounded {
                None => {}
                Some(_) if *level > FINEST => *level -= 1,
                Some(output) => return Err(self.unbounded(fate, output, lane, lanes)),
            }
        }
        Ok(())
    }

    /// Return the error for a bound that is not finite: of the hazard, or of the flow of a trait that it reads.
    fn unbounded(&self, fate: usize, output: usize, lane: usize, lanes: &Lanes) -> Error {
        let (of, boxes) = (&self.job.model.fates[fate], &self.scratch.fates[fate].boxes);
        let lost = of.driven.iter().map(|driven| driven.column).find(|&column| !boxes.high[column][lane].is_finite());
        match lost {
            Some(column) => self.fault(fate, self.flow_of(column), lanes.now[lane], FaultKind::Unbounded),
            None => self.hazard_fault(fate, of.transitions[output], lane, lanes, FaultKind::Unbounded),
        }
    }

    /// Check the hazards themselves, where a bound allows a negative one.
    fn check_signs(&mut self, fate: usize, lanes: &Lanes) -> Result<(), Error> {
        let model = &self.job.model;
        let of = &model.fates[fate];
        let scratch = &mut self.scratch.fates[fate];
        lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, &mut scratch.values);
        of.hazards.program.values(&mut scratch.values, lanes.n);
        for (output, &k) in of.transitions.iter().enumerate() {
            for lane in 0..lanes.n {
                let hazard = f64::from(self.scratch.fates[fate].values.output(output)[lane]);
                if let Some(kind) = rate_fault(hazard) {
                    return Err(self.hazard_fault(fate, k, lane, lanes, kind));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::example::Example;
    use crate::expr::{Binary, Input, Node, NodeId};
    use crate::simulation::Control;

    #[test]
    fn a_constant_hazard_that_is_invalid_is_reported() {
        for ((of, by), kind) in [
            ((-1.0, 2.0), FaultKind::Negative(-0.5)),
            ((0.0, 0.0), FaultKind::NotANumber),
            ((1.0, 0.0), FaultKind::Infinite),
            ((-1.0, 0.0), FaultKind::Infinite),
        ] {
            // Beside a valid hazard, first or last.
            for which in 0..2 {
                let mut example = Example::constant(of, by);
                let mut sound = Example::constant(1.0, 1.0).model.transitions.remove(0);
                (sound.hazard, sound.name) = (0.try_into().unwrap(), "sound".into());
                example.model.transitions.insert(which, sound);
                let Err(Error::Rate(fault)) = example.records() else { panic!("{of}/{by} gave no fault") };
                assert_eq!((fault.kind, fault.rule.as_str(), fault.time), (kind, "division", 0.0));
            }
        }
    }

    #[test]
    fn a_constant_hazard_is_its_own_bound_for_ever() {
        let job = Example::constant(1.0, 4.0).with(|run| run.initial = vec![3]).job();
        let control = Control::default();
        let mut worker = job.started(&control);
        let end = worker.env.end;
        worker.population.tables[0].threshold = vec![1.0, 0.25 * end, 0.25 * end.next_down()];
        let mut due = Vec::new();
        worker.bound(0, &[0, 1, 2], &mut due).unwrap();
        let table = &worker.population.tables[0];
        assert_eq!((table.wake.as_slice(), due.as_slice()), (&[4.0, end, end.next_down()][..], &[0, 2][..]));
        assert_eq!((table.bound[0], table.window_end[0], table.threshold[0]), (0.25, f64::INFINITY, 0.0));
        assert_eq!(worker.progress.counters.bounds, 3);
    }

    /// Return an example with a hundred cells over six hours. Their hazard is one over a node made of the time and of
    /// constants 6 and 1.
    fn at_one_over(made: impl Fn(&mut dyn FnMut(Binary, NodeId, NodeId) -> NodeId, [NodeId; 3]) -> NodeId) -> Example {
        let mut example = Example::constant(1.0, 1.0).with(|run| {
            (run.initial, run.until, run.observe) = (vec![100], 6.0, vec![0.0, 6.0]);
        });
        let inputs = [Node::Input { input: Input::Time }, Node::Const { value: 6.0 }, Node::Const { value: 1.0 }];
        let [time, six, one] = inputs.map(|node| example.node(node));
        let mut of = |f, x, y| example.node(Node::Binary { f, x, y });
        let below = made(&mut of, [time, six, one]);
        example.model.transitions[0].hazard = of(Binary::Div, one, below);
        example
    }

    /// 1 + t - min(t, 6) is 1 until 6 h, but over an hour or more, interval evaluation shows only that it may be 0.
    #[test]
    fn a_window_is_shortened_until_there_is_a_bound() {
        let example = at_one_over(|of, [time, six, one]| {
            let other = of(Binary::Min, time, six);
            let sum = of(Binary::Add, one, time);
            of(Binary::Sub, sum, other)
        });
        let record = example.records().unwrap().remove(0);
        // 600, with a standard deviation of 25.
        assert!((400..800).contains(&record.total_events[0]), "{record:?}");
        // No window lasts longer than three quarters of an hour.
        assert!(record.counters.bounds >= 800, "{record:?}");
    }

    #[test]
    fn a_hazard_without_a_bound_over_the_shortest_window_is_reported() {
        let example = at_one_over(|of, [time, six, _]| {
            let (over, under) = (of(Binary::Sub, time, six), of(Binary::Sub, six, time));
            of(Binary::Max, over, under)
        });
        let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
        assert_eq!((fault.kind, fault.rule.as_str()), (FaultKind::Unbounded, "division"));
        assert!((5.0..=6.0).contains(&fault.time), "{fault:?}");
    }

    /// The bound of the hazard is 0, so that no candidate would ever show that the hazard is negative.
    #[test]
    fn a_hazard_below_zero_is_reported_though_nothing_happens() {
        let example = at_one_over(|of, [time, six, one]| {
            let under = of(Binary::Sub, time, six);
            of(Binary::Sub, under, one)
        });
        let Err(Error::Rate(fault)) = example.records() else { panic!("no fault") };
        assert!(matches!(fault.kind, FaultKind::Negative(rate) if (rate + 1.0 / 7.0).abs() < 1e-6), "{fault:?}");
        assert_eq!((fault.rule.as_str(), fault.time), ("division", 0.0));
    }

    #[test]
    fn a_window_that_was_quiet_gets_longer_and_one_that_was_far_too_short_much_longer() {
        let job = Example::load("closed").with(|run| run.initial = vec![5, 0]).job();
        let control = Control::default();
        let mut worker = job.started(&control);
        let end = worker.env.end;
        let mut lanes = worker.scratch.take_lanes();
        lanes.gather(&worker.population.tables[0], &[0, 1, 2, 3, 4], &worker.job.model.fates[0].read);
        lanes.now = [end - 8.0; LANES];
        // One cell with a candidate at the epoch's end, one with a candidate just before it, two without, and one at
        // the top level.
        worker.population.tables[0].threshold =
            vec![8.0 * FEW_CANDIDATES, 8.0 * FEW_CANDIDATES.next_down(), 9.0, 9.0, 9.0];
        worker.scratch.acceptance.bounds = [FEW_CANDIDATES; LANES];
        worker.scratch.acceptance.ends = [end + 8.0; LANES];
        worker.scratch.acceptance.ends[2] = end - 7.0;
        worker.scratch.acceptance.ends[3] = end - 7.5;
        let (levels, mut due) = ([1; LANES], vec![7]);
        worker.fall_asleep(0, &lanes, &levels, 3, &mut due);
        let table = &worker.population.tables[0];
        assert_eq!(table.level, [1, 1, 2, 3, 2], "a quarter of a candidate was to be expected, and half of that");
        assert_eq!(due, [7, 1, 2, 3]);
        assert_eq!(table.wake[2..], [end - 7.0, end - 7.5, end + 8.0]);
        assert_eq!(
            table.threshold[2..],
            [9.0 - FEW_CANDIDATES, 9.0 - 0.5 * FEW_CANDIDATES, 9.0 - 16.0 * FEW_CANDIDATES]
        );
        assert_eq!((table.bound[4], table.window_end[4]), (FEW_CANDIDATES, end + 8.0));
    }
}
