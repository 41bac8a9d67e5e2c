//! The cells of one fate, as a struct of arrays.

use crate::environment::FINEST;
use crate::expr::{Level, at_level};
use serde::{Deserialize, Serialize};

/// The cells of one fate.
///
/// A cell sleeps until `wake`: the time at which its threshold is used up (then `threshold` is 0) or its bound ends
/// (then `threshold` is what is left). Its traits are those of time `since`; closed forms advance them when they are
/// needed. Quantities that a step uses together stand in columns, so that a pass over a block touches few cache lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Lineage keys.
    pub key: Vec<u64>,
    /// Each cell's own count of draws.
    pub draws: Vec<u32>,
    /// The founder each cell descends from: its clone.
    pub clone: Vec<u32>,
    /// Marks, one bit each.
    pub marks: Vec<u64>,
    /// When the cell entered its fate (h).
    pub entered: Vec<f64>,
    /// The time of the traits (h).
    pub since: Vec<f64>,
    /// When the cell wakes (h): the next time at which a step has to treat it. Infinite once it is gone.
    pub wake: Vec<f64>,
    /// What is left of the threshold at `wake`.
    pub threshold: Vec<f64>,
    /// The bound on the total hazard until `window_end` (1/h); NaN once the cell is gone.
    pub bound: Vec<f64>,
    /// When the bound ends (h).
    pub window_end: Vec<f64>,
    /// The level of the cell's windows: see [`crate::environment::Environment::window`].
    pub level: Vec<i8>,
    /// Traits, one column each.
    pub columns: Vec<Vec<f32>>,
    /// The smallest wake time in each block of rows.
    pub block_wake: Vec<f64>,
    gone: usize,
    /// The most rows there were before rows were dropped: their memory is still allocated.
    #[serde(skip)]
    peak_rows: usize,
    /// Rows of a block. The number changes how fast a run is, and no result.
    #[serde(skip)]
    block: usize,
}

/// One cell on its way into a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Lineage key.
    pub key: u64,
    /// Count of draws.
    pub draws: u32,
    /// Founder.
    pub clone: u32,
    /// Marks.
    pub marks: u64,
    /// When it entered its fate (h).
    pub entered: f64,
    /// Now (h).
    pub since: f64,
    /// A fresh threshold.
    pub threshold: f64,
    /// The level of its windows.
    pub level: i8,
    /// Traits.
    pub traits: Vec<f32>,
}

impl Cell {
    /// Copy another cell, and keep the memory.
    pub fn copy_from(&mut self, other: &Self) {
        let mut traits = std::mem::take(&mut self.traits);
        traits.clone_from(&other.traits);
        *self = Self { traits, ..*other };
    }
}

impl Table {
    /// Make an empty table with so many columns, and blocks of so many rows.
    #[must_use]
    pub fn new(columns: usize, block: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], block: block.max(1), ..Self::default() }
    }

    /// Copy the table of a snapshot. Blocks stay those of this table, and levels are limited to those of the timeline.
    pub fn restore(&mut self, from: &Self, top: i8) {
        let (block, peak_rows) = (self.block, self.rows_in_memory());
        self.clone_from(from);
        (self.block, self.peak_rows) = (block, peak_rows);
        self.level.iter_mut().for_each(|level| *level = (*level).min(top));
        self.gone = (0..self.rows()).filter(|row| self.is_gone(*row)).count();
        self.block_wake.clear();
        self.block_wake.extend(self.wake.chunks(block).map(smallest));
    }

    /// Return the number of rows, with those of removed cells.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.key.len()
    }

    /// Return the number of living cells.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.key.len() - self.gone
    }

    /// Remove all cells, and keep the memory.
    pub fn clear(&mut self) {
        self.peak_rows = self.rows_in_memory();
        self.gone = 0;
        self.key.clear();
        self.draws.clear();
        self.clone.clear();
        self.marks.clear();
        for times in [
            &mut self.entered,
            &mut self.since,
            &mut self.wake,
            &mut self.threshold,
            &mut self.bound,
            &mut self.window_end,
            &mut self.block_wake,
        ] {
            times.clear();
        }
        self.level.clear();
        self.columns.iter_mut().for_each(Vec::clear);
    }

    /// Return the number of rows whose memory is in use. Memory that was reserved and never written to does not count.
    fn rows_in_memory(&self) -> usize {
        self.peak_rows.max(self.rows())
    }

    /// Return the bytes that rows take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        const FIXED: usize = 2 * size_of::<u64>() + 2 * size_of::<u32>() + 6 * size_of::<f64>() + size_of::<i8>();
        (self.rows_in_memory() * (FIXED + self.columns.len() * size_of::<f32>())) as u64
    }

    /// Reserve memory for more rows, column by column and by an eighth, so that a large table never needs twice its
    /// size.
    #[cold]
    fn grow(&mut self) {
        let more = (self.rows() / 8).max(1 << 12);
        self.key.reserve_exact(more);
        self.draws.reserve_exact(more);
        self.clone.reserve_exact(more);
        self.marks.reserve_exact(more);
        for times in [
            &mut self.entered,
            &mut self.since,
            &mut self.wake,
            &mut self.threshold,
            &mut self.bound,
            &mut self.window_end,
        ] {
            times.reserve_exact(more);
        }
        self.level.reserve_exact(more);
        self.columns.iter_mut().for_each(|column| column.reserve_exact(more));
    }

    /// Add a cell, which wakes at once.
    pub fn push(&mut self, cell: &Cell) {
        if self.key.len() == self.key.capacity() && self.key.len() > 1 << 16 {
            self.grow();
        }
        self.key.push(cell.key);
        self.draws.push(cell.draws);
        self.clone.push(cell.clone);
        self.marks.push(cell.marks);
        self.entered.push(cell.entered);
        self.since.push(cell.since);
        self.wake.push(cell.since);
        self.threshold.push(cell.threshold);
        self.bound.push(0.0);
        self.window_end.push(cell.since);
        self.level.push(cell.level);
        for (column, value) in self.columns.iter_mut().zip(&cell.traits) {
            column.push(*value);
        }
        let block = (self.key.len() - 1) / self.block;
        match self.block_wake.get_mut(block) {
            Some(wake) => *wake = wake.min(cell.since),
            None => self.block_wake.push(cell.since),
        }
    }

    /// Read the cell of a row.
    pub fn read(&self, row: usize, cell: &mut Cell) {
        cell.key = self.key[row];
        cell.draws = self.draws[row];
        cell.clone = self.clone[row];
        cell.marks = self.marks[row];
        cell.entered = self.entered[row];
        cell.since = self.since[row];
        cell.threshold = self.threshold[row];
        cell.level = self.level[row];
        for (value, column) in cell.traits.iter_mut().zip(&self.columns) {
            *value = column[row];
        }
    }

    /// Replace the cell of a row. The caller sets when it wakes.
    pub fn write(&mut self, row: usize, cell: &Cell) {
        self.key[row] = cell.key;
        self.draws[row] = cell.draws;
        self.clone[row] = cell.clone;
        self.marks[row] = cell.marks;
        self.entered[row] = cell.entered;
        self.since[row] = cell.since;
        self.threshold[row] = cell.threshold;
        self.level[row] = cell.level;
        for (column, value) in self.columns.iter_mut().zip(&cell.traits) {
            column[row] = *value;
        }
    }

    /// Add founders at time 0. The caller adds their traits, column by column.
    pub fn push_founders(&mut self, keys: &[u64], thresholds: &[f64], first_clone: u32, level: i8) {
        let rows = self.rows() + keys.len();
        self.key.extend_from_slice(keys);
        self.threshold.extend_from_slice(thresholds);
        self.clone.extend((0..keys.len() as u32).map(|i| first_clone + i));
        self.draws.resize(rows, 0);
        self.marks.resize(rows, 0);
        for times in [&mut self.entered, &mut self.since, &mut self.wake, &mut self.bound, &mut self.window_end] {
            times.resize(rows, 0.0);
        }
        self.level.resize(rows, level);
        self.block_wake.resize(rows.div_ceil(self.block), 0.0);
    }

    /// Remove a cell. Its row stays, asleep for good, until [`Table::compact`].
    #[inline(always)]
    pub fn remove(&mut self, row: usize) {
        self.wake[row] = f64::INFINITY;
        self.bound[row] = f64::NAN;
        self.gone += 1;
    }

    /// Return whether the cell of a row was removed.
    #[must_use]
    pub fn is_gone(&self, row: usize) -> bool {
        self.bound[row].is_nan()
    }

    /// Return whether half of the rows are of removed cells, so that dropping them pays.
    #[must_use]
    pub fn is_sparse(&self) -> bool {
        self.gone > 0 && (self.gone * 2 >= self.rows() || self.rows() <= self.block)
    }

    /// Drop the rows of removed cells, and keep the order of the others. When this happens has no influence on the
    /// order.
    pub fn compact(&mut self) {
        self.peak_rows = self.rows_in_memory();
        let living: Vec<u32> = (0..self.rows() as u32).filter(|row| !self.is_gone(*row as usize)).collect();
        retain_rows(&mut self.key, &living);
        retain_rows(&mut self.draws, &living);
        retain_rows(&mut self.clone, &living);
        retain_rows(&mut self.marks, &living);
        for times in [
            &mut self.entered,
            &mut self.since,
            &mut self.wake,
            &mut self.threshold,
            &mut self.bound,
            &mut self.window_end,
        ] {
            retain_rows(times, &living);
        }
        retain_rows(&mut self.level, &living);
        for column in &mut self.columns {
            retain_rows(column, &living);
        }
        self.gone = 0;
        self.block_wake.clear();
        self.block_wake.extend(self.wake.chunks(self.block).map(smallest));
    }

    /// Return the rows of a block.
    #[must_use]
    pub fn block(&self, block: usize) -> std::ops::Range<usize> {
        block * self.block..((block + 1) * self.block).min(self.rows())
    }

    /// Compute a block's smallest wake time anew.
    pub fn refresh_block(&mut self, block: usize) {
        self.block_wake[block] = smallest(&self.wake[self.block(block)]);
    }

    /// Collect the rows of a block that wake before a time.
    pub fn due(&self, block: usize, end: f64, due: &mut Vec<u32>) {
        let rows = self.block(block);
        collect_below(&self.wake[rows.clone()], end, rows.start as u32, due);
    }
}

impl Table {
    /// Check that columns have one length, and values from which a run can go on.
    pub fn check(&self, columns: usize, founders: u64) -> Result<(), &'static str> {
        let rows = self.key.len();
        let lengths = [self.draws.len(), self.clone.len(), self.marks.len(), self.level.len()];
        let times = [&self.entered, &self.since, &self.wake, &self.threshold, &self.bound, &self.window_end];
        let even = lengths.iter().all(|n| *n == rows)
            && times.iter().all(|column| column.len() == rows)
            && self.columns.len() == columns
            && self.columns.iter().all(|column| column.len() == rows)
            && rows <= u32::MAX as usize;
        if !even {
            return Err("columns of cells are of different lengths");
        }
        for row in (0..rows).filter(|row| !self.is_gone(*row)) {
            let sound = self.level[row] >= FINEST
                && u64::from(self.clone[row]) < founders
                && self.entered[row] <= self.since[row]
                && self.since[row] >= 0.0
                && self.wake[row] >= self.since[row]
                && self.threshold[row] >= 0.0
                && self.threshold[row].is_finite()
                && self.bound[row] >= 0.0
                && self.bound[row].is_finite()
                && self.window_end[row] >= self.since[row]
                && self.columns.iter().all(|column| column[row].is_finite());
            if !sound {
                return Err("a cell is impossible");
            }
        }
        Ok(())
    }
}

fn retain_rows<T: Copy>(values: &mut Vec<T>, living: &[u32]) {
    for (to, &from) in living.iter().enumerate() {
        values[to] = values[from as usize];
    }
    values.truncate(living.len());
}

/// Return the smallest of many times.
fn smallest(times: &[f64]) -> f64 {
    let mut least = [f64::INFINITY; 8];
    minima(times, &mut least);
    least.into_iter().fold(f64::INFINITY, f64::min)
}

fn minima(times: &[f64], least: &mut [f64; 8]) {
    at_level!(Level::best(), minima_body(times: &[f64], least: &mut [f64; 8]));
}

/// Eight minima side by side become vector code; a single one would not.
#[inline(always)]
fn minima_body(times: &[f64], least: &mut [f64; 8]) {
    let (eights, rest) = times.as_chunks::<8>();
    for eight in eights {
        for (least, t) in least.iter_mut().zip(eight) {
            *least = if *t < *least { *t } else { *least };
        }
    }
    least[0] = rest.iter().copied().fold(least[0], f64::min);
}

/// Collect the numbers, from `first` on, of the times below an end.
fn collect_below(times: &[f64], end: f64, first: u32, found: &mut Vec<u32>) {
    at_level!(Level::best(), collect_body(times: &[f64], end: f64, first: u32, found: &mut Vec<u32>));
}

#[inline(always)]
fn collect_body(times: &[f64], end: f64, first: u32, found: &mut Vec<u32>) {
    /// Multiplication by this moves the lowest bits of eight bytes side by side, into the highest byte.
    const SIDE_BY_SIDE: u64 = 0x0102_0408_1020_4080;
    let (many, rest) = times.as_chunks::<64>();
    for (i, many) in many.iter().enumerate() {
        let mut below = 0;
        for (j, eight) in many.as_chunks::<8>().0.iter().enumerate() {
            let bytes = u64::from_le_bytes(eight.map(|t| u8::from(t < end)));
            below |= bytes.wrapping_mul(SIDE_BY_SIDE) >> 56 << (8 * j);
        }
        // Most rows sleep; the loop visits only the bits of those that do not.
        while below != 0 {
            found.push(first + 64 * i as u32 + below.trailing_zeros());
            below &= below - 1;
        }
    }
    let start = first + 64 * many.len() as u32;
    found.extend(rest.iter().zip(start..).filter(|(t, _)| **t < end).map(|(_, row)| row));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DEFAULT_BLOCK as BLOCK;

    fn cell(key: u64) -> Cell {
        Cell { key, since: key as f64, threshold: 1.0, traits: vec![key as f32], ..Cell::default() }
    }

    #[test]
    fn compaction_keeps_the_order_and_the_wake_times() {
        let mut table = Table::new(1, BLOCK);
        let rows = 3 * (BLOCK as u64 + 10);
        for key in 0..rows {
            table.push(&cell(key));
        }
        for row in (0..rows as usize).filter(|r| r % 3 != 0) {
            table.remove(row);
        }
        assert_eq!(table.alive(), BLOCK + 10);
        assert!(table.is_sparse());
        table.compact();
        assert_eq!(table.rows(), BLOCK + 10);
        assert!(table.key.iter().enumerate().all(|(i, k)| *k == 3 * i as u64));
        assert!(table.columns[0].iter().enumerate().all(|(i, x)| *x == 3.0 * i as f32));
        assert_eq!(table.block_wake, vec![0.0, 3.0 * BLOCK as f64]);
    }

    #[test]
    fn memory_that_was_written_to_counts_until_it_is_given_back() {
        let mut table = Table::new(1, BLOCK);
        for key in 0..100_000 {
            table.push(&cell(key));
        }
        // Two integers of eight bytes and two of four, six times, a level, a trait.
        let written = 100_000 * (2 * 8 + 2 * 4 + 6 * 8 + 1 + 4);
        assert_eq!(table.bytes(), written);
        (0..60_000).for_each(|row| table.remove(row));
        table.compact();
        assert_eq!((table.rows(), table.bytes()), (40_000, written));
        table.clear();
        table.push(&cell(1));
        assert_eq!(table.bytes(), written);
        let mut other = Table::new(1, BLOCK);
        other.restore(&table, 0);
        assert_eq!(other.bytes(), written / 100_000);
        table.restore(&other, 0);
        assert_eq!(table.bytes(), written);
    }

    /// All columns have room for the same number of rows.
    #[test]
    fn a_large_table_grows_by_an_eighth() {
        let mut table = Table::new(1, BLOCK);
        let mut rooms = Vec::new();
        for key in 0..150_000 {
            table.push(&cell(key));
            if table.key.capacity() > 1 << 15 && rooms.last() != Some(&table.key.capacity()) {
                rooms.push(table.key.capacity());
            }
        }
        let (once, twice) = ((1 << 17) + (1 << 14), (1 << 17) + (1 << 14) + (9 << 11));
        assert_eq!(rooms, [1 << 16, 1 << 17, once, twice]);
        let times = [&table.entered, &table.since, &table.wake, &table.threshold, &table.bound, &table.window_end];
        assert!(times.iter().all(|column| column.capacity() == twice));
        let others = [table.draws.capacity(), table.clone.capacity(), table.marks.capacity(), table.level.capacity()];
        assert!(others.iter().chain([&table.columns[0].capacity()]).all(|room| *room == twice));
    }

    #[test]
    fn rows_are_dropped_where_half_are_gone_or_there_are_few() {
        let mut table = Table::new(1, 4);
        (0..8).for_each(|key| table.push(&cell(key)));
        let sparse: Vec<bool> = (0..4)
            .map(|row| {
                table.remove(row);
                table.is_sparse()
            })
            .collect();
        assert_eq!(sparse, [false, false, false, true]);
        table.compact();
        assert!(table.rows() == 4 && !table.is_sparse(), "no cell is gone");
        table.remove(0);
        assert!(table.is_sparse(), "a block at most");
        table.push(&cell(8));
        assert!(!table.is_sparse());
    }

    #[test]
    fn due_rows_are_those_that_wake_before_the_end() {
        let mut table = Table::new(1, BLOCK);
        for key in 0..(BLOCK as u64 + 45) {
            table.push(&cell(key * 7919 % 100));
        }
        for block in 0..2 {
            let mut due = Vec::new();
            table.due(block, 31.0, &mut due);
            let expected: Vec<u32> = table.block(block).filter(|r| table.wake[*r] < 31.0).map(|r| r as u32).collect();
            assert_eq!(due, expected);
        }
    }
}
