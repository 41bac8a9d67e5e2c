//! Infusions and pulses that are on, and their sums.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Terms of one block. Schedules with fewer terms are summed in the order in which they began.
const TERMS_PER_BLOCK: usize = 256;

/// A dose that lasts for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// It adds a rate (per hour).
    Infusion,
    /// It adds a concentration.
    Pulse,
}

/// Terms in the order in which they began (0 for those that have ended), and their sums by block. A term that has ended
/// leaves nothing behind, as it would if it were subtracted, and ending one of a hundred thousand does not sum all
/// others.
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
        let block = slot / TERMS_PER_BLOCK;
        self.blocks.resize(self.terms.len().div_ceil(TERMS_PER_BLOCK), 0.0);
        self.blocks[block] = self.terms[block * TERMS_PER_BLOCK..].iter().take(TERMS_PER_BLOCK).sum();
        self.sum = self.blocks.iter().sum();
    }
}

/// All infusions and pulses that are on, by drug.
pub(super) struct Running {
    drugs: Vec<[Terms; 2]>,
    /// Ends as bits, which sort as the times do from 0 on, with drug, kind of supply and slot.
    ends: BinaryHeap<Reverse<(u64, usize, usize, usize)>>,
}

impl Running {
    /// Make a set in which no infusion or pulse is on, for so many drugs.
    pub fn new(drugs: usize) -> Self {
        Self { drugs: (0..drugs).map(|_| Default::default()).collect(), ends: BinaryHeap::new() }
    }

    /// Begin one that lasts until `end` (h, not negative).
    pub fn begin(&mut self, drug: usize, supply: Supply, term: f64, end: f64) {
        let terms = &mut self.drugs[drug][supply as usize];
        let slot = terms.terms.len();
        terms.set(slot, term);
        self.ends.push(Reverse((end.to_bits(), drug, supply as usize, slot)));
    }

    /// End those that are over by a time (h).
    pub fn end_by(&mut self, now: f64) {
        while let Some(&Reverse((end, drug, supply, slot))) = self.ends.peek() {
            if f64::from_bits(end) > now {
                break;
            }
            self.drugs[drug][supply].set(slot, 0.0);
            self.ends.pop();
        }
    }

    /// Return the sum of those that are on.
    pub fn sum(&self, drug: usize, supply: Supply) -> f64 {
        self.drugs[drug][supply as usize].sum
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
            running.begin(1, Supply::Pulse, *term, 2000.0 - i as f64);
            if i == TERMS_PER_BLOCK - 1 {
                assert_eq!(running.sum(1, Supply::Pulse), terms[..TERMS_PER_BLOCK].iter().sum::<f64>());
            }
        }
        running.begin(1, Supply::Infusion, 7.0, 1.0);
        assert_eq!((running.sum(1, Supply::Infusion), running.sum(0, Supply::Pulse)), (7.0, 0.0));
        for left in [1000, 700, 257, 256, 3, 1, 0] {
            running.end_by(2000.0 - left as f64);
            let (found, exact) = (running.sum(1, Supply::Pulse), terms[..left].iter().sum::<f64>());
            assert!((found - exact).abs() <= 1e-14 * exact, "{left}: {found} {exact}");
            if left <= TERMS_PER_BLOCK {
                assert_eq!(found, exact);
            }
        }
        assert_eq!(running.sum(1, Supply::Infusion), 0.0);
    }
}
