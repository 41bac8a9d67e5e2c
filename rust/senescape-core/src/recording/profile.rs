//! The profile: time by fate and kind of work, measured on a sample of calls.

use std::time::Instant;

/// One call in this many is timed: reading the clock takes as long as evaluating a rule for a cell or two.
const EVERY: u64 = 16;

/// A meter of one kind of work: calls, cells, and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Calls.
    pub calls: u64,
    /// Cells in all calls.
    pub cells: u64,
    /// Calls that were timed.
    timed: u64,
    /// The time that those took (ns).
    nanoseconds: u64,
}

impl Meter {
    /// Begin a call. Returns the time if this call is to be timed.
    #[inline]
    pub fn begin(&mut self, cells: usize) -> Option<Instant> {
        let now = self.calls.is_multiple_of(EVERY).then(Instant::now);
        self.calls += 1;
        self.cells += cells as u64;
        now
    }

    /// End a call.
    #[inline]
    pub fn end(&mut self, begun: Option<Instant>) {
        if let Some(begun) = begun {
            self.timed += 1;
            self.nanoseconds += begun.elapsed().as_nanos() as u64;
        }
    }

    /// Count a call that took so long.
    pub fn add(&mut self, cells: usize, begun: Instant) {
        self.calls += 1;
        self.cells += cells as u64;
        self.timed += 1;
        self.nanoseconds += begun.elapsed().as_nanos() as u64;
    }

    /// Estimate the seconds in all calls from those that were timed.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        if self.timed == 0 { 0.0 } else { self.nanoseconds as f64 * 1e-9 * (self.calls as f64 / self.timed as f64) }
    }
}

impl std::ops::AddAssign for Meter {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.cells += other.cells;
        self.timed += other.timed;
        self.nanoseconds += other.nanoseconds;
    }
}

/// The work for the cells of one fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FateProfile {
    /// Hazards evaluated at candidate times.
    pub values: Meter,
    /// Hazards bounded over windows.
    pub bounds: Meter,
    /// Traits advanced along their flows.
    pub flows: Meter,
}

impl std::ops::AddAssign for FateProfile {
    fn add_assign(&mut self, other: Self) {
        self.values += other.values;
        self.bounds += other.bounds;
        self.flows += other.flows;
    }
}

/// The time of some replicates, by kind of work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// By fate.
    pub fates: Vec<FateProfile>,
    /// Calls of callback rules.
    pub callbacks: Vec<Meter>,
    /// Visits.
    pub visits: Meter,
    /// Whole replicates.
    pub replicates: Meter,
}

impl Profile {
    /// Make an empty profile, for so many fates and callback rules.
    #[must_use]
    pub fn new(fates: usize, callbacks: usize) -> Self {
        Self {
            fates: vec![FateProfile::default(); fates],
            callbacks: vec![Meter::default(); callbacks],
            visits: Meter::default(),
            replicates: Meter::default(),
        }
    }

    /// Add another profile, and empty that one.
    pub fn take(&mut self, other: &mut Self) {
        let other = std::mem::replace(other, Self::new(other.fates.len(), other.callbacks.len()));
        self.fates.resize(other.fates.len(), FateProfile::default());
        self.callbacks.resize(other.callbacks.len(), Meter::default());
        for (mine, its) in self.fates.iter_mut().zip(other.fates) {
            *mine += its;
        }
        for (mine, its) in self.callbacks.iter_mut().zip(other.callbacks) {
            *mine += its;
        }
        self.visits += other.visits;
        self.replicates += other.replicates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_counted_and_a_sample_timed() {
        let mut meter = Meter::default();
        for _ in 0..=EVERY {
            let begun = meter.begin(3);
            meter.end(begun);
        }
        assert_eq!((meter.calls, meter.cells, meter.timed), (EVERY + 1, 3 * (EVERY + 1), 2));
        meter.nanoseconds = 20;
        assert!((meter.seconds() - 10e-9 * (EVERY + 1) as f64).abs() < 1e-18);
        let mut all = Profile::default();
        let mut one = Profile::new(2, 1);
        one.visits = meter;
        all.take(&mut one);
        assert_eq!((all.visits, one.visits.calls, all.fates.len()), (meter, 0, 2));
    }

    #[test]
    fn time_is_added_up_call_by_call() {
        let ago = Instant::now().checked_sub(std::time::Duration::from_millis(2)).unwrap();
        let mut meter = Meter::default();
        assert_eq!(meter.seconds().to_bits(), 0);
        meter.end(Some(ago));
        meter.end(None);
        assert_eq!((meter.timed, meter.nanoseconds >= 2_000_000), (1, true));
        meter.add(7, ago);
        meter.add(5, ago);
        assert_eq!((meter.calls, meter.cells, meter.timed, meter.nanoseconds >= 6_000_000), (2, 12, 3, true));
    }

    #[test]
    fn profiles_add_up_field_by_field() {
        let profile = |times: u64| {
            let meter = |n: u64| {
                let n = n * times;
                Meter { calls: n, cells: 10 * n, timed: 100 * n, nanoseconds: 1000 * n }
            };
            let fate = |n: u64| FateProfile { values: meter(n), bounds: meter(n + 1), flows: meter(n + 2) };
            Profile { fates: vec![fate(1), fate(4)], callbacks: vec![meter(7)], visits: meter(8), replicates: meter(9) }
        };
        let (mut all, mut other) = (profile(2), profile(3));
        all.take(&mut other);
        assert_eq!((all, other), (profile(5), Profile::new(2, 1)));
    }
}
