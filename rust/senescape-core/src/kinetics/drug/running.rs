//! Infusions and pulses that are on their way, and their sums.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Terms of one fold: a schedule that has fewer is summed in the order in which they began.
const BLOCK: usize = 256;

/// What goes on for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// So much an hour goes in.
    Infusion,
    /// So much is there.
    Pulse,
}

/// Terms in the order in which they began, 0 where they have ended, and their sums by block. What has ended leaves
/// nothing behind, as it would if it were subtracted, and to end one of a hundred thousand costs no sum over all.
#[derive(Default)]
struct Terms {
    terms: Vec<f64>,
    blocks: Vec<f64>,
    sum: f64,
}

impl Terms {
    fn set(&mut self, slot: usize, term: f64) {
        if slot == self.terms.len() {
            self.terms.push(term);
        } else {
            self.terms[slot] = term;
        }
        let block = slot / BLOCK;
        self.blocks.resize(self.terms.len().div_ceil(BLOCK), 0.0);
        self.blocks[block] = self.terms[block * BLOCK..].iter().take(BLOCK).sum();
        self.sum = self.blocks.iter().sum();
    }
}

/// What is on its way, of all drugs.
pub(super) struct Running {
    drugs: Vec<[Terms; 2]>,
    /// Ends as bits, which order times from 0 on as they are; with drug, kind and slot.
    ends: BinaryHeap<Reverse<(u64, usize, usize, usize)>>,
}

impl Running {
    /// Nothing, of so many drugs.
    pub fn new(drugs: usize) -> Self {
        Self { drugs: (0..drugs).map(|_| Default::default()).collect(), ends: BinaryHeap::new() }
    }

    /// Begin one that lasts until `end` (h, from 0 on).
    pub fn begin(&mut self, drug: usize, kind: Kind, term: f64, end: f64) {
        let terms = &mut self.drugs[drug][kind as usize];
        let slot = terms.terms.len();
        terms.set(slot, term);
        self.ends.push(Reverse((end.to_bits(), drug, kind as usize, slot)));
    }

    /// End those that end by a time.
    pub fn end_by(&mut self, now: f64) {
        while let Some(&Reverse((end, drug, kind, slot))) = self.ends.peek() {
            if f64::from_bits(end) > now {
                break;
            }
            self.drugs[drug][kind].set(slot, 0.0);
            self.ends.pop();
        }
    }

    /// The sum of what is on its way.
    pub fn sum(&self, drug: usize, kind: Kind) -> f64 {
        self.drugs[drug][kind as usize].sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_what_is_on_its_way_in_the_order_of_their_beginnings() {
        let mut running = Running::new(2);
        let terms: Vec<f64> = (0..1000).map(|i| 1.0 / f64::from(i + 3)).collect();
        for (i, term) in terms.iter().enumerate() {
            // The first ends last.
            running.begin(1, Kind::Pulse, *term, 2000.0 - i as f64);
            if i == BLOCK - 1 {
                assert_eq!(running.sum(1, Kind::Pulse), terms[..BLOCK].iter().sum::<f64>());
            }
        }
        running.begin(1, Kind::Infusion, 7.0, 1.0);
        assert_eq!((running.sum(1, Kind::Infusion), running.sum(0, Kind::Pulse)), (7.0, 0.0));
        for left in [1000, 700, 257, 256, 3, 1, 0] {
            running.end_by(2000.0 - left as f64);
            let (found, exact) = (running.sum(1, Kind::Pulse), terms[..left].iter().sum::<f64>());
            assert!((found - exact).abs() <= 1e-14 * exact, "{left}: {found} {exact}");
            if left <= BLOCK {
                assert_eq!(found, exact);
            }
        }
        assert_eq!(running.sum(1, Kind::Infusion), 0.0);
    }
}
