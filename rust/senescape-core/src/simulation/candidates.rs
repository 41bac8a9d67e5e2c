//! Candidates: fates drawn by thinning.
//!
//! A cell sleeps until its threshold, in units of integrated bound, is used up (a candidate) or its bound ends. At a
//! candidate, the true hazards decide whether an event happens. If none does, the cell sleeps on under the same bound
//! with a new threshold, unless the bound proved loose. When a bound ends, interval evaluation of the same rules gives
//! a new one, over the box that the cell and its environment stay in until the window's end. Which windows a cell takes
//! follows from its own history only: longer ones after a quiet window, shorter ones after a rejected candidate. So
//! nothing that a cell does depends on which cells lie beside it.

use super::Worker;
use crate::environment::FINEST;
use crate::error::{Error, FaultKind, rate_fault};
use crate::expr::LANES;
use crate::population::Lanes;
use crate::population::flow::{FlowError, FlowFault};
use crate::thinning::{Acceptance, Queues, StallCheck};

/// If the hazard is a smaller fraction of its bound at a rejected candidate, windows get shorter.
const SHORTEN_BELOW: f64 = 0.5;

/// If it is an even smaller fraction than this, the bound is computed anew at once.
const REPLACE_BELOW: f64 = 0.3;

impl Worker<'_> {
    /// Run the cells of one block that wake within the epoch, until all of them sleep past it.
    pub(super) fn run_block(&mut self, fate: usize, block: usize) -> Result<(), Error> {
        let mut queues = std::mem::take(&mut self.scratch.fates[fate].queues);
        queues.due.clear();
        self.population.tables[fate].due(block, self.env.end, &mut queues.due);
        let outcome = self.run_due(fate, &mut queues);
        self.scratch.fates[fate].queues = queues;
        outcome
    }

    fn run_due(&mut self, fate: usize, queues: &mut Queues) -> Result<(), Error> {
        let mut stall = StallCheck::starting_at(self.env.start);
        loop {
            if queues.due.is_empty() {
                return Ok(());
            }
            queues.split(&self.population.tables[fate].threshold);
            for rows in queues.candidates.chunks(LANES) {
                self.test_candidates(fate, rows, &mut queues.unbound, &mut queues.due)?;
            }
            for rows in queues.unbound.chunks(LANES) {
                self.bound(fate, rows, &mut queues.due)?;
            }
            // A long epoch has many rounds, so limits are checked within it too. Cells that are left unfinished here
            // are not used again, because the replicate ends.
            let stretch = stall.ends_stretch();
            if stall.round.is_multiple_of(16) && (self.runs_away() || self.over_memory() || self.interrupted()) {
                return Ok(());
            }
            if stretch {
                let wake = &self.population.tables[fate].wake;
                let slowest = queues.due.iter().map(|&row| row as usize).min_by(|a, b| wake[*a].total_cmp(&wake[*b]));
                if let Some(row) = slowest
                    && let Some(rate) = stall.stalled_rate(wake[row], self.env.end - self.env.start)
                {
                    return Err(self.too_fast(fate, row, rate));
                }
            }
        }
    }

    /// Return the error for a cell that comes up too often within one epoch: it names the rule with the highest hazard.
    pub(super) fn too_fast(&mut self, fate: usize, row: usize, rate: f64) -> Error {
        let of = &self.job.model.fates[fate];
        let time = self.population.tables[fate].wake[row];
        // A cell that has just entered the fate has no bound yet, so all its hazards are bounded first.
        if let Err(error) = self.bound(fate, &[row as u32], &mut Vec::new()) {
            return error;
        }
        let high = |output: usize| match &of.constant {
            Some(hazards) => hazards[output],
            None => f64::from(self.scratch.fates[fate].bounds.output(output).1[0]),
        };
        let fastest = (0..of.transitions.len()).max_by(|a, b| high(*a).total_cmp(&high(*b))).unwrap_or(0);
        let bound = high(fastest);
        let value = self.highest_value(fate, row, fastest);
        let Some(&k) = of.transitions.get(fastest) else {
            return self.fault(fate, String::new(), time, FaultKind::TooFast(rate));
        };
        let rule = self.job.model.transitions[k].name.clone();
        let kind = if value < REPLACE_BELOW * bound {
            FaultKind::LooseBound { value, bound }
        } else {
            FaultKind::TooFast(self.population.tables[fate].bound[row].max(rate))
        };
        self.fault(fate, rule, time, kind)
    }

    /// Return the highest value of one hazard at moments of a cell's window, if its traits stay as they are.
    fn highest_value(&mut self, fate: usize, row: usize, output: usize) -> f64 {
        let of = &self.job.model.fates[fate];
        if let Some(hazards) = &of.constant {
            return hazards[output];
        }
        let (start, end) =
            (self.population.tables[fate].wake[row], self.scratch.fates[fate].boxes.end[0].min(self.env.end));
        let mut lanes = self.scratch.take_lanes();
        lanes.gather(&self.population.tables[fate], &[row as u32; LANES], &of.read);
        for (i, now) in lanes.now.iter_mut().enumerate() {
            *now = start + (end - start) * (i as f64 / (LANES - 1) as f64);
        }
        let values = &mut self.scratch.fates[fate].values;
        lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, values);
        of.hazards.program.values(values, lanes.n);
        self.scratch.put_lanes(lanes);
        self.scratch.fates[fate].values.output(output).iter().fold(0.0, |most, value| most.max(f64::from(*value)))
    }

    /// Test the candidates in some rows. Those that need a new bound join `unbound`; those that sleep on under the old
    /// one and wake again within the epoch join `due`.
    fn test_candidates(
        &mut self,
        fate: usize,
        rows: &[u32],
        unbound: &mut Vec<u32>,
        due: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let model = &self.job.model;
        let of = &model.fates[fate];
        let mut lanes = self.scratch.take_lanes();
        lanes.gather(&self.population.tables[fate], rows, &of.read);
        self.advance(fate, &mut lanes)?;
        if !of.driven.is_empty() {
            // Traits are written back at once, because advancing a driven trait again would be costly.
            lanes.scatter(&mut self.population.tables[fate], &of.moving);
        }
        self.progress.counters.candidates += rows.len() as u64;
        self.scratch.acceptance.draw(&self.population.tables[fate], rows, self.stream);
        self.select_transitions(fate, &lanes)?;
        let none = of.transitions.len() as u32;
        let (mut refused, mut happening) = ([0_u8; LANES], [0_u8; LANES]);
        let mut n = 0;
        // About as many candidates are accepted as rejected, so the loop has no branch.
        for (lane, selected) in self.scratch.acceptance.selected[..rows.len()].iter().enumerate() {
            refused[n] = lane as u8;
            happening[lane - n] = lane as u8;
            n += usize::from(*selected == none);
        }
        self.sleep_on(fate, &lanes, &refused[..n], unbound, due);
        for &lane in &happening[..rows.len() - n] {
            let lane = usize::from(lane);
            let (index, now) = (rows[lane], lanes.now[lane]);
            let k = of.transitions[self.scratch.acceptance.selected[lane] as usize];
            // An event reads the traits of its own time.
            if of.driven.is_empty() {
                lanes.scatter_lane(lane, &mut self.population.tables[fate], &of.moving);
            }
            if self.apply_event(fate, index as usize, now, k)? {
                self.population.tables[fate].wake[index as usize] = now;
                unbound.push(index);
            }
        }
        self.scratch.put_lanes(lanes);
        Ok(())
    }

    /// Put cells with rejected candidates back to sleep under the same bound, or let them get another where it proved
    /// loose.
    fn sleep_on(&mut self, fate: usize, lanes: &Lanes, refused: &[u8], unbound: &mut Vec<u32>, due: &mut Vec<u32>) {
        self.scratch.acceptance.set_wake_times(&lanes.now);
        let Acceptance { thresholds, bounds, ends, total, wake, remainder, .. } = &*self.scratch.acceptance;
        let table = &mut self.population.tables[fate];
        for &lane in refused {
            let lane = usize::from(lane);
            let index = lanes.rows[lane];
            let row = index as usize;
            table.draws[row] += 1;
            let fraction = total[lane] / bounds[lane];
            table.level[row] = (table.level[row] - i8::from(fraction < SHORTEN_BELOW)).max(FINEST);
            if fraction < REPLACE_BELOW && bounds[lane] * (ends[lane] - lanes.now[lane]) > 1.0 {
                table.threshold[row] = thresholds[lane];
                unbound.push(index);
                continue;
            }
            table.wake[row] = wake[lane];
            table.threshold[row] = remainder[lane];
            if wake[lane] < self.env.end {
                due.push(index);
            }
        }
    }

    /// Select the transition that each candidate becomes: the first, among those out of the fate, whose summed hazard
    /// exceeds the drawn fraction of the bound.
    fn select_transitions(&mut self, fate: usize, lanes: &Lanes) -> Result<(), Error> {
        let of = &self.job.model.fates[fate];
        if let Some(constant) = &of.constant {
            for hazard in constant {
                self.scratch.acceptance.add_hazards([*hazard; LANES]);
            }
            return Ok(());
        }
        let meter = &mut self.profile.fates[fate].values;
        let begun = meter.begin(lanes.n);
        let values = &mut self.scratch.fates[fate].values;
        lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &self.env, values);
        of.hazards.program.values(values, lanes.n);
        meter.end(begun);
        for output in 0..of.transitions.len() {
            self.scratch.acceptance.add_hazards(values.output(output).map(f64::from));
        }
        if self.scratch.acceptance.is_valid(lanes.n) { Ok(()) } else { Err(self.invalid_hazard(fate, lanes)) }
    }

    /// Return the error for the invalid hazards of some candidates.
    fn invalid_hazard(&self, fate: usize, lanes: &Lanes) -> Error {
        let of = &self.job.model.fates[fate];
        for lane in 0..lanes.n {
            for (output, &k) in of.transitions.iter().enumerate() {
                let hazard = f64::from(self.scratch.fates[fate].values.output(output)[lane]);
                if let Some(kind) = rate_fault(hazard) {
                    return self.hazard_fault(fate, k, lane, lanes, kind);
                }
            }
            let (value, bound) = (self.scratch.acceptance.total[lane], self.scratch.acceptance.bounds[lane]);
            if value > bound {
                let k = of.transitions.first().copied().unwrap_or(0);
                return self.hazard_fault(fate, k, lane, lanes, FaultKind::AboveBound { value, bound });
            }
        }
        Error::Internal("hazards were refused without a reason".into())
    }

    /// Advance the traits of some cells along their flows to now.
    pub(super) fn advance(&mut self, fate: usize, lanes: &mut Lanes) -> Result<(), Error> {
        let of = &self.job.model.fates[fate];
        if of.moving.is_empty() {
            lanes.since = lanes.now;
            return Ok(());
        }
        let meter = &mut self.profile.fates[fate].flows;
        let begun = meter.begin(lanes.n);
        let done = self.scratch.fates[fate].driver.advance(of, lanes, &self.env, self.job.run.rtol);
        meter.end(begun);
        done.map_err(|FlowError { column, lane, fault }| {
            let kind = match fault {
                FlowFault::Target(target) => rate_fault(f64::from(target.abs())).unwrap_or(FaultKind::NotANumber),
                FlowFault::Steps(steps) => FaultKind::Steps(steps),
            };
            self.fault(fate, self.flow_of(column), lanes.now[lane], kind)
        })
    }

    /// Return the name of a column's flow in messages.
    pub(super) fn flow_of(&self, column: usize) -> String {
        format!("flow of {}", self.job.model.columns[column].name)
    }

    /// Return the error for one cell's hazard, with the values that its rule reads.
    pub(super) fn hazard_fault(&self, fate: usize, k: usize, lane: usize, lanes: &Lanes, kind: FaultKind) -> Error {
        let rule = self.job.model.transitions[k].name.clone();
        let mut error = self.fault(fate, rule, lanes.now[lane], kind);
        if let Error::Rate(fault) = &mut error {
            fault.inputs = self.inputs_of(fate, lane, lanes);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;
    use crate::expr::{Input, Node};
    use crate::model::Source;
    use crate::population::Boxes;
    use crate::simulation::Control;
    use std::sync::atomic::Ordering;

    /// An epoch of a cell with a hundred candidates an hour is given up soon, for each possible reason.
    #[test]
    fn every_sixteenth_round_looks_whether_to_go_on() {
        type Reason = fn(&mut Worker<'_>);
        let reasons: [(Reason, u64); 4] = [
            (|_| (), 1000),
            (|worker| worker.monitor.control.cancel.store(true, Ordering::Relaxed), 15),
            (|worker| worker.population.alive = u64::MAX, 15),
            (|worker| worker.monitor.control.memory.store(1 << 40, Ordering::Relaxed), 15),
        ];
        let job = Example::constant(100.0, 1.0).with(|run| run.max_memory = Some(1 << 30)).job();
        for (i, (reason, candidates)) in reasons.into_iter().enumerate() {
            let control = Control::default();
            let mut worker = job.started(&control);
            reason(&mut worker);
            worker.run_block(0, 0).unwrap();
            // The first round bounds the hazard, each other one has a candidate.
            assert!(
                worker.progress.counters.candidates == candidates
                    || (i == 0 && worker.progress.counters.candidates > candidates)
            );
            assert_eq!(worker.population.tables[0].wake[0] < worker.env.end, i > 0, "{i}");
        }
    }

    /// Rejected candidates at the edge of each condition.
    #[test]
    fn a_cell_sleeps_on_under_a_bound_that_is_not_loose() {
        let job = Example::load("everything").with(|run| run.initial = vec![8, 0]).job();
        let control = Control::default();
        let mut worker = job.started(&control);
        let mut lanes = worker.scratch.take_lanes();
        let rows: Vec<u32> = (0..8).collect();
        lanes.gather(&worker.population.tables[0], &rows, &worker.job.model.fates[0].read);
        worker.population.tables[0].level = vec![2, 2, 2, 2, 2, FINEST, 2, 2];
        let end = worker.env.end;
        let acceptance = &mut worker.scratch.acceptance;
        acceptance.thresholds = [6.0; LANES];
        acceptance.bounds = [1.0; LANES];
        acceptance.ends = [end + 20.0; LANES];
        lanes.now = [end - 10.0; LANES];
        acceptance.total = [1.0; LANES];
        acceptance.total[..6].copy_from_slice(&[
            SHORTEN_BELOW,
            SHORTEN_BELOW.next_down(),
            REPLACE_BELOW,
            REPLACE_BELOW.next_down(),
            REPLACE_BELOW.next_down(),
            0.1,
        ]);
        // A loose bound is kept if one candidate is expected until its end, and replaced if more are.
        acceptance.ends[3] = lanes.now[3] + 1.0;
        acceptance.ends[4] = lanes.now[4] + 1.0 + 1e-9;
        // Wakes as the epoch ends.
        acceptance.thresholds[6] = 10.0;
        let (mut unbound, mut due) = (Vec::new(), Vec::new());
        worker.sleep_on(0, &lanes, &[0, 1, 2, 3, 4, 5, 6], &mut unbound, &mut due);
        let table = &worker.population.tables[0];
        assert_eq!(table.level, [2, 1, 1, 1, 1, FINEST, 2, 2]);
        assert_eq!(table.draws, [1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(unbound, [4, 5]);
        assert_eq!(due, [0, 1, 2, 3]);
        assert_eq!(table.wake[..4], [end - 4.0, end - 4.0, end - 4.0, end - 9.0]);
        assert_eq!(table.threshold[..6], [0.0, 0.0, 0.0, 5.0, 6.0, 6.0]);
        assert_eq!((table.wake[6], table.wake[4]), (end, 0.0), "what needs a bound keeps its time");
    }

    #[test]
    fn a_hazard_above_its_bound_is_reported_with_both() {
        let job = Example::load("everything").with(|run| run.initial = vec![6, 0]).job();
        let control = Control::default();
        let mut worker = job.started(&control);
        let rows: Vec<u32> = (0..6).collect();
        let (mut unbound, mut due) = (Vec::new(), Vec::new());
        worker.population.tables[0].bound = vec![1e9; 6];
        worker.population.tables[0].window_end = vec![f64::INFINITY; 6];
        worker.test_candidates(0, &rows, &mut unbound, &mut due).unwrap();
        let hazards = worker.scratch.acceptance.total;
        // As large as its bound is within it.
        worker.population.tables[0].bound[..3].copy_from_slice(&[hazards[0], hazards[1], hazards[2].next_down()]);
        let error = worker.test_candidates(0, &rows, &mut unbound, &mut due).unwrap_err();
        let Error::Rate(fault) = error else { panic!("{error}") };
        let (value, bound) = (hazards[2], hazards[2].next_down());
        assert_eq!(fault.kind, FaultKind::AboveBound { value, bound });
        assert_eq!(fault.rule, job.model().transitions[job.model().fates[0].transitions[0]].name);
    }

    /// Each mark by its own bit, in values and in boxes.
    #[test]
    fn marks_are_read_one_by_one() {
        for mark in 0..2 {
            let mut example = Example::load("everything").with(|run| run.initial = vec![0, 4]);
            for node in &mut example.model.nodes.nodes {
                if let Node::Input { input: Input::Mark(of) } = node {
                    *of = mark;
                }
            }
            let (job, control) = (example.job(), Control::default());
            let mut worker = job.started(&control);
            worker.population.tables[1].marks = vec![0, 1, 2, 7];
            let of = &job.model().fates[1];
            let place = of.hazards.inputs.iter().position(|input| *input == Source::Mark(usize::from(mark))).unwrap();
            let mut lanes = worker.scratch.take_lanes();
            lanes.gather(&worker.population.tables[1], &[0, 1, 2, 3], &of.read);
            let mut values = of.hazards.program.frame();
            lanes.fill(&of.hazards, &lanes.columns, &lanes.now, &worker.env, &mut values);
            let expected = if mark == 0 { [0.0, 1.0, 0.0, 1.0] } else { [0.0, 0.0, 1.0, 1.0] };
            assert_eq!(values.input_mut(place)[..4], expected);
            let mut boxes = Boxes::new(job.model().columns.len());
            boxes.set_windows(&[0; LANES], &lanes, &mut worker.env);
            let mut frame = of.hazards.program.interval_frame();
            boxes.fill(&of.hazards, &of.flows, &lanes, &worker.env, &mut frame);
            let (low, high) = frame.input_mut(place);
            assert_eq!((&low[..4], &high[..4]), (&expected[..], &expected[..]));
        }
    }
}
