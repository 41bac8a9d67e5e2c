//! The environment over one epoch, and the boxes of values that it can take over windows of time.

mod timeline;

use crate::expr::LANES;
use crate::kinetics::drug::Segment;
use crate::kinetics::pools::PoolPath;
use crate::model::{EnvInput, Model};
use std::sync::Arc;
pub use timeline::Timeline;
use timeline::outward;

/// The finest level of a window: a sixteenth of an epoch.
pub const FINEST: i8 = -4;

/// Lanes of times (h).
pub type Times = [f64; LANES];

/// A quantity that changes linearly over an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    /// Its value at the epoch's start.
    pub start: f64,
    /// Its change per hour.
    pub slope: f64,
}

impl Line {
    /// Return its value `s` hours into the epoch.
    #[inline]
    #[must_use]
    pub fn at(self, s: f64) -> f64 {
        self.start + self.slope * s
    }
}

/// The environment over one epoch, as cells read it.
pub struct Environment {
    /// The timeline that is followed now.
    pub timeline: Arc<Timeline>,
    /// The number of the epoch.
    pub epoch: usize,
    /// Its start (h).
    pub start: f64,
    /// Its end (h).
    pub end: f64,
    /// The pools' path.
    pub pools: PoolPath,
    /// The aggregates' paths.
    pub aggregates: Vec<Line>,
    drugs: usize,
    pool_count: usize,
    windows: Windows,
    /// True while drugs are read as they are from the epoch's end on, where doses given then count.
    past_end: bool,
}

/// The number of epochs whose windows are cached at once, if the environment is the same in every replicate.
const CACHED_EPOCHS: usize = 32;

/// Windows of time with their ends, and the range of every input over each. A window is computed when it is first
/// needed.
struct Windows {
    /// The number of windows of one epoch.
    per_epoch: usize,
    /// The number of inputs.
    width: usize,
    /// True if the environment is the same in every replicate, so that a window once computed stays valid.
    reusable: bool,
    /// The index of the present epoch's first window.
    offset: usize,
    /// The value in `known` of a window that was computed for this epoch.
    stamp: u64,
    known: Vec<u64>,
    ends: Vec<f64>,
    ranges: Vec<(f32, f32)>,
}

impl Windows {
    fn new(model: &Model, timeline: &Timeline) -> Self {
        let width = 1 + model.drugs.len() + model.pools.len() + model.aggregates.len();
        let per_epoch = timeline.top_level() as usize + (2 << -FINEST) as usize;
        let reusable = model.pools.is_empty() && model.aggregates.is_empty();
        let count = per_epoch * if reusable { timeline.epochs().clamp(1, CACHED_EPOCHS) } else { 1 };
        Self {
            per_epoch,
            width,
            reusable,
            offset: 0,
            stamp: 0,
            known: vec![0; count],
            ends: vec![0.0; count],
            ranges: vec![(0.0, 0.0); count * width],
        }
    }

    fn enter(&mut self, epoch: usize) {
        if self.reusable {
            let cached = self.known.len() / self.per_epoch;
            self.offset = epoch % cached * self.per_epoch;
            self.stamp = epoch as u64 + 1;
        } else {
            self.stamp += 1;
        }
    }
}

impl Environment {
    /// Make an environment that stands before the first epoch of a timeline.
    #[must_use]
    pub fn new(model: &Model, timeline: &Arc<Timeline>) -> Self {
        Self {
            timeline: Arc::clone(timeline),
            epoch: 0,
            start: 0.0,
            end: 0.0,
            pools: PoolPath::default(),
            aggregates: vec![Line::default(); model.aggregates.len()],
            drugs: model.drugs.len(),
            pool_count: model.pools.len(),
            windows: Windows::new(model, timeline),
            past_end: false,
        }
    }

    /// Read drugs at the epoch's end as they are from then on, while `read` runs.
    pub fn past_end<T>(&mut self, read: impl FnOnce(&Self) -> T) -> T {
        self.past_end = true;
        let seen = read(self);
        self.past_end = false;
        seen
    }

    /// Follow another timeline, from before its first epoch.
    pub fn follow(&mut self, model: &Model, timeline: Arc<Timeline>) {
        self.windows = Windows::new(model, &timeline);
        self.timeline = timeline;
    }

    /// Enter an epoch. The caller sets the paths of pools and aggregates.
    pub fn enter(&mut self, epoch: usize) {
        self.epoch = epoch;
        self.start = self.timeline.edges[epoch];
        self.end = self.timeline.edges[epoch + 1];
        self.windows.enter(epoch);
    }

    /// Return the drugs' courses over the epoch.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        self.timeline.courses(self.epoch)
    }

    /// Return the coarsest level of a window that starts with this epoch.
    #[must_use]
    pub fn top_level(&self) -> i8 {
        self.timeline.top_level_from(self.epoch)
    }

    /// Fill in one input at the first `n` of given times, all inside the epoch.
    pub fn fill(&self, input: EnvInput, times: &Times, n: usize, out: &mut [f32; LANES]) {
        match input {
            EnvInput::Time => {
                for (o, t) in out.iter_mut().zip(times) {
                    *o = *t as f32;
                }
            }
            EnvInput::Drug(drug) => {
                let (epoch, start) = if self.past_end { (self.epoch + 1, self.end) } else { (self.epoch, self.start) };
                let s = times.map(|t| t - start);
                self.timeline.courses(epoch)[drug].fill(&s[..n], &mut out[..n]);
            }
            EnvInput::Pool(pool) => {
                let s = self.elapsed(times);
                self.pools.fill(pool, &s[..n], &mut out[..n]);
            }
            EnvInput::Aggregate(index) => {
                let line = self.aggregates[index];
                for (o, t) in out.iter_mut().zip(times) {
                    *o = line.at(t - self.start) as f32;
                }
            }
        }
    }

    /// Return the number of the window of a level that holds time `t` (h), and its end (h).
    ///
    /// Windows of levels from 0 up span `2^level` epochs from the start of this one; those of levels below 0 are equal
    /// parts of this epoch.
    pub fn window(&mut self, level: i8, t: f64) -> (usize, f64) {
        let offset = self.windows.offset;
        if level >= 0 {
            let index = offset + level as usize;
            if self.windows.known[index] != self.windows.stamp {
                self.compute_window(index, self.start, self.timeline.window_end(self.epoch, level), level);
            }
            return (index, self.windows.ends[index]);
        }
        let parts = 1_usize << -level;
        let fraction = (t - self.start) / (self.end - self.start);
        let part = ((fraction * parts as f64) as usize).min(parts - 1);
        let edge = |i: usize| {
            if i == parts { self.end } else { self.start + (self.end - self.start) * (i as f64 / parts as f64) }
        };
        // Rounding may put a time a little beyond an edge of its part, but a window must end after its start.
        let part = if t < edge(part) { part - 1 } else { part };
        let part = if t >= edge(part + 1) { part + 1 } else { part };
        let index = offset + self.timeline.top_level() as usize + parts - 1 + part;
        if self.windows.known[index] != self.windows.stamp {
            self.compute_window(index, edge(part), edge(part + 1), level);
        }
        (index, self.windows.ends[index])
    }

    /// Return the range of an input over a window.
    #[inline]
    #[must_use]
    pub fn range(&self, window: usize, input: EnvInput) -> (f32, f32) {
        let i = match input {
            EnvInput::Time => 0,
            EnvInput::Drug(drug) => 1 + drug,
            EnvInput::Pool(pool) => 1 + self.drugs + pool,
            EnvInput::Aggregate(index) => 1 + self.drugs + self.pool_count + index,
        };
        self.windows.ranges[window * self.windows.width + i]
    }

    fn elapsed(&self, times: &Times) -> Times {
        times.map(|t| t - self.start)
    }

    fn compute_window(&mut self, index: usize, from: f64, to: f64, level: i8) {
        let (s0, s1) = (from - self.start, to.min(self.end) - self.start);
        let Windows { stamp, width, .. } = self.windows;
        let drug_ranges = self.timeline.courses(self.epoch).iter().enumerate().map(|(drug, segment)| {
            if level >= 0 {
                self.timeline.range(self.epoch, level, drug)
            } else {
                let (low, high) = outward(segment.range(s0, s1));
                (low.max(0.0), high)
            }
        });
        let pool_ranges = (0..self.pool_count).map(|pool| outward(self.pools.range(pool, s0, s1)));
        let aggregate_ranges = self.aggregates.iter().map(|line| {
            let (a, b) = (line.at(s0) as f32, line.at(s1) as f32);
            (a.min(b), a.max(b))
        });
        let time = std::iter::once((from as f32, to as f32));
        let out = &mut self.windows.ranges[index * width..(index + 1) * width];
        for (out, range) in out.iter_mut().zip(time.chain(drug_ranges).chain(pool_ranges).chain(aggregate_ranges)) {
            *out = range;
        }
        self.windows.known[index] = stamp;
        self.windows.ends[index] = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;

    /// Return epochs whose lengths have no short form in binary. In the first, a moment before 3/7 h counts as 5/8 of
    /// it.
    fn uneven(n: u32) -> Vec<f64> {
        (0..n).map(|i| f64::from(i) * (24.0 / 35.0) + libm::sqrt(f64::from(i / 2)) / 3.0).collect()
    }

    #[test]
    fn every_time_of_an_epoch_lies_in_its_window() {
        let job = Example::load("runaway")
            .with(|run| {
                run.observe = uneven(40);
                run.until = run.observe[39];
            })
            .job();
        let mut env = job.environment();
        let times = uneven(40);
        for (epoch, pair) in times.windows(2).enumerate() {
            env.enter(epoch);
            assert_eq!([env.start, env.end], [pair[0], pair[1]]);
            for level in FINEST..0 {
                let parts = 1 << -level;
                let edge = |i: i32| match i {
                    i if i == parts => env.end,
                    i => env.start + (env.end - env.start) * (f64::from(i) / f64::from(parts)),
                };
                let edges: Vec<f64> = (0..=parts).map(edge).collect();
                let mut indices = Vec::new();
                for pair in edges.windows(2) {
                    // Its first moment, one within, and its last.
                    let found = [pair[0], 0.5 * (pair[0] + pair[1]), pair[1].next_down()].map(|t| env.window(level, t));
                    assert!(found.iter().all(|window| *window == (found[0].0, pair[1])), "{level} {pair:?}: {found:?}");
                    let (low, high) = env.range(found[0].0, EnvInput::Time);
                    assert!(f64::from(low) <= pair[0] * (1.0 + 1e-7) && f64::from(high) >= pair[1] * (1.0 - 1e-7));
                    indices.push(found[0].0);
                }
                let first = indices[0];
                assert!(indices.iter().zip(first..).all(|(index, next)| *index == next), "each has its own");
            }
        }
    }

    #[test]
    fn what_is_the_same_in_every_replicate_is_measured_once() {
        let example = Example::load("drugs").with(|run| run.sync = 1.0);
        let job = example.job();
        let mut env = job.environment();
        assert!(env.timeline.epochs() > CACHED_EPOCHS);
        for epoch in [0, 1, CACHED_EPOCHS - 1] {
            env.enter(epoch);
            env.window(0, env.start);
        }
        let known = |env: &mut Environment, epoch: usize| {
            env.enter(epoch);
            let index = env.windows.offset;
            env.windows.known[index] == env.windows.stamp
        };
        assert_eq!(
            [0, 1, 2, CACHED_EPOCHS - 1, CACHED_EPOCHS].map(|epoch| known(&mut env, epoch)),
            [true, true, false, true, false]
        );
        // A later epoch takes the place of the first one.
        env.enter(CACHED_EPOCHS);
        let (index, end) = env.window(0, env.start);
        assert_eq!(end, env.end);
        assert_eq!(env.range(index, EnvInput::Time).0, env.start as f32);
        assert!(!known(&mut env, 0) && known(&mut env, 1));
    }
}
