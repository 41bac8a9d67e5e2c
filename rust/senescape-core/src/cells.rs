//! The cells of one fate, as a struct of arrays.

/// Rows that share one smallest wake time.
pub const BLOCK: usize = 512;

/// The cells of one fate.
///
/// A cell sleeps until `wake`: the time where its threshold is used up (then `threshold` is 0) or where its bound ends
/// (then `threshold` is what is left). Its traits are those at `since`; closed forms carry them on when they are needed.
#[derive(Clone, Debug, Default)]
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
    /// When the cell needs to be looked at next (h); infinite once it is gone.
    pub wake: Vec<f64>,
    /// What is left of the threshold at `wake`.
    pub threshold: Vec<f64>,
    /// The bound on the total hazard until `wake` (1/h).
    pub bound: Vec<f64>,
    /// The level of the cell's windows: see [`crate::window`].
    pub level: Vec<i8>,
    /// Traits, one column each.
    pub columns: Vec<Vec<f32>>,
    /// The smallest wake time in each block of rows.
    pub block_wake: Vec<f64>,
    gone: usize,
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

impl Table {
    /// An empty table with so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], ..Self::default() }
    }

    /// Rows, the gone among them.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.key.len()
    }

    /// Cells alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.key.len() - self.gone
    }

    /// Forget all cells, keeping the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.gone = 0;
    }

    /// Add a cell that is to be looked at at once.
    pub fn push(&mut self, cell: &Cell) {
        self.key.push(cell.key);
        self.draws.push(cell.draws);
        self.clone.push(cell.clone);
        self.marks.push(cell.marks);
        self.entered.push(cell.entered);
        self.since.push(cell.since);
        self.wake.push(cell.since);
        self.threshold.push(cell.threshold);
        self.bound.push(0.0);
        self.level.push(cell.level);
        for (column, value) in self.columns.iter_mut().zip(&cell.traits) {
            column.push(*value);
        }
        let block = (self.key.len() - 1) / BLOCK;
        match self.block_wake.get_mut(block) {
            Some(wake) => *wake = wake.min(cell.since),
            None => self.block_wake.push(cell.since),
        }
    }

    /// Take a cell out. The row stays, asleep for good, until [`Table::compact`].
    pub fn remove(&mut self, row: usize) {
        self.wake[row] = f64::INFINITY;
        self.bound[row] = f64::NAN;
        self.gone += 1;
    }

    /// Whether the cell of a row has been taken out.
    #[must_use]
    pub fn is_gone(&self, row: usize) -> bool {
        self.bound[row].is_nan()
    }

    /// Drop the rows of removed cells, keeping the order of the rest.
    ///
    /// Done when a quarter of the rows are gone; the order never depends on when.
    pub fn compact(&mut self) {
        if self.gone == 0 || (self.gone * 4 < self.rows() && self.rows() > BLOCK) {
            return;
        }
        let mut kept = 0;
        for row in 0..self.rows() {
            if self.is_gone(row) {
                continue;
            }
            if kept != row {
                self.key[kept] = self.key[row];
                self.draws[kept] = self.draws[row];
                self.clone[kept] = self.clone[row];
                self.marks[kept] = self.marks[row];
                self.entered[kept] = self.entered[row];
                self.since[kept] = self.since[row];
                self.wake[kept] = self.wake[row];
                self.threshold[kept] = self.threshold[row];
                self.bound[kept] = self.bound[row];
                self.level[kept] = self.level[row];
                for column in &mut self.columns {
                    column[kept] = column[row];
                }
            }
            kept += 1;
        }
        self.truncate(kept);
        self.gone = 0;
        self.block_wake = self.wake.chunks(BLOCK).map(smallest).collect();
    }

    /// Compute a block's smallest wake time anew.
    pub fn refresh_block(&mut self, block: usize) {
        let end = ((block + 1) * BLOCK).min(self.rows());
        self.block_wake[block] = smallest(&self.wake[block * BLOCK..end]);
    }

    fn truncate(&mut self, rows: usize) {
        self.key.truncate(rows);
        self.draws.truncate(rows);
        self.clone.truncate(rows);
        self.marks.truncate(rows);
        self.entered.truncate(rows);
        self.since.truncate(rows);
        self.wake.truncate(rows);
        self.threshold.truncate(rows);
        self.bound.truncate(rows);
        self.level.truncate(rows);
        for column in &mut self.columns {
            column.truncate(rows);
        }
        self.block_wake.truncate(rows.div_ceil(BLOCK));
    }
}

fn smallest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: u64) -> Cell {
        Cell { key, since: key as f64, threshold: 1.0, traits: vec![key as f32], ..Cell::default() }
    }

    #[test]
    fn compaction_keeps_the_order_and_the_wake_times() {
        let mut table = Table::new(1);
        for key in 0..2000 {
            table.push(&cell(key));
        }
        for row in (0..2000).filter(|r| r % 3 != 0) {
            table.remove(row);
        }
        assert_eq!(table.alive(), 667);
        table.compact();
        assert_eq!(table.rows(), 667);
        assert!(table.key.iter().enumerate().all(|(i, k)| *k == 3 * i as u64));
        assert!(table.columns[0].iter().enumerate().all(|(i, x)| *x == 3.0 * i as f32));
        assert_eq!(table.block_wake, vec![0.0, 3.0 * BLOCK as f64]);
    }
}
