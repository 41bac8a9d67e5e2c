//! Random numbers keyed by (seed, replicate, cell, draw): Philox4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405).
//!
//! There is no generator with a state. Every draw is a pure function of the replicate's key, the cell's lineage key,
//! the cell's own draw count and a purpose, so nothing depends on threads, on the order of cells or on a pause.

use crate::expr::math::ln_f64;
use crate::expr::{LANES, Level, at_level};

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Compute one block of Philox4x32 with ten rounds.
#[inline(always)]
#[must_use]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// Return a uniform number in the open interval (0, 1) with 52 random bits.
#[inline(always)]
#[must_use]
pub fn uniform(high: u32, low: u32) -> f64 {
    let bits = ((u64::from(high) << 32) + u64::from(low)) >> 12;
    // Both ends lie half a step inside: a draw of 0 would be an infinite threshold, and one of 1 a threshold of zero.
    (bits as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
}

/// The purpose of a draw. It is part of the counter, so that draws for different purposes never coincide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Accept or reject a candidate, and the next threshold.
    Candidate,
    /// The first threshold in a cell's life.
    Birth,
    /// A founder's value of a trait.
    Initial,
    /// A daughter's inherited value of a trait.
    Inherit,
    /// The value of a trait that a transition sets.
    Set,
}

impl Purpose {
    #[inline(always)]
    const fn word(self) -> u32 {
        match self {
            Self::Candidate => 0,
            Self::Birth => 1,
            Self::Initial => 2,
            Self::Inherit => 3,
            Self::Set => 4,
        }
    }
}

/// The random numbers of one replicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// Return the stream of one replicate of one seed. The pair is hashed, so that neighbouring seeds and replicates
    /// share nothing.
    #[must_use]
    pub fn new(seed: u64, replicate: u64) -> Self {
        let counter = [seed as u32, (seed >> 32) as u32, replicate as u32, (replicate >> 32) as u32];
        let [k0, k1, _, _] = philox(counter, [0x5E4E_5CA9, 0x0000_0001]);
        Self { key: [k0, k1] }
    }

    /// Return the stream of one trait. It is keyed by the trait's name, so that a trait's draws do not change when
    /// other traits are added.
    #[must_use]
    pub fn of_trait(self, name: u64) -> Self {
        Self { key: [self.key[0] ^ name as u32, self.key[1] ^ (name >> 32) as u32] }
    }

    /// Return the four words of one draw.
    #[inline(always)]
    #[must_use]
    pub fn words(self, cell: u64, draw: u32, purpose: Purpose) -> [u32; 4] {
        philox([cell as u32, (cell >> 32) as u32, draw, purpose.word()], self.key)
    }

    /// Return a uniform number and an Exp(1) threshold: all that one candidate needs.
    #[inline(always)]
    #[must_use]
    pub fn candidate(self, cell: u64, draw: u32) -> (f64, f64) {
        let [a, b, c, d] = self.words(cell, draw, Purpose::Candidate);
        (uniform(a, b), -ln_f64(uniform(c, d)))
    }

    /// Return the first Exp(1) threshold of a new cell.
    #[inline(always)]
    #[must_use]
    pub fn first_threshold(self, cell: u64) -> f64 {
        let [a, b, _, _] = self.words(cell, 0, Purpose::Birth);
        -ln_f64(uniform(a, b))
    }

    /// Fill the uniform numbers and thresholds of many cells, as [`Stream::candidate`] gives them.
    pub fn candidates(
        self,
        cells: &[u64; LANES],
        draws: &[u32; LANES],
        uniforms: &mut [f64; LANES],
        thresholds: &mut [f64; LANES],
    ) {
        columnar(self.key, cells, draws, Purpose::Candidate.word(), uniforms, thresholds);
        exponential(thresholds);
    }

    /// Fill the first thresholds of many cells, as [`Stream::first_threshold`] gives them.
    pub fn first_thresholds(self, cells: &[u64; LANES], thresholds: &mut [f64; LANES]) {
        let mut unused = [0.0; LANES];
        columnar(self.key, cells, &[0; LANES], Purpose::Birth.word(), thresholds, &mut unused);
        exponential(thresholds);
    }

    /// Return a sequence of draws for one cell and purpose, which starts at the cell's draw count.
    #[must_use]
    pub fn draws(self, cell: u64, draw: u32, purpose: Purpose) -> Draws {
        Draws { stream: self, cell, draw, purpose, part: 0, rejected: 0 }
    }
}

/// Fill the two uniform numbers of a block of Philox for many cells: the scalar loop above, compiled for wide
/// registers.
fn columnar(
    key: [u32; 2],
    cells: &[u64; LANES],
    draws: &[u32; LANES],
    purpose: u32,
    first: &mut [f64; LANES],
    second: &mut [f64; LANES],
) {
    at_level!(
        Level::best(),
        columnar_body(
            key: [u32; 2],
            cells: &[u64; LANES],
            draws: &[u32; LANES],
            purpose: u32,
            first: &mut [f64; LANES],
            second: &mut [f64; LANES]
        )
    );
}

#[inline(always)]
fn columnar_body(
    key: [u32; 2],
    cells: &[u64; LANES],
    draws: &[u32; LANES],
    purpose: u32,
    first: &mut [f64; LANES],
    second: &mut [f64; LANES],
) {
    const PART: usize = 16;
    for start in (0..LANES).step_by(PART) {
        let [mut c0, mut c1, mut c2, mut c3] = [[0_u32; PART]; 4];
        for i in 0..PART {
            c0[i] = cells[start + i] as u32;
            c1[i] = (cells[start + i] >> 32) as u32;
            c2[i] = draws[start + i];
            c3[i] = purpose;
        }
        let [mut k0, mut k1] = key;
        for _ in 0..10 {
            for i in 0..PART {
                let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0[i]);
                let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2[i]);
                c0[i] = (p1 >> 32) as u32 ^ c1[i] ^ k0;
                c1[i] = p1 as u32;
                c2[i] = (p0 >> 32) as u32 ^ c3[i] ^ k1;
                c3[i] = p0 as u32;
            }
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        for i in 0..PART {
            first[start + i] = uniform(c0[i], c1[i]);
            second[start + i] = uniform(c2[i], c3[i]);
        }
    }
}

/// Turn uniform numbers into Exp(1) numbers.
fn exponential(values: &mut [f64; LANES]) {
    at_level!(Level::best(), exponential_body(values: &mut [f64; LANES]));
}

#[inline(always)]
fn exponential_body(values: &mut [f64; LANES]) {
    for x in values {
        *x = -ln_f64(*x);
    }
}

/// A sequence of draws for one cell, one draw count and one purpose.
///
/// Samplers that reject take more than one block. The high bits of the purpose word tell further blocks apart.
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    cell: u64,
    draw: u32,
    purpose: Purpose,
    part: u8,
    rejected: u32,
}

impl Draws {
    /// Return the next uniform number in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        let word = self.purpose.word() + (self.rejected << 20);
        let [a, b, c, d] = philox([self.cell as u32, (self.cell >> 32) as u32, self.draw, word], self.stream.key);
        if self.part == 0 {
            self.part = 1;
            uniform(a, b)
        } else {
            self.part = 0;
            // This wraps after 4,096 blocks. A sampler that rejects with a probability below a half never takes so
            // many.
            self.rejected = self.rejected.wrapping_add(1);
            uniform(c, d)
        }
    }

    /// Return the next standard normal number (Box-Muller, one of the pair).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        radius * libm::cos(core::f64::consts::TAU * self.uniform())
    }
}

/// Return the lineage key of the `index`-th founder of a tumour.
#[inline]
#[must_use]
pub fn founder_key(index: u64) -> u64 {
    mix(index.wrapping_add(1).wrapping_mul(GOLDEN))
}

/// Return the lineage key of a cell's first (0) or second (1) daughter.
#[inline]
#[must_use]
pub fn daughter_key(mother: u64, which: u64) -> u64 {
    mix(mother.wrapping_add((which + 1).wrapping_mul(GOLDEN)) ^ 0xD1B5_4A32_D192_ED03)
}

/// Return the key that stands for a trait's name in [`Stream::of_trait`].
#[must_use]
pub fn name_key(name: &str) -> u64 {
    name.bytes().fold(GOLDEN, |key, byte| mix(key.wrapping_add(u64::from(byte) + 1)))
}

/// Mix 64 bits bijectively (the finaliser of MurmurHash3, variant 13 of D. Stafford).
#[inline]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_meets_the_published_known_answers() {
        // Random123 known-answer test, philox4x32-10.
        let rows = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, answer) in rows {
            assert_eq!(philox(counter, key), answer);
        }
    }

    #[test]
    fn columns_hold_the_draws_of_single_cells() {
        let stream = Stream::new(5, 9);
        let cells: [u64; LANES] = std::array::from_fn(|i| founder_key(i as u64));
        let draws: [u32; LANES] = std::array::from_fn(|i| (i * i) as u32);
        let [mut uniforms, mut thresholds, mut first] = [[0.0; LANES]; 3];
        stream.candidates(&cells, &draws, &mut uniforms, &mut thresholds);
        stream.first_thresholds(&cells, &mut first);
        for i in 0..LANES {
            assert_eq!(stream.candidate(cells[i], draws[i]), (uniforms[i], thresholds[i]));
            assert_eq!(stream.first_threshold(cells[i]), first[i]);
        }
    }

    #[test]
    fn uniform_is_open_at_both_ends() {
        assert!(uniform(0, 0) > 0.0);
        assert!(uniform(u32::MAX, u32::MAX) < 1.0);
    }

    #[test]
    fn neighbouring_seeds_replicates_cells_and_purposes_share_no_draw() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..8 {
            for replicate in 0..8 {
                let stream = Stream::new(seed, replicate);
                for cell in 0..8 {
                    let key = founder_key(cell);
                    for draw in 0..4 {
                        for purpose in [Purpose::Candidate, Purpose::Birth, Purpose::Initial, Purpose::Set] {
                            assert!(seen.insert(stream.words(key, draw, purpose)));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn traits_share_no_draw_and_no_name_stands_for_another() {
        let stream = Stream::new(1, 2);
        let names: Vec<String> =
            (0..500).map(|i| format!("trait_{i}")).chain(["a", "b", "ab", "ba", ""].map(String::from)).collect();
        let words: std::collections::HashSet<_> = names
            .iter()
            .map(|name| stream.of_trait(name_key(name)).words(founder_key(3), 0, Purpose::Initial))
            .collect();
        assert_eq!(words.len(), names.len());
    }

    #[test]
    fn daughters_differ_from_each_other_and_from_their_mother() {
        let mother = founder_key(7);
        assert_ne!(daughter_key(mother, 0), daughter_key(mother, 1));
        assert_ne!(daughter_key(mother, 0), mother);
    }

    #[test]
    fn a_sequence_of_draws_has_the_right_moments() {
        let mut draws = Stream::new(3, 1).draws(founder_key(0), 0, Purpose::Initial);
        let n = 4000;
        let (mut sum, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let x = draws.normal();
            sum += x;
            square += x * x;
        }
        let (mean, variance) = (sum / f64::from(n), square / f64::from(n));
        assert!(mean.abs() < 0.09 && (variance - 1.0).abs() < 0.13, "{mean} {variance}");
    }
}
