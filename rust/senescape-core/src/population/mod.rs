//! The cells: tables of them, lanes over which rules are evaluated, and the flows of their traits.

pub mod flow;
mod lanes;
mod table;

pub use lanes::{Boxes, Column, Lanes};
pub use table::{Cell, Table};

/// All cells of a replicate.
pub struct Population {
    /// The cells of each fate.
    pub tables: Vec<Table>,
    /// Cells alive in all fates.
    pub alive: u64,
}

impl Population {
    /// Make a population without cells, with so many fates and columns, and blocks of so many rows.
    #[must_use]
    pub fn new(fates: usize, columns: usize, block: usize) -> Self {
        Self { tables: (0..fates).map(|_| Table::new(columns, block)).collect(), alive: 0 }
    }

    /// Take all cells out, and keep the memory.
    pub fn clear(&mut self) {
        self.tables.iter_mut().for_each(Table::clear);
        self.alive = 0;
    }

    /// Release the memory of all cells; tables are then as new.
    pub fn release(&mut self, columns: usize, block: usize) {
        *self = Self::new(self.tables.len(), columns, block);
    }

    /// Return the bytes that the rows of all tables take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(Table::bytes).sum()
    }

    /// Count the living cells anew, after tables were replaced.
    pub fn recount(&mut self) {
        self.alive = self.tables.iter().map(|table| table.alive() as u64).sum();
    }

    /// Drop the rows of removed cells where that pays.
    pub fn compact_sparse(&mut self) {
        self.tables.iter_mut().filter(|table| table.is_sparse()).for_each(Table::compact);
    }

    /// Return the cell that wakes first: its fate and row.
    #[must_use]
    pub fn first_to_wake(&self) -> Option<(usize, usize)> {
        let rows = |(fate, table): (usize, &Table)| (0..table.rows()).map(move |row| (fate, row));
        let wake = |(fate, row): (usize, usize)| self.tables[fate].wake[row];
        self.tables.iter().enumerate().flat_map(rows).min_by(|a, b| wake(*a).total_cmp(&wake(*b)))
    }
}
