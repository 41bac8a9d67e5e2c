//! Sums that do not depend on the order of their terms.

/// The exponent of a term's unit: 2^-149, the least number of single precision.
const UNIT: i32 = -149;

/// An exact sum of up to 2^42 numbers of single precision, as one wide whole number of their common unit.
///
/// Which cells are run together, and in which order, is a matter of speed and must not change an observable.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExactSum {
    /// Two's complement, the lowest first.
    limbs: [u64; 5],
    /// The sum of the terms that are not finite; 0 if all are finite.
    endless: f64,
}

impl ExactSum {
    /// Add a term.
    #[inline]
    pub fn add(&mut self, term: f32) {
        if !term.is_finite() {
            self.endless += f64::from(term);
            return;
        }
        let bits = term.to_bits();
        let (exponent, fraction) = (bits >> 23 & 0xff, bits & 0x7f_ffff);
        // Subnormal numbers have the least exponent, and no leading bit.
        let whole = u128::from(fraction | u32::from(exponent > 0) << 23);
        let shift = exponent.max(1) - 1;
        let wide = whole << (shift % 64);
        let mut added = [0; 5];
        let first = (shift / 64) as usize;
        (added[first], added[first + 1]) = (wide as u64, (wide >> 64) as u64);
        if bits >> 31 == 1 {
            added = negated(added);
        }
        self.limbs = plus(self.limbs, added);
    }

    /// Add another sum.
    pub fn merge(&mut self, other: &Self) {
        self.limbs = plus(self.limbs, other.limbs);
        self.endless += other.endless;
    }

    /// Return the sum in double precision.
    #[must_use]
    pub fn value(&self) -> f64 {
        if self.endless != 0.0 {
            return self.endless;
        }
        let negative = self.limbs[4] >> 63 == 1;
        let limbs = if negative { negated(self.limbs) } else { self.limbs };
        let sum = limbs.iter().zip(0..5).rev().fold(0.0, |sum, (limb, i)| {
            let unit = f64::from_bits(((1023 + UNIT + 64 * i) as u64) << 52);
            sum + *limb as f64 * unit
        });
        if negative { -sum } else { sum }
    }
}

fn plus(a: [u64; 5], b: [u64; 5]) -> [u64; 5] {
    let (mut sum, mut carry) = ([0; 5], 0);
    for i in 0..5 {
        let wide = u128::from(a[i]) + u128::from(b[i]) + carry;
        (sum[i], carry) = (wide as u64, wide >> 64);
    }
    sum
}

fn negated(a: [u64; 5]) -> [u64; 5] {
    plus(a.map(|limb| !limb), [1, 0, 0, 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(terms: &[f32]) -> ExactSum {
        let mut sum = ExactSum::default();
        terms.iter().for_each(|term| sum.add(*term));
        sum
    }

    #[test]
    fn single_terms_are_themselves() {
        for term in [0.0, 1.0, 0.1, 3.5e37, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), f32::from_bits(0x7f_ffff)] {
            for term in [term, -term] {
                assert_eq!(sum(&[term]).value(), f64::from(term));
            }
        }
    }

    #[test]
    fn what_cancels_leaves_nothing_behind() {
        for (terms, left) in [
            (vec![f32::MAX, 1.0, -f32::MAX], 1.0),
            (vec![1e30, f32::from_bits(1), -1e30], f64::from(f32::from_bits(1))),
            (vec![-1e-30, 7.0, 1e-30], 7.0),
            (vec![3.0, -3.0], 0.0),
            (vec![1.0, -1e20], 1.0 - f64::from(1e20_f32)),
        ] {
            assert_eq!(sum(&terms).value(), left, "{terms:?}");
        }
    }

    #[test]
    fn no_order_and_no_split_tells() {
        let stream = crate::random::Stream::new(7, 1);
        let terms: Vec<f32> = (0..3000)
            .map(|i| {
                let u = stream.draws(i, 0, crate::random::Purpose::Birth).uniform();
                ((u - 0.5) * 10_f64.powi((i % 60) as i32 - 30)) as f32
            })
            .collect();
        let whole = sum(&terms);
        let mut backward = terms.clone();
        backward.reverse();
        assert_eq!(sum(&backward), whole);
        let mut parts = sum(&terms[2000..]);
        parts.merge(&sum(&terms[..2000]));
        assert_eq!(parts, whole);
        let close: f64 = terms.iter().copied().map(f64::from).sum();
        assert!((whole.value() - close).abs() <= 1e-12 * close.abs(), "{} {close}", whole.value());
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        assert_eq!(sum(&[1.0, f32::INFINITY, -3.0]).value(), f64::INFINITY);
        assert!(sum(&[f32::INFINITY, f32::NEG_INFINITY]).value().is_nan());
        let merged = |with: f32| {
            let mut merged = sum(&[1.0]);
            merged.merge(&sum(&[with]));
            merged.value()
        };
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(merged), [f64::INFINITY, f64::NEG_INFINITY]);
        assert!(merged(f32::NAN).is_nan());
    }
}
