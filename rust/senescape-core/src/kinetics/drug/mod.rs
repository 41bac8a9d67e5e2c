//! Drug concentrations in time, in closed form.
//!
//! One or two compartments take bolus, infusion and oral doses, and rectangular pulses as in a dish. A two-compartment
//! drug is the sum of two exponential modes; each kind of dose has its own closed form in each mode.

mod running;
mod segment;

pub use segment::Segment;

use crate::expr::math::exp_f64;
use running::{Running, Supply};
use segment::{passage, phi};

/// A drug or a dose that is impossible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DrugError {
    /// A constant of a drug is out of range.
    #[error("drug {drug}: {field} is {value}; {fix}")]
    Kinetics {
        /// Which drug.
        drug: usize,
        /// Which constant.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        fix: &'static str,
    },
    /// A number of a dose is out of range.
    #[error("dose {dose}: {field} is {value}; {fix}")]
    Dose {
        /// Which dose.
        dose: usize,
        /// Which number.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        fix: &'static str,
    },
    /// An oral dose of a drug without absorption.
    #[error("dose {dose} is oral, but drug {drug} has no absorption; give it absorption_half_life")]
    NoAbsorption {
        /// Which dose.
        dose: usize,
        /// Which drug.
        drug: usize,
    },
}

/// Pharmacokinetics of one drug. Rates are per hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pk {
    /// Elimination from the central compartment (k10).
    pub elimination: f64,
    /// Volume of the central compartment: concentration = amount / volume.
    pub volume: f64,
    /// Exchange with a peripheral compartment: k12 and k21.
    pub peripheral: Option<(f64, f64)>,
    /// First-order absorption of oral doses (ka).
    pub absorption: Option<f64>,
    /// The fraction of an oral dose that is absorbed.
    pub bioavailability: f64,
}

/// How a dose is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Route {
    /// All at once, into the central compartment.
    Bolus,
    /// At a constant rate.
    Infusion {
        /// The duration (h).
        duration: f64,
    },
    /// Into a depot, from which it is absorbed.
    Oral,
    /// A concentration that is held for a time and then washed out. It adds to the drug's other doses.
    Pulse {
        /// The duration (h).
        duration: f64,
    },
}

/// One dose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dose {
    /// Which drug.
    pub drug: usize,
    /// The time (h).
    pub at: f64,
    /// The amount, or the concentration of a pulse.
    pub amount: f64,
    /// The route.
    pub route: Route,
}

/// An exponential mode: its rate and the concentration that a unit amount puts into it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mode {
    rate: f64,
    per_amount: f64,
}

/// All doses of all drugs.
#[derive(Clone, Debug)]
pub struct Dosing {
    modes: Vec<Vec<Mode>>,
    absorption: Vec<f64>,
    bioavailability: Vec<f64>,
    doses: Vec<Dose>,
}

impl Dosing {
    /// Check drugs and doses.
    ///
    /// # Errors
    /// [`DrugError`], naming the drug or dose and what it must be.
    pub fn new(drugs: &[Pk], doses: &[Dose]) -> Result<Self, DrugError> {
        for (drug, pk) in drugs.iter().enumerate() {
            let not_negative = |field, value: f64| {
                let fix = "it must be a finite number >= 0";
                if value >= 0.0 && value.is_finite() {
                    Ok(())
                } else {
                    Err(DrugError::Kinetics { drug, field, value, fix })
                }
            };
            not_negative("elimination", pk.elimination)?;
            not_negative("absorption", pk.absorption.unwrap_or(0.0))?;
            if let Some((k12, k21)) = pk.peripheral {
                not_negative("k12", k12)?;
                not_negative("k21", k21)?;
            }
            if !(pk.volume > 0.0 && pk.volume.is_finite()) {
                let fix = "it must be a positive, finite number";
                return Err(DrugError::Kinetics { drug, field: "volume", value: pk.volume, fix });
            }
            if !(0.0..=1.0).contains(&pk.bioavailability) {
                let fix = "it must lie between 0 and 1";
                return Err(DrugError::Kinetics { drug, field: "bioavailability", value: pk.bioavailability, fix });
            }
        }
        for (number, dose) in doses.iter().enumerate() {
            let finite = |field, value: f64, good: bool, fix| {
                if good && value.is_finite() {
                    Ok(())
                } else {
                    Err(DrugError::Dose { dose: number, field, value, fix })
                }
            };
            finite("drug", dose.drug as f64, dose.drug < drugs.len(), "it must be one of the model's drugs")?;
            finite("at", dose.at, dose.at >= 0.0, "it must be a time >= 0 h")?;
            finite("amount", dose.amount, dose.amount >= 0.0, "it must be a finite number >= 0")?;
            match dose.route {
                Route::Infusion { duration } | Route::Pulse { duration } => {
                    finite("duration", duration, duration > 0.0, "it must be a time > 0 h")?;
                }
                Route::Oral if drugs[dose.drug].absorption.is_none() => {
                    return Err(DrugError::NoAbsorption { dose: number, drug: dose.drug });
                }
                Route::Bolus | Route::Oral => {}
            }
        }
        Ok(Self {
            modes: drugs.iter().map(modes).collect(),
            absorption: drugs.iter().map(|pk| pk.absorption.unwrap_or(0.0)).collect(),
            bioavailability: drugs.iter().map(|pk| pk.bioavailability).collect(),
            doses: doses.to_vec(),
        })
    }

    /// Return the times (h) at which a closed form changes: starts of doses, ends of infusions and pulses.
    #[must_use]
    pub fn cuts(&self) -> Vec<f64> {
        let mut cuts: Vec<f64> = self.doses.iter().flat_map(|dose| [dose.at, end(dose).unwrap_or(dose.at)]).collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        cuts
    }

    /// Return the courses over the epochs between `edges` (h), by epoch and drug. Every cut between two edges must be
    /// an edge itself; doses before the first edge count as given there.
    #[must_use]
    pub fn segments(&self, edges: &[f64]) -> Vec<Vec<Segment>> {
        let mut out = Vec::with_capacity(edges.len().saturating_sub(1));
        let mut state: Vec<Segment> = (0..self.modes.len())
            .map(|drug| Segment {
                modes: self.modes[drug].iter().map(|mode| (*mode, 0.0)).collect(),
                absorption: self.absorption[drug],
                depot: 0.0,
                infusion: 0.0,
                pulses: 0.0,
            })
            .collect();
        let mut order: Vec<&Dose> = self.doses.iter().collect();
        order.sort_by(|a, b| a.at.total_cmp(&b.at));
        let mut order = order.into_iter().peekable();
        let mut running = Running::new(self.modes.len());
        for (n, pair) in edges.windows(2).enumerate() {
            if n > 0 {
                let length = pair[0] - edges[n - 1];
                for segment in &mut state {
                    segment.advance(length);
                }
            }
            running.end_by(pair[0]);
            while let Some(dose) = order.next_if(|dose| dose.at <= pair[0]) {
                let (segment, end) = (&mut state[dose.drug], end(dose).unwrap_or(dose.at));
                match dose.route {
                    Route::Oral => segment.depot += dose.amount * self.bioavailability[dose.drug],
                    Route::Infusion { .. } if end > dose.at => {
                        // The rate follows from the time that the infusion is on, which differs from its duration by
                        // the rounding of its end.
                        running.begin(dose.drug, Supply::Infusion, dose.amount / (end - dose.at), end);
                    }
                    Route::Pulse { .. } if end > dose.at => running.begin(dose.drug, Supply::Pulse, dose.amount, end),
                    // A pulse too short to take any time adds nothing.
                    Route::Pulse { .. } => {}
                    Route::Bolus | Route::Infusion { .. } => {
                        for (mode, level) in &mut segment.modes {
                            *level += dose.amount * mode.per_amount;
                        }
                    }
                }
            }
            for (drug, segment) in state.iter_mut().enumerate() {
                segment.infusion = running.sum(drug, Supply::Infusion);
                segment.pulses = running.sum(drug, Supply::Pulse);
            }
            out.push(state.clone());
        }
        out
    }

    /// Return a concentration as the sum of every dose's own closed form. This is slow, and independent of
    /// [`Dosing::segments`].
    #[must_use]
    pub fn concentration(&self, drug: usize, t: f64) -> f64 {
        let of = |dose: &&Dose| dose.drug == drug && dose.at <= t;
        let mut sum = 0.0;
        for dose in self.doses.iter().filter(of) {
            let s = t - dose.at;
            for mode in &self.modes[drug] {
                sum += mode.per_amount
                    * match dose.route {
                        Route::Bolus => dose.amount * exp_f64(-mode.rate * s),
                        Route::Oral => {
                            let ka = self.absorption[drug];
                            dose.amount * self.bioavailability[drug] * ka * passage(ka, mode.rate, s)
                        }
                        Route::Infusion { duration } => {
                            let given = s.min(duration);
                            let level = dose.amount / duration * given * phi(mode.rate * given);
                            level * exp_f64(-mode.rate * (s - given))
                        }
                        Route::Pulse { .. } => 0.0,
                    };
            }
            if let Route::Pulse { duration } = dose.route {
                sum += if t < dose.at + duration { dose.amount } else { 0.0 };
            }
        }
        sum
    }
}

fn end(dose: &Dose) -> Option<f64> {
    match dose.route {
        Route::Infusion { duration } | Route::Pulse { duration } => Some(dose.at + duration),
        Route::Bolus | Route::Oral => None,
    }
}

fn modes(pk: &Pk) -> Vec<Mode> {
    let Some((k12, k21)) = pk.peripheral.filter(|(k12, _)| *k12 > 0.0) else {
        return vec![Mode { rate: pk.elimination, per_amount: 1.0 / pk.volume }];
    };
    let sum = pk.elimination + k12 + k21;
    let spread = libm::sqrt((sum * sum - 4.0 * pk.elimination * k21).max(0.0));
    let fast = 0.5 * (sum + spread);
    // The slow root follows from the product of both, so that a small one keeps its digits.
    let slow = pk.elimination * k21 / fast;
    let gap = fast - slow;
    vec![
        Mode { rate: fast, per_amount: (fast - k21) / gap / pk.volume },
        Mode { rate: slow, per_amount: (k21 - slow) / gap / pk.volume },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Pk = Pk { elimination: 0.1, volume: 2.0, peripheral: None, absorption: Some(0.7), bioavailability: 0.8 };
    const TWO: Pk = Pk {
        elimination: 0.2,
        volume: 1.5,
        peripheral: Some((0.4, 0.15)),
        absorption: Some(0.9),
        bioavailability: 1.0,
    };

    /// Integrate the compartments by small Runge-Kutta steps, each dose by itself.
    fn integrate(pk: &Pk, doses: &[Dose], t: f64) -> f64 {
        let (k12, k21) = pk.peripheral.unwrap_or((0.0, 0.0));
        let ka = pk.absorption.unwrap_or(0.0);
        let mut sum = 0.0;
        for dose in doses.iter().filter(|d| d.at <= t) {
            let span = t - dose.at;
            let (mut y, stop, rate) = match dose.route {
                Route::Bolus => ([0.0, dose.amount, 0.0], 0.0, 0.0),
                Route::Oral => ([dose.amount * pk.bioavailability, 0.0, 0.0], 0.0, 0.0),
                Route::Infusion { duration } => ([0.0; 3], duration, dose.amount / duration),
                Route::Pulse { duration } => {
                    sum += if span < duration { dose.amount } else { 0.0 };
                    continue;
                }
            };
            let mut run = |from: f64, to: f64, rate: f64| {
                let n = 4000;
                let h = (to - from) / f64::from(n);
                let f = |y: [f64; 3]| {
                    [-ka * y[0], ka * y[0] - (pk.elimination + k12) * y[1] + k21 * y[2] + rate, k12 * y[1] - k21 * y[2]]
                };
                let plus = |y: [f64; 3], k: [f64; 3], h: f64| [y[0] + h * k[0], y[1] + h * k[1], y[2] + h * k[2]];
                for _ in 0..n {
                    let k1 = f(y);
                    let k2 = f(plus(y, k1, 0.5 * h));
                    let k3 = f(plus(y, k2, 0.5 * h));
                    let k4 = f(plus(y, k3, h));
                    for i in 0..3 {
                        y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
                    }
                }
            };
            let given = span.min(stop);
            run(0.0, given, rate);
            run(given, span, 0.0);
            sum += y[1] / pk.volume;
        }
        sum
    }

    fn mixed() -> Vec<Dose> {
        let dose = |at, amount, route| Dose { drug: 0, at, amount, route };
        vec![
            dose(0.0, 3.0, Route::Bolus),
            dose(2.0, 4.0, Route::Oral),
            dose(5.0, 6.0, Route::Infusion { duration: 7.5 }),
            dose(8.0, 0.5, Route::Pulse { duration: 3.0 }),
            dose(8.0, 1.0, Route::Bolus),
            dose(20.0, 2.0, Route::Oral),
        ]
    }

    fn edges(dosing: &Dosing) -> Vec<f64> {
        let mut edges: Vec<f64> = (0..=10).map(|i| 4.0 * f64::from(i)).collect();
        edges.extend(dosing.cuts());
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        edges
    }

    #[test]
    fn closed_forms_match_numeric_integration() {
        let alike = Pk { absorption: Some(0.1 + 1e-12), ..ONE };
        for pk in [ONE, TWO, alike, Pk { absorption: Some(0.1), ..ONE }] {
            let dosing = Dosing::new(&[pk], &mixed()).unwrap();
            for t in [0.0, 0.3, 2.0, 4.9, 6.0, 8.0, 10.9, 11.0, 12.5, 19.0, 30.0, 39.0] {
                let (mine, theirs) = (dosing.concentration(0, t), integrate(&pk, &mixed(), t));
                assert!((mine - theirs).abs() < 1e-9 * (1.0 + theirs), "{pk:?} {t}: {mine} {theirs}");
            }
        }
    }

    #[test]
    fn segments_agree_with_the_sum_over_doses_and_stay_in_their_ranges() {
        // All doses together, and each by itself.
        let alone = mixed().into_iter().map(|dose| vec![dose]);
        for (pk, doses) in alone.chain([mixed()]).flat_map(|doses| [(ONE, doses.clone()), (TWO, doses)]) {
            let dosing = Dosing::new(&[pk], &doses).unwrap();
            let edges = edges(&dosing);
            for (segments, pair) in dosing.segments(&edges).iter().zip(edges.windows(2)) {
                let length = pair[1] - pair[0];
                for i in 0..20 {
                    let s = length * f64::from(i) / 20.0;
                    let (a, b) = (segments[0].at(s), dosing.concentration(0, pair[0] + s));
                    assert!((a - b).abs() < 1e-10 * (1.0 + b), "{} {s}: {a} {b}", pair[0]);
                    let mut single = [0.0];
                    segments[0].fill(&[s], &mut single);
                    assert_eq!(single[0], a as f32);
                    let (low, high) = segments[0].range(s, s);
                    assert!(low <= a && a <= high && high - low <= 1e-11 * a, "{low} {a} {high}");
                    let (s0, s1) = (s, length * (f64::from(i) + 7.0) / 27.0);
                    let (low, high) = segments[0].range(s0.min(s1), s0.max(s1));
                    for j in 0..=10 {
                        let c = segments[0].at(s0 + (s1 - s0) * f64::from(j) / 10.0);
                        assert!(low <= c && c <= high);
                    }
                }
            }
        }
    }

    #[test]
    fn what_takes_no_time_that_counts_is_given_at_once() {
        let after = |route| {
            let dosing = Dosing::new(&[ONE], &[Dose { drug: 0, at: 24.0, amount: 3.0, route }]).unwrap();
            dosing.segments(&[0.0, 24.0, 48.0])[1][0].at(0.0)
        };
        assert_eq!(after(Route::Bolus), 1.5);
        assert_eq!(after(Route::Infusion { duration: 1e-20 }), 1.5);
        assert_eq!(after(Route::Pulse { duration: 1e-20 }), 0.0);
    }

    #[test]
    fn nothing_is_left_of_what_is_long_gone() {
        let doses = [Dose { drug: 0, at: 0.0, amount: 1.0, route: Route::Oral }];
        let dosing = Dosing::new(&[ONE], &doses).unwrap();
        assert_eq!(dosing.concentration(0, 1e6), 0.0);
        assert_eq!(dosing.segments(&[0.0, 1e6, 2e6])[1][0].at(0.0), 0.0);
    }

    #[test]
    fn impossible_doses_are_refused_by_name() {
        let dose = |amount, route| [Dose { drug: 0, at: 0.0, amount, route }];
        let text = |pk: Pk, doses: &[Dose]| Dosing::new(&[pk], doses).unwrap_err().to_string();
        assert!(text(ONE, &dose(-1.0, Route::Bolus)).contains("amount is -1"));
        assert!(text(ONE, &dose(1.0, Route::Pulse { duration: 0.0 })).contains("duration is 0"));
        assert!(text(Pk { absorption: None, ..ONE }, &dose(1.0, Route::Oral)).contains("absorption_half_life"));
        assert!(text(Pk { volume: 0.0, ..ONE }, &[]).contains("volume is 0"));
        assert!(text(Pk { elimination: f64::NAN, ..ONE }, &[]).contains("elimination is NaN"));
    }

    #[test]
    fn however_short_an_infusion_is_all_of_it_arrives() {
        let kept = Pk { elimination: 0.0, volume: 1.0, peripheral: None, absorption: None, bioavailability: 1.0 };
        for (at, duration) in [(0.0, 1e-9), (1000.0, 1e-9), (1000.0, 1e-12), (1000.0, 2e-13), (1e6, 1e-9), (1e6, 1e-10)]
        {
            let dose = Dose { drug: 0, at, amount: 3.0, route: Route::Infusion { duration } };
            let dosing = Dosing::new(&[kept], &[dose]).unwrap();
            let mut edges = vec![0.0, at];
            edges.extend(dosing.cuts());
            edges.extend([at + 1.0, at + 2.0]);
            edges.dedup();
            let courses = dosing.segments(&edges);
            let level = courses[courses.len() - 1][0].at(0.0);
            assert!((level - 3.0).abs() < 1e-12, "{level} by {duration} h at {at} h");
        }
    }
}
