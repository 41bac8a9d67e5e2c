//! The timeline of a run: the epochs, and every drug's course over them, known before the run begins.

use crate::document::{DoseDocument, RouteDocument, RunDocument};
use crate::error::Error;
use crate::kinetics::drug::{Dose, Dosing, Route, Segment};
use crate::model::Model;
use std::collections::VecDeque;

/// The limit on epochs times the number of drugs and one. More is a slip in `sync` or `every`.
const EPOCH_LIMIT: usize = 500_000;

/// The epochs of a run, or of the part of it between two visits.
pub struct Timeline {
    /// Edges of the epochs (h): `edges[n]..edges[n + 1]` is epoch `n`.
    pub edges: Vec<f64>,
    /// For each edge, the number of the observation made there, if any. An observation at the first edge belongs to the
    /// part before.
    pub observation: Vec<Option<u32>>,
    /// For each epoch, the number of the first observation at or after its end.
    pub next_observation: Vec<u32>,
    /// `segments[n][drug]`: the drug's course over epoch `n`; the last one is its course from the end on.
    segments: Vec<Vec<Segment>>,
    drugs: usize,
    /// `ranges[level][n * drugs + drug]`: the drug's range over the epochs `n..n + 2^level`.
    ranges: Vec<Vec<(f32, f32)>>,
    /// `steady[n]`: the end of the longest run of epochs from `n` over which every drug keeps its order of magnitude.
    steady: Vec<usize>,
    /// The number of epochs before the time at which the arms of a trial part; 0 if they do not. Windows before it use
    /// nothing of what comes after.
    split: usize,
}

impl Timeline {
    /// Cut the time from `start` to `end` at observations, doses and at least every `sync` hours.
    ///
    /// `prescribed` holds all doses, those before `start` too.
    ///
    /// # Errors
    /// [`Error::Run`] for too many epochs, [`Error::Drug`] for impossible doses.
    pub fn new(
        model: &Model,
        run: &RunDocument,
        prescribed: &[DoseDocument],
        (start, end): (f64, f64),
    ) -> Result<Self, Error> {
        let mut doses = Vec::with_capacity(prescribed.len());
        for (i, dose) in prescribed.iter().enumerate() {
            if dose.drug >= model.drugs.len() {
                return Err(Error::Run(format!(
                    "dose {i} names drug {}, but there are {}",
                    dose.drug,
                    model.drugs.len()
                )));
            }
            let name = &model.drugs[dose.drug];
            let duration = || {
                dose.duration
                    .ok_or_else(|| Error::Run(format!("dose {i} of '{name}' needs a duration (h) for its route")))
            };
            let route = match dose.route {
                RouteDocument::Bolus => Route::Bolus,
                RouteDocument::Oral => Route::Oral,
                RouteDocument::Infusion => Route::Infusion { duration: duration()? },
                RouteDocument::Pulse => Route::Pulse { duration: duration()? },
            };
            doses.push(Dose { drug: dose.drug, at: dose.at, amount: dose.amount, route });
        }
        let dosing = Dosing::new(&model.kinetics, &doses)?;
        let mut anchors = vec![start, end];
        let changes = dosing.cuts();
        let given = run.observe.iter().chain(&changes).chain(&run.cuts).chain(&run.split);
        anchors.extend(given.filter(|t| (start..=end).contains(t)));
        anchors.sort_by(f64::total_cmp);
        anchors.dedup();
        let limit = EPOCH_LIMIT / (1 + model.drugs.len());
        let mut edges = vec![start];
        for pair in anchors.windows(2) {
            let parts = ((pair[1] - pair[0]) / run.sync).ceil().max(1.0);
            if parts > limit.saturating_sub(edges.len()) as f64 {
                return Err(Error::Run(format!("the run would have over {limit} epochs; raise sync or every")));
            }
            let parts = parts as usize;
            edges.extend((1..parts).map(|i| pair[0] + (pair[1] - pair[0]) * (i as f64 / parts as f64)));
            edges.push(pair[1]);
        }
        let mut observation = vec![None; edges.len()];
        let first = run.observe.partition_point(|t| *t < start || (*t == start && start > 0.0));
        let mut next = first;
        for (edge, seen) in edges.iter().zip(&mut observation) {
            if run.observe.get(next) == Some(edge) {
                *seen = Some(next as u32);
                next += 1;
            }
        }
        let mut next_observation = Vec::with_capacity(edges.len());
        let mut past = first as u32;
        for seen in &observation {
            next_observation.push(past);
            past = seen.map_or(past, |number| number + 1);
        }
        next_observation.remove(0);
        // The levels of earlier doses at the start follow from their own times.
        let before: Vec<f64> = changes.into_iter().filter(|t| *t < start).collect();
        let cuts = [before.as_slice(), &edges, &[f64::INFINITY]].concat();
        let segments = dosing.segments(&cuts).split_off(before.len());
        let epochs = edges.len() - 1;
        let ranges = ranges(&segments[..epochs], &edges, model.drugs.len());
        let drugs = model.drugs.len();
        if let Some(at) = ranges[0].iter().position(|(_, high)| !(*high < f32::INFINITY)) {
            let (name, from) = (&model.drugs[at % drugs], edges[at / drugs]);
            return Err(Error::Run(format!(
                "the concentration of '{name}' is beyond what can be counted from {from:.4} h on; look at amounts, volume and \
                 duration"
            )));
        }
        let peaks = (0..drugs).map(|drug| ranges[0].iter().skip(drug).step_by(drugs).map(|range| range.1).collect());
        let split = run.split.map_or(0, |split| edges.partition_point(|edge| *edge < split).min(epochs));
        let steady = steady(peaks, epochs, split);
        Ok(Self { steady, split, edges, observation, next_observation, segments, drugs, ranges })
    }

    /// Return the number of epochs.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.edges.len() - 1
    }

    /// Return the epoch that holds a time (h), which is `from` at the earliest.
    #[must_use]
    pub fn epoch_at(&self, t: f64, from: usize) -> usize {
        from + self.edges.get(from + 1..).map_or(0, |edges| edges.partition_point(|edge| *edge <= t))
    }

    /// Return the drugs' courses over an epoch. The number after the last epoch stands for the time from the end on.
    #[must_use]
    pub fn courses(&self, epoch: usize) -> &[Segment] {
        &self.segments[epoch]
    }

    /// Return the concentrations at a time (h). A dose given at this very time counts, and a pulse that ends then is
    /// over.
    pub fn concentrations(&self, t: f64) -> impl Iterator<Item = f64> {
        let epoch = self.epoch_at(t, 0).min(self.epochs());
        self.courses(epoch).iter().map(move |segment| segment.at(t - self.edges[epoch]))
    }

    /// Return the coarsest level of a window that starts with any epoch.
    #[must_use]
    pub fn top_level(&self) -> i8 {
        self.ranges.len() as i8 - 1
    }

    /// Return the coarsest level of a window that starts with epoch `n`. Before the split, windows span at most the
    /// epochs before it.
    #[must_use]
    pub fn top_level_from(&self, n: usize) -> i8 {
        if n < self.split { self.split.next_power_of_two().ilog2() as i8 } else { self.top_level() }
    }

    /// Return the end (h) of the window of a level that starts with epoch `n`: after `2^level` epochs, or before a drug
    /// changes its order of magnitude. A bound over days with and days without a drug would be loose on most of them.
    #[must_use]
    pub fn window_end(&self, n: usize, level: i8) -> f64 {
        self.edges[self.last_edge(n, level)]
    }

    fn last_edge(&self, n: usize, level: i8) -> usize {
        (n + (1 << level)).min(self.steady[n])
    }

    /// Return a drug's range over the window of a level that starts with epoch `n`.
    #[must_use]
    pub fn range(&self, n: usize, level: i8, drug: usize) -> (f32, f32) {
        let end = self.last_edge(n, level);
        // Two ranges over a power of two epochs cover the window.
        let power = (end - n).ilog2();
        let ranges = &self.ranges[power as usize];
        let at = |epoch: usize| ranges[epoch * self.drugs + drug];
        let (first, last) = (at(n), at(end - (1 << power)));
        (first.0.min(last.0), first.1.max(last.1))
    }
}

/// Return the smallest f32 interval that holds a f64 interval and what f32 arithmetic makes of it.
pub(crate) fn outward((low, high): (f64, f64)) -> (f32, f32) {
    ((low as f32).next_down(), (high as f32).next_up())
}

fn ranges(segments: &[Vec<Segment>], edges: &[f64], drugs: usize) -> Vec<Vec<(f32, f32)>> {
    let n = segments.len();
    let over_epoch = |(course, ends): (&Vec<Segment>, &[f64])| -> Vec<(f32, f32)> {
        let range = |segment: &Segment| {
            let (low, high) = outward(segment.range(0.0, ends[1] - ends[0]));
            (low.max(0.0), high)
        };
        course.iter().map(range).collect()
    };
    let mut levels = vec![segments.iter().zip(edges.windows(2)).flat_map(over_epoch).collect::<Vec<_>>()];
    let mut width = 1;
    while width < n {
        let last = &levels[levels.len() - 1];
        let wider = |(i, one): (usize, &(f32, f32))| {
            let other = last[(i / drugs + width).min(n - 1) * drugs + i % drugs];
            (one.0.min(other.0), one.1.max(other.1))
        };
        levels.push(last.iter().enumerate().map(wider).collect());
        width *= 2;
    }
    levels
}

/// Return where the longest run of epochs ends, from each epoch on, over which every drug, given by its peaks, keeps
/// its order of magnitude. Runs end at the split too, and those before it follow from the epochs before it only.
fn steady(drugs: impl Iterator<Item = Vec<f32>>, epochs: usize, split: usize) -> Vec<usize> {
    /// The least fraction of the run's peak that each of its epochs must reach.
    const FRACTION: f32 = 0.3;
    /// The fraction of the highest peak of all below which a drug counts as absent.
    const FLOOR_FRACTION: f32 = 0.02;
    let mut steady = [vec![split; split], vec![epochs; epochs - split]].concat();
    let parts = |peaks: Vec<f32>| [(0, split, peaks[..split].to_vec()), (split, epochs, peaks)];
    for (begin, epochs, peaks) in drugs.flat_map(parts) {
        let floor = FLOOR_FRACTION * peaks.iter().copied().fold(0.0, f32::max);
        let peak = |n: usize| peaks[n].max(floor);
        // The run from each epoch ends no earlier than the one before. Both ends move along together, and the queues
        // hold the candidates for the least and the greatest peak between them, in order.
        let (mut least, mut most) = (VecDeque::<usize>::new(), VecDeque::<usize>::new());
        let mut m = begin;
        for (n, end) in steady.iter_mut().enumerate().take(epochs).skip(begin) {
            while m < epochs {
                let next = peak(m);
                let low = least.front().map_or(next, |i| peak(*i).min(next));
                let high = most.front().map_or(next, |i| peak(*i).max(next));
                if low < FRACTION * high {
                    break;
                }
                while least.back().is_some_and(|i| peak(*i) >= peak(m)) {
                    least.pop_back();
                }
                while most.back().is_some_and(|i| peak(*i) <= peak(m)) {
                    most.pop_back();
                }
                least.push_back(m);
                most.push_back(m);
                m += 1;
            }
            *end = m.min(*end);
            for ends in [&mut least, &mut most] {
                if ends.front() == Some(&n) {
                    ends.pop_front();
                }
            }
        }
    }
    steady
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Example;

    /// Return the timeline of an example from a time (h) on; its model does not depend on it.
    fn timeline(example: &Example, start: f64) -> Result<Timeline, Error> {
        let job = example.with(|run| (run.doses, run.sync) = (vec![], 1e9)).job();
        Timeline::new(job.model(), &example.run, &example.run.doses, (start, example.run.until))
    }

    #[test]
    fn epochs_end_at_observations_and_cuts_and_when_sync_says() {
        let stops = Example::load("stops").with(|run| {
            (run.until, run.sync, run.observe) = (20.0, 4.0, vec![0.0, 5.0, 10.0, 20.0]);
            (run.cuts, run.split) = (vec![-1.0, 0.0, 13.0, 30.0], Some(10.0));
        });
        let whole = timeline(&stops, 0.0).unwrap();
        assert_eq!(whole.edges, [0.0, 2.5, 5.0, 7.5, 10.0, 13.0, 16.5, 20.0]);
        let seen = |n| Some(n);
        assert_eq!(whole.observation, [seen(0), None, seen(1), None, seen(2), None, None, seen(3)]);
        assert_eq!(whole.next_observation, [1, 1, 2, 2, 3, 3, 3]);
        // The part after a visit: what was observed at its start belongs to the part before.
        let rest = timeline(&stops, 10.0).unwrap();
        assert_eq!(rest.edges, whole.edges[4..]);
        assert_eq!(rest.observation, [None, None, None, seen(3)]);
        assert_eq!(rest.next_observation, [3, 3, 3]);
        let found = |t: f64, from| whole.epoch_at(t, from);
        assert_eq!((found(0.0, 0), found(2.4, 0), found(2.5, 0), found(13.0, 2), found(1.0, 2)), (0, 0, 1, 5, 2));
        assert_eq!((found(20.0, 0), found(99.0, 9)), (7, 9));
        // Windows of 1, 2, 4 and 8 epochs, but none over the split.
        assert_eq!(whole.top_level(), 3);
        let ends = |n: usize| (0..=3).map(|level| whole.window_end(n, level)).collect::<Vec<_>>();
        assert_eq!((ends(0), ends(2)), (vec![2.5, 5.0, 10.0, 10.0], vec![7.5, 10.0, 10.0, 10.0]));
        assert_eq!(ends(4), [13.0, 16.5, 20.0, 20.0]);
        assert_eq!((0..7).map(|n| whole.top_level_from(n)).collect::<Vec<_>>(), [2, 2, 2, 2, 3, 3, 3]);
        // Four epochs have windows of 1, 2 and 4.
        let short = stops.with(|run| (run.until, run.observe, run.cuts) = (10.0, vec![5.0], vec![]));
        assert_eq!(timeline(&short, 0.0).unwrap().top_level(), 2);
    }

    #[test]
    fn too_many_epochs_and_doses_of_nothing_are_refused() {
        let said = |example: &Example| timeline(example, 0.0).err().map(|error| error.to_string()).unwrap_or_default();
        let stops = Example::load("stops").with(|run| (run.until, run.sync, run.observe) = (499_999.0, 1.0, vec![]));
        assert_eq!(timeline(&stops, 0.0).unwrap().epochs(), 499_999);
        assert!(said(&stops.with(|run| run.until = 500_000.0)).contains("over 500000 epochs"));
        assert!(said(&stops.with(|run| run.cuts = vec![0.5])).contains("over 500000 epochs"));
        let drugs = Example::load("drugs");
        let drug_count = drugs.model.drugs.len();
        let limit = 500_000 / (1 + drug_count);
        assert!(said(&drugs.with(|run| run.sync = 1e-9)).contains(&format!("over {limit} epochs")));
        assert!(said(&drugs.with(|run| run.doses[0].drug = drug_count)).contains("dose 0 names drug"));
        for route in [RouteDocument::Infusion, RouteDocument::Pulse] {
            let endless = drugs.with(|run| (run.doses[0].route, run.doses[0].duration) = (route, None));
            assert!(said(&endless).contains("needs a duration (h)"));
        }
    }

    #[test]
    fn a_drug_stays_within_its_range_over_a_window_and_close_to_it() {
        let drugs = Example::load("drugs");
        let whole = timeline(&drugs, 0.0).unwrap();
        for (n, level) in (0..whole.epochs()).flat_map(|n| (0..=whole.top_level()).map(move |level| (n, level))) {
            let (from, to) = (whole.edges[n], whole.window_end(n, level));
            assert!(from < to);
            for drug in 0..drugs.model.drugs.len() {
                let (low, high) = whole.range(n, level, drug);
                let times = (0..400).map(|i| from + (to - from) * f64::from(i) / 400.0);
                let levels: Vec<f64> = times.map(|t| whole.concentrations(t).nth(drug).unwrap()).collect();
                let least = levels.iter().copied().fold(f64::INFINITY, f64::min);
                let most = levels.iter().copied().fold(0.0, f64::max);
                assert!(f64::from(low) <= least && most <= f64::from(high), "drug {drug}, epoch {n}, level {level}");
                let wide = 0.02 * most + 1e-30;
                assert!(f64::from(low) >= least - wide && f64::from(high) <= most + wide);
            }
        }
        // What was given before a part of the run is still there.
        let rest = timeline(&drugs, 30.0).unwrap();
        for t in [30.0, 31.5, 59.0, 60.0] {
            let (all, part): (Vec<_>, Vec<_>) = (whole.concentrations(t).collect(), rest.concentrations(t).collect());
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs() + 1e-15;
            assert!(all.iter().zip(&part).all(close), "{all:?} is not {part:?} at {t} h");
        }
    }

    #[test]
    fn what_is_given_at_the_end_is_there_at_the_end_as_anywhere_else() {
        let dose = |at, route, duration| DoseDocument { drug: 0, at, amount: 3.0, route, duration };
        let given = [
            dose(48.0, RouteDocument::Bolus, None),
            dose(24.0, RouteDocument::Pulse, Some(24.0)),
            dose(48.0, RouteDocument::Pulse, Some(9.0)),
        ];
        for dose in given {
            let at = |until: f64| {
                let of = Example::load("drugs").with(|run| {
                    (run.until, run.observe, run.doses) = (until, vec![48.0], vec![dose.clone()]);
                });
                timeline(&of, 0.0).unwrap().concentrations(48.0).collect::<Vec<_>>()
            };
            assert_eq!(at(48.0), at(60.0), "{dose:?}");
        }
    }

    #[test]
    fn steady_runs_end_where_a_drug_comes_or_goes() {
        let peaks = vec![0.0, 0.0, 0.0, 1.0, 1.4, 1.5, 0.6, 0.3, 0.1, 0.0, 0.0];
        // The slow way: try every run from every epoch.
        let expected: Vec<usize> = (0..peaks.len())
            .map(|n| {
                let floored = |i: usize| f32::max(peaks[i], 0.02 * 1.5);
                let holds = |m: usize| {
                    let run = || (n..m).map(floored);
                    run().fold(f32::INFINITY, f32::min) >= 0.3 * run().fold(0.0, f32::max)
                };
                (n + 1..=peaks.len()).take_while(|m| holds(*m)).last().unwrap()
            })
            .collect();
        assert_eq!(steady([peaks.clone()].into_iter(), peaks.len(), 0), expected);
        assert_eq!(&expected[..4], &[3, 3, 3, 7]);
        assert_eq!(steady(std::iter::empty(), 3, 0), [3, 3, 3]);
        assert_eq!(steady([vec![0.3, 1.0, 0.3, 0.29]].into_iter(), 4, 0), [3, 3, 4, 4]);
    }

    #[test]
    fn before_the_split_nothing_of_what_comes_is_known() {
        let before = [0.0, 0.01, 0.01, 0.3, 0.4];
        let with = |after: &[f32]| {
            let peaks = [&before[..], after].concat();
            steady([peaks.clone()].into_iter(), peaks.len(), before.len())
        };
        let alone = steady([before.to_vec()].into_iter(), before.len(), 0);
        assert_eq!(alone, [3, 3, 3, 5, 5]);
        for after in [&[][..], &[0.4], &[1e9, 0.0, 0.0], &[0.0; 40]] {
            assert_eq!(with(after)[..before.len()], alone);
        }
        // From there on all of it counts.
        assert_eq!(with(&[100.0, 0.0, 0.1])[before.len()..], [6, 8, 8]);
    }
}
