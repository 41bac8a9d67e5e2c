//! A handful of cells side by side, gathered from a table, and the filling of a program's inputs from them.

use crate::cells::Table;
use crate::env::{Env, Times};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::model::{Flow, Rules, Source};

/// Values of one trait, a lane a cell.
pub type Column = [f32; LANES];

/// Up to [`LANES`] cells of one fate.
pub struct Lanes {
    /// How many.
    pub n: usize,
    /// Their rows in the table.
    pub rows: [u32; LANES],
    /// The time of the traits (h).
    pub since: Times,
    /// The time the traits are wanted at (h).
    pub now: Times,
    /// When each cell entered its fate (h).
    pub entered: Times,
    /// Marks.
    pub marks: [u64; LANES],
    /// Traits.
    pub columns: Vec<Column>,
}

impl Lanes {
    /// No cells, with room for so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self {
            n: 0,
            rows: [0; LANES],
            since: [0.0; LANES],
            now: [0.0; LANES],
            entered: [0.0; LANES],
            marks: [0; LANES],
            columns: vec![[0.0; LANES]; columns],
        }
    }

    /// Take some columns of the cells of up to [`LANES`] rows, wanted at the time they wake.
    pub fn gather(&mut self, table: &Table, rows: &[u32], columns: &[usize]) {
        self.n = rows.len();
        let first = rows[0] as usize;
        let contiguous = rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
        self.rows[..rows.len()].copy_from_slice(rows);
        if contiguous {
            let range = first..first + self.n;
            self.since[..self.n].copy_from_slice(&table.since[range.clone()]);
            self.now[..self.n].copy_from_slice(&table.wake[range.clone()]);
            self.entered[..self.n].copy_from_slice(&table.entered[range.clone()]);
            self.marks[..self.n].copy_from_slice(&table.marks[range.clone()]);
            for &column in columns {
                self.columns[column][..self.n].copy_from_slice(&table.columns[column][range.clone()]);
            }
        } else {
            for (lane, &row) in rows.iter().enumerate() {
                let row = row as usize;
                self.since[lane] = table.since[row];
                self.now[lane] = table.wake[row];
                self.entered[lane] = table.entered[row];
                self.marks[lane] = table.marks[row];
            }
            for &column in columns {
                let from = &table.columns[column];
                for (to, &row) in self.columns[column].iter_mut().zip(rows) {
                    *to = from[row as usize];
                }
            }
        }
        // Idle lanes repeat the first, so that they never compute with stale values.
        for lane in self.n..LANES {
            self.since[lane] = self.since[0];
            self.now[lane] = self.now[0];
            self.entered[lane] = self.entered[0];
            for &column in columns {
                self.columns[column][lane] = self.columns[column][0];
            }
        }
    }

    /// Write some columns, carried on to now, back to the cells' rows.
    pub fn scatter(&self, table: &mut Table, columns: &[usize]) {
        for (&row, now) in self.rows[..self.n].iter().zip(&self.now) {
            table.since[row as usize] = *now;
        }
        for &column in columns {
            let to = &mut table.columns[column];
            for (&row, x) in self.rows[..self.n].iter().zip(&self.columns[column]) {
                to[row as usize] = *x;
            }
        }
    }

    /// Fill a program's inputs with the cells' values `columns` at `times`.
    pub fn fill(&self, rules: &Rules, columns: &[Column], times: &Times, env: &Env<'_>, frame: &mut Frame) {
        for (i, source) in rules.inputs.iter().enumerate() {
            let out = frame.input_mut(i);
            match *source {
                Source::Column(column) => *out = columns[column],
                Source::Mark(mark) => {
                    for (o, bits) in out.iter_mut().zip(&self.marks) {
                        *o = (bits >> mark & 1) as f32;
                    }
                }
                Source::Age => {
                    for ((o, t), entered) in out.iter_mut().zip(times).zip(&self.entered) {
                        *o = (t - entered) as f32;
                    }
                }
                Source::Env(input) => env.fill(input, times, self.n, out),
            }
        }
    }
}

/// The box of values that cells can take over their windows.
pub struct Boxes {
    /// The number of each cell's window.
    pub window: [u16; LANES],
    /// The end of each cell's window (h).
    pub end: Times,
    /// Lower ends of the traits.
    pub low: Vec<Column>,
    /// Upper ends of the traits.
    pub high: Vec<Column>,
}

impl Boxes {
    /// Room for so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self {
            window: [0; LANES],
            end: [0.0; LANES],
            low: vec![[0.0; LANES]; columns],
            high: vec![[0.0; LANES]; columns],
        }
    }

    /// Fill a program's input intervals for the cells of `lanes`, whose moving traits have been boxed.
    pub fn fill(&self, rules: &Rules, flows: &[Flow], lanes: &Lanes, env: &Env<'_>, frame: &mut IntervalFrame) {
        for (i, source) in rules.inputs.iter().enumerate() {
            let (low, high) = frame.input_mut(i);
            match *source {
                Source::Column(column) if flows[column] == Flow::Hold => {
                    *low = lanes.columns[column];
                    *high = *low;
                }
                Source::Column(column) => {
                    *low = self.low[column];
                    *high = self.high[column];
                }
                Source::Mark(mark) => {
                    for ((l, h), bits) in low.iter_mut().zip(high.iter_mut()).zip(&lanes.marks) {
                        *l = (bits >> mark & 1) as f32;
                        *h = *l;
                    }
                }
                Source::Age => {
                    for lane in 0..LANES {
                        low[lane] = (lanes.now[lane] - lanes.entered[lane]) as f32;
                        high[lane] = (self.end[lane] - lanes.entered[lane]) as f32;
                    }
                }
                Source::Env(input) => {
                    // Most cells share a window: look its range up once a run of lanes.
                    let mut last = self.window[0];
                    let mut range = env.range(usize::from(last), input);
                    for lane in 0..LANES {
                        if self.window[lane] != last {
                            last = self.window[lane];
                            range = env.range(usize::from(last), input);
                        }
                        (low[lane], high[lane]) = range;
                    }
                }
            }
        }
    }
}
