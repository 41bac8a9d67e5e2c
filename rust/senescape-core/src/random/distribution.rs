//! Distributions of a trait's first value, and of values that transitions set.

use crate::random::Draws;

/// A distribution whose parameters have values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant says what its numbers are")]
pub enum Distribution {
    /// Always the same value.
    Constant(f64),
    /// Normal, clipped to `[low, high]`.
    Normal { mean: f64, sd: f64, low: f64, high: f64 },
    /// Lognormal: `median * exp(sigma N)`.
    LogNormal { median: f64, sigma: f64 },
    /// Uniform on `[low, high]`.
    Uniform { low: f64, high: f64 },
    /// Whole numbers from `low` to `high`, each as likely.
    Integers { low: f64, high: f64 },
    /// Beta on (0, 1).
    Beta { a: f64, b: f64 },
    /// Gamma with shape and scale.
    Gamma { shape: f64, scale: f64 },
    /// Exponential with a mean.
    Exponential { mean: f64 },
    /// One with probability `p`, else zero.
    Bernoulli { p: f64 },
}

/// Single precision holds every whole number up to this one.
const WHOLE_LIMIT: f64 = 16_777_216.0;

impl Distribution {
    /// Return what is wrong with the parameters, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        match *self {
            Self::Constant(value) => (!value.is_finite()).then_some("its value must be finite"),
            Self::Normal { mean, sd, low, high } => {
                (!finite(&[mean, sd]) || sd < 0.0 || low.is_nan() || high.is_nan() || low > high)
                    .then_some("a normal needs a finite mean, sd >= 0 and low <= high")
            }
            Self::LogNormal { median, sigma } => (!finite(&[median, sigma]) || median <= 0.0 || sigma < 0.0)
                .then_some("a lognormal needs median > 0 and sigma >= 0"),
            Self::Uniform { low, high } => {
                (!finite(&[low, high]) || low > high).then_some("a uniform needs finite low <= high")
            }
            Self::Integers { low, high } => {
                if low.abs().max(high.abs()) > WHOLE_LIMIT {
                    return Some("integers beyond 16777216 are rounded by single precision");
                }
                (!finite(&[low, high]) || low > high || libm::floor(low) != low || libm::floor(high) != high)
                    .then_some("integers need whole low <= high")
            }
            Self::Beta { a, b } => (!finite(&[a, b]) || a <= 0.0 || b <= 0.0).then_some("a beta needs a > 0 and b > 0"),
            Self::Gamma { shape, scale } => (!finite(&[shape, scale]) || shape <= 0.0 || scale <= 0.0)
                .then_some("a gamma needs shape > 0 and scale > 0"),
            Self::Exponential { mean } => {
                (!mean.is_finite() || mean < 0.0).then_some("an exponential needs a mean >= 0")
            }
            Self::Bernoulli { p } => {
                (!(0.0..=1.0).contains(&p)).then_some("a Bernoulli needs a probability from 0 to 1")
            }
        }
    }

    /// Draw one value.
    pub fn sample(&self, draws: &mut Draws) -> f64 {
        match *self {
            Self::Constant(value) => value,
            Self::Normal { mean, sd, low, high } => (mean + sd * draws.normal()).max(low).min(high),
            Self::LogNormal { median, sigma } => median * libm::exp(sigma * draws.normal()),
            Self::Uniform { low, high } => low + (high - low) * draws.uniform(),
            Self::Integers { low, high } => low + libm::floor((high - low + 1.0) * draws.uniform()),
            Self::Beta { a, b } => {
                let (x, y) = (log_gamma_variate(a, draws), log_gamma_variate(b, draws));
                // In logarithms, so that tiny shapes, whose variates underflow, still give a value in [0, 1].
                1.0 / (1.0 + libm::exp(y - x))
            }
            Self::Gamma { shape, scale } => scale * libm::exp(log_gamma_variate(shape, draws)),
            Self::Exponential { mean } => -mean * libm::log(draws.uniform()),
            Self::Bernoulli { p } => f64::from(u8::from(draws.uniform() < p)),
        }
    }
}

/// Draw the logarithm of a standard gamma variate (Marsaglia & Tsang 2000, doi 10.1145/358407.358414).
fn log_gamma_variate(shape: f64, draws: &mut Draws) -> f64 {
    if shape < 1.0 {
        // Gamma(a) = Gamma(a + 1) U^(1/a).
        return log_gamma_variate(shape + 1.0, draws) + libm::log(draws.uniform()) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = draws.normal();
        let v = 1.0 + c * x;
        let u = draws.uniform();
        if v > 0.0 {
            let log_v = 3.0 * libm::log(v);
            if libm::log(u) < 0.5 * x * x + d - d * libm::exp(log_v) + d * log_v {
                return libm::log(d) + log_v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream, founder_key};

    fn moments(dist: Distribution) -> (f64, f64) {
        let n = 40_000_u32;
        let stream = Stream::new(11, 0);
        let (mut sum, mut square) = (0.0, 0.0);
        for i in 0..n {
            let x = dist.sample(&mut stream.draws(founder_key(u64::from(i)), 0, Purpose::Initial));
            sum += x;
            square += x * x;
        }
        let mean = sum / f64::from(n);
        (mean, square / f64::from(n) - mean * mean)
    }

    #[test]
    fn means_and_variances_are_right() {
        // (distribution, mean, variance); six standard errors of the mean, 8% of the variance.
        let cases = [
            (Distribution::Normal { mean: 2.0, sd: 0.5, low: f64::NEG_INFINITY, high: f64::INFINITY }, 2.0, 0.25),
            (Distribution::LogNormal { median: 1.0, sigma: 0.5 }, 1.133_148_5, 0.364_7),
            (Distribution::Uniform { low: -1.0, high: 3.0 }, 1.0, 16.0 / 12.0),
            (Distribution::Integers { low: 0.0, high: 11.0 }, 5.5, 143.0 / 12.0),
            (Distribution::Beta { a: 4.0, b: 2.0 }, 2.0 / 3.0, 8.0 / (36.0 * 7.0)),
            (Distribution::Beta { a: 0.3, b: 0.3 }, 0.5, 0.25 / 1.6),
            (Distribution::Gamma { shape: 0.5, scale: 2.0 }, 1.0, 2.0),
            (Distribution::Gamma { shape: 5.0, scale: 0.1 }, 0.5, 0.05),
            (Distribution::Exponential { mean: 3.0 }, 3.0, 9.0),
            (Distribution::Bernoulli { p: 0.2 }, 0.2, 0.16),
        ];
        for (dist, mean, variance) in cases {
            let (m, v) = moments(dist);
            assert!((m - mean).abs() < 6.0 * (variance / 40_000.0_f64).sqrt(), "{dist:?}: mean {m}");
            assert!((v / variance - 1.0).abs() < 0.08, "{dist:?}: variance {v}");
        }
    }

    #[test]
    fn faults_are_named_and_edges_are_valid() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let normal = |mean, sd, low, high| Distribution::Normal { mean, sd, low, high };
        let lognormal = |median, sigma| Distribution::LogNormal { median, sigma };
        let uniform = |low, high| Distribution::Uniform { low, high };
        let integers = |low, high| Distribution::Integers { low, high };
        let beta = |a, b| Distribution::Beta { a, b };
        let gamma = |shape, scale| Distribution::Gamma { shape, scale };
        let sound = [
            Distribution::Constant(-1.0),
            normal(-1.0, 0.0, -inf, inf),
            normal(0.0, 1.0, 2.0, 2.0),
            lognormal(1e-300, 0.0),
            uniform(2.0, 2.0),
            integers(-3.0, -3.0),
            integers(-1.0, 2.0),
            beta(1e-3, 1e3),
            gamma(1e-3, 1e-3),
            Distribution::Exponential { mean: 0.0 },
            Distribution::Bernoulli { p: 0.0 },
            Distribution::Bernoulli { p: 1.0 },
        ];
        assert!(sound.iter().all(|dist| dist.fault().is_none()));
        let faulty = [
            ("a normal", vec![normal(nan, 1.0, -inf, inf), normal(0.0, inf, -inf, inf), normal(0.0, -1e-9, -inf, inf)]),
            ("a normal", vec![normal(0.0, 1.0, nan, 1.0), normal(0.0, 1.0, 0.0, nan), normal(0.0, 1.0, 2.0, 1.0)]),
            ("a lognormal", vec![lognormal(nan, 1.0), lognormal(1.0, inf), lognormal(0.0, 1.0), lognormal(1.0, -1e-9)]),
            ("a uniform", vec![uniform(-inf, 1.0), uniform(0.0, nan), uniform(1.0, 0.5)]),
            ("integers", vec![integers(0.0, inf), integers(0.5, 2.0), integers(0.0, 2.5), integers(2.0, 1.0)]),
            ("a beta", vec![beta(0.0, 1.0), beta(1.0, 0.0), beta(nan, 1.0), beta(1.0, -1.0)]),
            ("a gamma", vec![gamma(0.0, 1.0), gamma(1.0, 0.0), gamma(1.0, inf), gamma(-1.0, 1.0)]),
            ("an exponential", vec![Distribution::Exponential { mean: -1.0 }, Distribution::Exponential { mean: nan }]),
            (
                "a Bernoulli",
                vec![
                    Distribution::Bernoulli { p: -0.1 },
                    Distribution::Bernoulli { p: 1.1 },
                    Distribution::Bernoulli { p: nan },
                ],
            ),
            ("its value", vec![Distribution::Constant(nan), Distribution::Constant(inf)]),
        ];
        for (named, dist) in faulty.into_iter().flat_map(|(named, all)| all.into_iter().map(move |dist| (named, dist)))
        {
            assert!(dist.fault().is_some_and(|fault| fault.starts_with(named)), "{dist:?}: {:?}", dist.fault());
        }
    }
}
