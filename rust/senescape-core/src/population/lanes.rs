//! Up to [`LANES`] cells side by side, gathered from a table, from which the inputs of programs are filled.

use crate::environment::{Environment, Times};
use crate::expr::{Frame, IntervalFrame, LANES};
use crate::model::{Flow, Reads, Rules, Source};
use crate::population::Table;

/// Values of one trait, a lane a cell.
pub type Column = [f32; LANES];

/// A choice of rows to copy from.
trait Pick {
    fn copy_to<T: Copy>(&self, from: &[T], to: &mut [T; LANES]);
}

/// Rows that follow one another.
struct Stretch {
    first: usize,
    n: usize,
}

impl Pick for Stretch {
    #[inline(always)]
    fn copy_to<T: Copy>(&self, from: &[T], to: &mut [T; LANES]) {
        to[..self.n].copy_from_slice(&from[self.first..self.first + self.n]);
    }
}

/// Any rows.
struct Scattered<'r>(&'r [u32]);

impl Pick for Scattered<'_> {
    #[inline(always)]
    fn copy_to<T: Copy>(&self, from: &[T], to: &mut [T; LANES]) {
        for (to, &row) in to.iter_mut().zip(self.0) {
            *to = from[row as usize];
        }
    }
}

/// Up to [`LANES`] cells of one fate.
pub struct Lanes {
    /// The number of cells.
    pub n: usize,
    /// Their rows in the table.
    pub rows: [u32; LANES],
    /// The time of the traits (h).
    pub since: Times,
    /// The time at which the traits are wanted (h).
    pub now: Times,
    /// When each cell entered its fate (h).
    pub entered: Times,
    /// Marks.
    pub marks: [u64; LANES],
    /// Traits.
    pub columns: Vec<Column>,
}

impl Lanes {
    /// Make lanes without cells, with room for so many columns.
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

    /// Gather what is read of the cells of up to [`LANES`] rows, wanted at the time they wake.
    pub fn gather(&mut self, table: &Table, rows: &[u32], reads: &Reads) {
        self.n = rows.len();
        self.rows[..rows.len()].copy_from_slice(rows);
        let first = rows[0];
        if rows.iter().zip(first..).all(|(row, next)| *row == next) {
            self.take(table, reads, &Stretch { first: first as usize, n: rows.len() });
        } else {
            self.take(table, reads, &Scattered(rows));
        }
    }

    /// Copy each wanted column. Idle lanes repeat the first, so that they never compute with stale values.
    #[inline(always)]
    fn take(&mut self, table: &Table, reads: &Reads, from: &impl Pick) {
        let n = self.n;
        from.copy_to(&table.wake, &mut self.now);
        let first = self.now[0];
        self.now[n..].fill(first);
        if reads.since {
            from.copy_to(&table.since, &mut self.since);
            let first = self.since[0];
            self.since[n..].fill(first);
        } else {
            self.since = self.now;
        }
        if reads.age {
            from.copy_to(&table.entered, &mut self.entered);
            let first = self.entered[0];
            self.entered[n..].fill(first);
        }
        if reads.marks {
            from.copy_to(&table.marks, &mut self.marks);
        }
        for &column in &reads.columns {
            let to = &mut self.columns[column];
            from.copy_to(&table.columns[column], to);
            let first = to[0];
            to[n..].fill(first);
        }
    }

    /// Write some columns, advanced to now, back to the cells' rows.
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

    /// Write some columns of one lane, advanced to now, back to the cell's row.
    pub fn scatter_lane(&self, lane: usize, table: &mut Table, columns: &[usize]) {
        let row = self.rows[lane] as usize;
        table.since[row] = self.now[lane];
        for &column in columns {
            table.columns[column][row] = self.columns[column][lane];
        }
    }

    /// Fill a program's inputs with the cells' values `columns` at `times`.
    pub fn fill(&self, rules: &Rules, columns: &[Column], times: &Times, env: &Environment, frame: &mut Frame) {
        if let Some(clock) = frame.clock_mut() {
            *clock = *times;
        }
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
                Source::Environment(input) => env.fill(input, times, self.n, out),
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
    /// Make boxes with room for so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self {
            window: [0; LANES],
            end: [0.0; LANES],
            low: vec![[0.0; LANES]; columns],
            high: vec![[0.0; LANES]; columns],
        }
    }

    /// Find each cell's window by its level.
    pub fn set_windows(&mut self, levels: &[i8; LANES], lanes: &Lanes, env: &mut Environment) {
        let mut last = levels[0];
        let (mut window, mut end) = env.window(last, lanes.now[0]);
        for (lane, &level) in levels[..lanes.n].iter().enumerate() {
            // Windows of whole epochs start with this epoch, so their level alone decides.
            if level != last || level < 0 {
                last = level;
                (window, end) = env.window(level, lanes.now[lane]);
            }
            self.window[lane] = window as u16;
            self.end[lane] = end;
        }
        // Idle lanes repeat the last, whose window is known.
        self.window[lanes.n..].fill(window as u16);
        self.end[lanes.n..].fill(end);
    }

    /// Fill a program's input intervals for the cells of `lanes`, whose moving traits have been enclosed before.
    pub fn fill(&self, rules: &Rules, flows: &[Flow], lanes: &Lanes, env: &Environment, frame: &mut IntervalFrame) {
        if let Some((low, high)) = frame.clock_mut() {
            (*low, *high) = (lanes.now, self.end);
        }
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
                Source::Environment(input) => {
                    // Most cells have the same window: look its range up once for each run of lanes.
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
