//! Pools: scalars of the environment with differential equations, integrated over one epoch.
//!
//! Dormand and Prince's pair of orders 5 and 4 with step control. Between accepted steps the path is the cubic through
//! values and slopes. It is written here because cells read the path at any time of the epoch, bounds need a sure range
//! of it, and every epoch of every replicate computes it without allocating; the ODE crates that were considered do
//! none of these.

use crate::expr::course::{Deviation, StepTrust, deviation_from_parabola, edges};
use crate::expr::{BoundProgram, Frame, Input, IntervalFrame};
use crate::kinetics::drug::Segment;

/// An epoch that is no longer than this (h) is an instant: two times that were meant to be one. Nothing changes at a
/// rate over it.
pub const INSTANT: f64 = 1e-9;

/// A pool whose equation cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// A rate is not a number or infinite.
    #[error(
        "the rate of pool '{pool}' is {value} at {time:.4} h, where the pool is {state}; look for a division by zero or growth without limit"
    )]
    Rate {
        /// The pool.
        pool: String,
        /// The rate.
        value: f64,
        /// When (h).
        time: f64,
        /// The pool's value.
        state: f64,
    },
    /// Too many steps.
    #[error(
        "pool '{pool}' changes too fast at {time:.4} h: over {limit} steps within one epoch; look at the units of its rate (per hour), or give a shorter sync or every"
    )]
    Stiff {
        /// The fastest pool.
        pool: String,
        /// When (h).
        time: f64,
        /// The limit.
        limit: usize,
    },
}

const STEP_LIMIT: usize = 20_000;

/// A step that is no longer than this (h) is not halved for what may hide in it.
const SHORTEST: f64 = 1e-6;

// Dormand & Prince 1980, J Comput Appl Math 6:19: nodes, stages, and the difference of the two orders.
const C: [f64; 6] = [0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
const A: [[f64; 6]; 6] = [
    [0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
const E: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];

/// The equations of a model's pools.
pub struct Pools {
    rates: BoundProgram,
    inputs: Vec<Input>,
    names: Vec<String>,
    rtol: f64,
    /// The pools whose rates read the time of the run.
    clocked: Vec<usize>,
}

/// The pools' path over one epoch, in hours since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolPath {
    width: usize,
    times: Vec<f64>,
    /// `[knot][pool]`.
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl Pools {
    /// Make the equations from a program with one output for each pool. `clocked` lists the pools whose rates read the
    /// time of the run.
    #[must_use]
    pub fn new(rates: BoundProgram, inputs: Vec<Input>, names: Vec<String>, rtol: f64, clocked: Vec<usize>) -> Self {
        Self { rates, inputs, names, rtol, clocked }
    }

    /// Integrate from `t0` to `t1` (h). `aggregates` gives counts, sums and means at a time (h).
    ///
    /// # Errors
    /// [`PoolError`], naming the pool and the time.
    pub fn advance(
        &self,
        t0: f64,
        t1: f64,
        state: &[f64],
        drugs: &[Segment],
        aggregates: &dyn Fn(Input, f64) -> f64,
        path: &mut PoolPath,
    ) -> Result<(), PoolError> {
        let n = state.len();
        let mut scratch = Vec::new();
        let mut inputs = vec![0.0; self.inputs.len()];
        let mut rates = |s: f64, y: &[f64], out: &mut [f64]| -> Result<(), PoolError> {
            for (value, input) in inputs.iter_mut().zip(&self.inputs) {
                *value = match *input {
                    Input::Time => t0 + s,
                    Input::Drug(drug) => drugs[usize::from(drug)].at(s),
                    Input::Pool(pool) => y[usize::from(pool)],
                    other => aggregates(other, t0 + s),
                };
            }
            self.rates.scalar(&inputs, out, &mut scratch);
            match out.iter().position(|v| !v.is_finite()) {
                None => Ok(()),
                Some(i) => {
                    Err(PoolError::Rate { pool: self.names[i].clone(), value: out[i], time: t0 + s, state: y[i] })
                }
            }
        };
        let length = t1 - t0;
        let mut k: [Vec<f64>; 7] = std::array::from_fn(|_| vec![0.0; n]);
        let (mut y, mut next) = (state.to_vec(), vec![0.0; n]);
        rates(0.0, &y, &mut k[0])?;
        path.restart(n);
        path.push(0.0, &y, &k[0]);
        if length <= INSTANT {
            path.push(length, &y, &k[0]);
            return Ok(());
        }
        let mut looks = (!self.clocked.is_empty()).then(|| (self.rates.frame(), self.rates.interval_frame()));
        let mut trust = StepTrust::default();
        let (mut s, mut h) = (0.0, 0.25 * length);
        for _ in 0..STEP_LIMIT {
            h = h.min(length - s);
            if let Some(looks) = &mut looks {
                h = h.min(trust.longest(length));
                while trust.refuses(self.between(t0, (s, s + h), &y, drugs, aggregates, looks), h <= SHORTEST) {
                    h *= 0.5;
                }
            }
            for stage in 0..6 {
                for i in 0..n {
                    let sum: f64 = (0..=stage).map(|j| A[stage][j] * k[j][i]).sum();
                    next[i] = y[i] + h * sum;
                }
                let (_, later) = k.split_at_mut(stage + 1);
                rates(s + C[stage] * h, &next, &mut later[0])?;
            }
            let mut error = 0.0_f64;
            for i in 0..n {
                let difference: f64 = (0..7).map(|j| E[j] * k[j][i]).sum::<f64>() * h;
                let scale = 1e-9 + self.rtol * y[i].abs().max(next[i].abs());
                error = error.max((difference / scale).abs());
            }
            if error <= 1.0 {
                // The last step ends exactly at the end, so that no sliver of a step is left.
                s = if length - s <= h * (1.0 + 1e-12) { length } else { s + h };
                std::mem::swap(&mut y, &mut next);
                k.swap(0, 6);
                // Cells read pools in single precision.
                if let Some(i) = y.iter().position(|v| !(v.abs() <= f64::from(f32::MAX))) {
                    let (pool, time) = (self.names[i].clone(), t0 + s);
                    return Err(PoolError::Rate { pool, value: k[0][i], time, state: y[i] });
                }
                path.push(s, &y, &k[0]);
                if s >= length {
                    return Ok(());
                }
            }
            h *= (0.9 * libm::pow(error.max(1e-8), -0.2)).clamp(0.2, 5.0);
        }
        let fastest = (0..n).max_by(|a, b| k[0][*a].abs().total_cmp(&k[0][*b].abs())).unwrap_or(0);
        Err(PoolError::Stiff { pool: self.names[fastest].clone(), time: t0 + s, limit: STEP_LIMIT })
    }
}

impl Pools {
    /// Return how far rates that read the clock may be off between the moments that integration reads in a step, in
    /// units of the tolerance. Pools stand still for this: what they do themselves shows in the error of the step.
    fn between(
        &self,
        t0: f64,
        (from, to): (f64, f64),
        state: &[f64],
        drugs: &[Segment],
        aggregates: &dyn Fn(Input, f64) -> f64,
        (values, ranges): &mut (Frame, IntervalFrame),
    ) -> Deviation {
        let at = edges(from, to);
        for (i, input) in self.inputs.iter().enumerate() {
            let lanes = values.input_mut(i);
            for (lane, s) in lanes.iter_mut().zip(at) {
                *lane = match *input {
                    Input::Time => t0 + s,
                    Input::Drug(drug) => drugs[usize::from(drug)].at(s),
                    Input::Pool(pool) => state[usize::from(pool)],
                    other => aggregates(other, t0 + s),
                } as f32;
            }
        }
        if let Some(clock) = values.clock_mut() {
            clock.iter_mut().zip(at).for_each(|(lane, s)| *lane = t0 + s);
        }
        self.rates.course(values, ranges);
        let mut most = Deviation::default();
        for &pool in &self.clocked {
            let off = deviation_from_parabola(values, ranges, pool, |j| at[j + 1] - at[j]);
            let change = (to - from) * f64::from(values.output(pool)[0]).abs();
            let tolerance = 1e-9 + self.rtol * (state[pool].abs() + change);
            most.seen = most.seen.max(off.seen / tolerance);
            most.hidden = most.hidden.max(off.hidden / tolerance);
        }
        most
    }
}

impl PoolPath {
    fn restart(&mut self, width: usize) {
        self.width = width;
        self.times.clear();
        self.values.clear();
        self.slopes.clear();
    }

    fn push(&mut self, s: f64, values: &[f64], slopes: &[f64]) {
        self.times.push(s);
        self.values.extend_from_slice(values);
        self.slopes.extend_from_slice(slopes);
    }

    /// Return the values at the epoch's end.
    #[must_use]
    pub fn end(&self) -> &[f64] {
        &self.values[self.values.len() - self.width..]
    }

    /// Fill in a pool at many times.
    pub fn fill(&self, pool: usize, s: &[f64], out: &mut [f32]) {
        for (out, s) in out.iter_mut().zip(s) {
            *out = self.at(pool, *s).0 as f32;
        }
    }

    /// Return a range that holds every value from `s0` to `s1` (h).
    #[must_use]
    pub fn range(&self, pool: usize, s0: f64, s1: f64) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for pair in self.times.windows(2) {
            let (a, b) = (pair[0].max(s0), pair[1].min(s1));
            if a > b {
                continue;
            }
            // A cubic stays within the hull of its control points. The slopes at a knot are those of this piece.
            let middle = 0.5 * (pair[0] + pair[1]);
            let ((va, da), (vb, db)) = (self.at_piece(pool, a, middle), self.at_piece(pool, b, middle));
            let third = (b - a) / 3.0;
            for v in [va, va + third * da, vb - third * db, vb] {
                (low, high) = (low.min(v), high.max(v));
            }
        }
        let slack = 1e-12 * low.abs().max(high.abs());
        (low - slack, high + slack)
    }

    fn at(&self, pool: usize, s: f64) -> (f64, f64) {
        self.at_piece(pool, s, s)
    }

    /// Return value and slope at `s` of the piece that `inside` lies in.
    fn at_piece(&self, pool: usize, s: f64, inside: f64) -> (f64, f64) {
        let i = self.times.partition_point(|t| *t <= inside).clamp(1, self.times.len() - 1);
        let at = |knot: usize| (self.values[knot * self.width + pool], self.slopes[knot * self.width + pool]);
        let ((v0, d0), (v1, d1)) = (at(i - 1), at(i));
        let h = self.times[i] - self.times[i - 1];
        let u = (s - self.times[i - 1]) / h;
        let (rise, w) = (v1 - v0, 1.0 - u);
        let value = v0 + u * (h * d0 * w * w + u * (rise * (3.0 - 2.0 * u) - h * d1 * w));
        let slope = d0 * w * (1.0 - 3.0 * u) + d1 * u * (3.0 * u - 2.0) + 6.0 * rise / h * u * w;
        (value, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Binary, Graph, Node, Program, Unary};

    fn pools(nodes: Vec<Node>, roots: &[u32], params: &[f64]) -> Pools {
        let program = Program::compile(&Graph { nodes }, roots).unwrap();
        let names = (0..roots.len()).map(|i| format!("p{i}")).collect();
        let clocked = if program.inputs().contains(&Input::Time) { (0..roots.len()).collect() } else { vec![] };
        Pools::new(program.bind(params), program.inputs().to_vec(), names, 1e-8, clocked)
    }

    fn binary(f: Binary, x: u32, y: u32) -> Node {
        Node::Binary { f, x, y }
    }

    #[test]
    fn an_oscillator_keeps_to_its_circle() {
        let nodes = vec![
            Node::Input { input: Input::Pool(0) },
            Node::Input { input: Input::Pool(1) },
            Node::Const { value: -1.0 },
            binary(Binary::Mul, 2, 0),
        ];
        let pools = pools(nodes, &[1, 3], &[]);
        let mut path = PoolPath::default();
        pools.advance(0.0, 6.0, &[0.0, 1.0], &[], &|_, _| f64::NAN, &mut path).unwrap();
        assert!((path.end()[0] - 6.0_f64.sin()).abs() < 1e-6);
        for i in 0..60 {
            let s = 0.1 * f64::from(i);
            let (value, slope) = path.at(0, s);
            assert!((value - s.sin()).abs() < 1e-4);
            let secant = (path.at_piece(0, s + 1e-5, s).0 - path.at_piece(0, s - 1e-5, s).0) / 2e-5;
            assert!((slope - secant).abs() < 1e-8, "{s}: {slope} {secant}");
            let (low, high) = path.range(0, s, s);
            assert!(low <= value && value <= high && high - low < 1e-11, "{s}: {low} {value} {high}");
            let (low, high) = path.range(0, s, s + 0.7);
            for j in 0..=20 {
                let v = path.at(0, (s + 0.035 * f64::from(j)).min(6.0)).0;
                assert!(low <= v && v <= high, "{s}: {low} {v} {high}");
            }
        }
    }

    #[test]
    fn aggregates_and_parameters_are_read() {
        // p' = count - a p.
        let nodes = vec![
            Node::Input { input: Input::Count(0) },
            Node::Input { input: Input::Pool(0) },
            Node::Param { index: 0 },
            binary(Binary::Mul, 1, 2),
            binary(Binary::Sub, 0, 3),
        ];
        let pools = pools(nodes, &[4], &[0.5]);
        let mut path = PoolPath::default();
        pools.advance(10.0, 14.0, &[1.0], &[], &|_, t| t, &mut path).unwrap();
        // Exact: particular solution 2 t - 4, and the rest decays.
        let exact = 2.0 * 14.0 - 4.0 + (1.0 - 16.0) * (-2.0_f64).exp();
        assert!((path.end()[0] - exact).abs() < 1e-6, "{} {exact}", path.end()[0]);
    }

    #[test]
    fn what_cannot_be_followed_is_an_error_with_a_name() {
        let square = vec![Node::Input { input: Input::Pool(0) }, binary(Binary::Mul, 0, 0)];
        // y' = y^2 from 1 has no value at an hour after the start.
        let error = pools(square, &[1], &[]).advance(5.0, 15.0, &[1.0], &[], &|_, _| 0.0, &mut PoolPath::default());
        let (PoolError::Rate { pool, time, .. } | PoolError::Stiff { pool, time, .. }) = error.unwrap_err();
        assert!(pool == "p0" && (time - 6.0).abs() < 0.1, "{pool} {time}");
        // 1 / (t - 6) is infinite at 6 h, which a step of a quarter of the time meets.
        let nodes = vec![
            Node::Input { input: Input::Time },
            Node::Const { value: 6.0 },
            binary(Binary::Sub, 0, 1),
            Node::Const { value: 1.0 },
            binary(Binary::Div, 3, 2),
        ];
        let error = pools(nodes, &[4], &[]).advance(5.0, 6.0, &[1.0], &[], &|_, _| 0.0, &mut PoolPath::default());
        let error = error.unwrap_err();
        let (PoolError::Rate { time, .. } | PoolError::Stiff { time, .. }) = &error;
        assert!((time - 6.0).abs() < 1e-3, "{error}");
        // sqrt(6 - t) is not a number after 6 h.
        let nodes = vec![
            Node::Const { value: 6.0 },
            Node::Input { input: Input::Time },
            binary(Binary::Sub, 0, 1),
            Node::Unary { f: Unary::Sqrt, x: 2 },
        ];
        let error = pools(nodes, &[3], &[]).advance(5.0, 15.0, &[1.0], &[], &|_, _| 0.0, &mut PoolPath::default());
        let error = error.unwrap_err();
        assert!(matches!(error, PoolError::Rate { time, .. } if (6.0..=15.0).contains(&time)), "{error}");
    }

    #[test]
    fn a_pool_that_no_cell_could_read_is_reported() {
        for (rate, sound) in [(1e308, false), (1e38, false), (2e37, true), (-1e38, false)] {
            let grows = pools(vec![Node::Const { value: rate }], &[0], &[]);
            let done = grows.advance(5.0, 15.0, &[1.0], &[], &|_, _| 0.0, &mut PoolPath::default());
            assert_eq!(done.is_ok(), sound, "{rate}: {done:?}");
            if let Err(error) = done {
                assert!(matches!(error, PoolError::Rate { time, .. } if (5.0..=15.0).contains(&time)), "{error}");
            }
        }
    }

    /// Return a rule that is `height` from `a` to `b` on the clock, else 0.
    fn window(a: f64, b: f64, height: f64) -> Vec<Node> {
        vec![
            Node::Input { input: Input::Time },
            Node::Const { value: a },
            Node::Const { value: b },
            Node::Const { value: height },
            Node::Const { value: 0.0 },
            binary(Binary::Ge, 0, 1),
            binary(Binary::Lt, 0, 2),
            binary(Binary::And, 5, 6),
            Node::Where { c: 7, x: 3, y: 4 },
        ]
    }

    #[test]
    fn a_rate_that_is_switched_by_the_clock_is_followed_from_switch_to_switch() {
        for (start, width) in [0.0, 1e3, 1e6].into_iter().flat_map(|start| [5.0, 1.0, 1e-2, 1e-4].map(|w| (start, w))) {
            for i in 0..30 {
                let a = start + 0.631 * f64::from(i);
                let pools = pools(window(a, a + width, 100.0 / width), &[8], &[]);
                let mut path = PoolPath::default();
                pools.advance(start, start + 24.0, &[0.0], &[], &|_, _| 0.0, &mut path).unwrap();
                // The times of the switches are rounded to the last digit of a time.
                let exact = 100.0 * ((a + width) - a) / width;
                let found = path.end()[0];
                let slack = 1e-5 + 2.0 * start * f64::EPSILON / width;
                assert!((found / exact - 1.0).abs() < slack, "{width} h at {a} h: {found} for {exact}");
            }
        }
    }

    #[test]
    fn a_smooth_rate_that_reads_the_clock_several_times_takes_few_steps() {
        // t exp(-t / 10), whose range is much wider than its values.
        let nodes = vec![
            Node::Input { input: Input::Time },
            Node::Const { value: -0.1 },
            binary(Binary::Mul, 0, 1),
            Node::Unary { f: Unary::Exp, x: 2 },
            binary(Binary::Mul, 0, 3),
        ];
        let mut path = PoolPath::default();
        pools(nodes, &[4], &[]).advance(0.0, 24.0, &[0.0], &[], &|_, _| 0.0, &mut path).unwrap();
        let exact = 100.0 - (240.0 + 100.0) * (-2.4_f64).exp();
        assert!((path.end()[0] / exact - 1.0).abs() < 1e-7, "{} {exact}", path.end()[0]);
        assert!(path.times.len() < 3000, "{}", path.times.len());
    }

    #[test]
    fn a_rate_reads_the_time_of_the_run() {
        let time = vec![Node::Input { input: Input::Time }];
        let mut path = PoolPath::default();
        pools(time, &[0], &[]).advance(5.0, 8.0, &[1.0], &[], &|_, _| 0.0, &mut path).unwrap();
        assert!((path.end()[0] - (1.0 + 0.5 * (64.0 - 25.0))).abs() < 1e-9, "{:?}", path.end());
    }
}
