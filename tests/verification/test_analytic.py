"""The engine's law against closed forms: birth and death, competing hazards, stages, hazards that vary in time.

At n runs a gate of 5.2 standard errors sees a deviation of a rate by 1% wherever the standard error of its estimate is
below 0.15%: for the single-cell cases that is n = 400,000 cells, which N = 4,000 replicates of 100 cells give.
"""

import math
import os

import numpy as np
import pytest
import senescape as sn
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from ..conftest import VERIFY_N as N
from .gates import GATE, check_mean, check_share, check_variance

pytestmark = pytest.mark.statistical


def birth_death(b, d):
    return sn.Model(
        fates=["cell"], transitions=[sn.Division("cell", hazard=b), sn.Death("cell", hazard=d, cause="death")]
    )


def birth_death_moments(b, d, n0, t):
    """Mean, variance and excess kurtosis of the size from n0 cells at t."""
    growth = math.exp((b - d) * t)
    extinct = d * (growth - 1) / (b * growth - d)
    ratio = b * (growth - 1) / (b * growth - d)
    # One cell: 0 with `extinct`, else geometric from 1 with `ratio`; cumulants add over cells.
    k = np.arange(1, int(60 / -math.log(ratio)) + 2 if ratio > 0 else 2)
    p = (1 - extinct) * (1 - ratio) * ratio ** (k - 1)
    mean = growth
    central = [(p * (k - mean) ** m).sum() + extinct * (-mean) ** m for m in (2, 4)]
    variance, fourth = central
    excess = (fourth - 3 * variance**2) / n0 / variance**2
    return n0 * mean, n0 * variance, excess


@pytest.mark.parametrize(("b", "d", "n0", "t"), [(1.0, 0.6, 5, 3.0), (0.3, 0.2, 1, 8.0), (0.1, 0.11, 10, 50.0)])
def test_birth_and_death_from_few_cells(b, d, n0, t, fresh_seed):
    result = sn.simulate(birth_death(b, d), initial={"cell": n0}, until=t, every=t, replicates=5 * N, seed=fresh_seed)
    size = result.counts[:, -1, 0]
    mean, variance, excess = birth_death_moments(b, d, n0, t)
    check_mean(size, mean, variance, f"birth-death {b} {d} {n0}")
    check_variance(size, variance, f"birth-death {b} {d} {n0}", excess)
    growth = math.exp((b - d) * t)
    extinct = d * (growth - 1) / (b * growth - d)
    check_share((size == 0).sum(), len(size), extinct**n0, "extinct")
    # The exact time of extinction, at times between observations too.
    when = result.outcomes["eradication_time"]
    for s in (0.2 * t, 0.7 * t):
        growth = math.exp((b - d) * s)
        check_share((when <= s).sum(), len(when), (d * (growth - 1) / (b * growth - d)) ** n0, f"extinct by {s}")


def test_single_cell_law_of_the_size(fresh_seed):
    b, d, t = 1.0, 0.6, 3.0
    result = sn.simulate(birth_death(b, d), initial={"cell": 1}, until=t, every=t, replicates=5 * N, seed=fresh_seed)
    growth = math.exp((b - d) * t)
    a, ratio = d * (growth - 1) / (b * growth - d), b * (growth - 1) / (b * growth - d)
    size = result.counts[:, -1, 0]
    for k in range(1, 5):
        check_share((size == k).sum(), len(size), (1 - a) * (1 - ratio) * ratio ** (k - 1), f"P({k})")


def test_first_events_of_founders_and_daughters(fresh_seed):
    # What a cell draws first tells in its first event alone. 2 million founders and twice as many daughters see 0.5% of a rate.
    split, death, t = 50.0, 0.1, 16.0
    model = sn.Model(
        fates=["founder", "mother", "daughter"],
        transitions=[
            sn.Death("founder", hazard=death, cause="death"),
            sn.Division("mother", hazard=split, target="daughter"),
            sn.Death("daughter", hazard=death, cause="death", name="death of daughters"),
        ],
    )
    initial = {"founder": 100_000, "mother": 100_000}
    result = sn.simulate(model, initial=initial, until=t, observe=[t], replicates=20, seed=fresh_seed)
    founders, mothers, daughters = result.counts[:, -1].sum(axis=0)
    assert mothers == 0
    check_share(founders, 20 * 100_000, math.exp(-death * t), "founders alive")
    # Sisters are born at one time, which adds to the variance of their number less than 1 part in 10,000.
    alive = split / (split - death) * (math.exp(-death * t) - math.exp(-split * t))
    check_share(daughters, 40 * 100_000, alive, "daughters alive")


@pytest.mark.parametrize(("b", "d", "n0"), [(0.1, 0.11, 100), (1.0, 1.1, 100), (0.1, 0.11, 10), (0.1, 0.11, 10_000)])
def test_birth_death_suite_hourly(b, d, n0, fresh_seed):
    # 10,000 cells at 100,000 runs are 10^10 events, half an hour on one core: SENESCAPE_VERIFY_LARGE=1 asks for all runs.
    n = N if n0 < 10_000 or os.environ.get("SENESCAPE_VERIFY_LARGE") == "1" else N // 20
    result = sn.simulate(birth_death(b, d), initial={"cell": n0}, until=50, every=1, replicates=n, seed=fresh_seed + 1)
    for i in range(1, 51, 7):
        mean, variance, excess = birth_death_moments(b, d, n0, float(i))
        check_mean(result.counts[:, i, 0], mean, variance, f"({b}, {d}, {n0}) at {i} h")
        check_variance(result.counts[:, i, 0], variance, f"({b}, {d}, {n0}) at {i} h", excess)


def test_total_births_of_a_subcritical_cell(fresh_seed):
    b, d = 0.1, 0.11
    result = sn.simulate(
        birth_death(b, d), initial={"cell": 1}, until=20_000, every=20_000, replicates=5 * N, seed=fresh_seed + 2
    )
    births = result.events[:, -1, 0]
    p, q = b / (b + d), d / (b + d)
    for k in range(6):
        catalan = math.comb(2 * k, k) // (k + 1)
        check_share((births == k).sum(), len(births), catalan * p**k * q ** (k + 1), f"{k} births")


def test_competing_constant_hazards(fresh_seed):
    rates = {
        "division": 0.040,
        "apoptosis": 0.010,
        "senescence": 0.006,
        "senolytic": 0.020,
        "immune": 0.015,
        "escape": 0.001,
    }
    model = sn.Model(
        fates=["cell", "other"],
        transitions=[sn.Transition(name, "cell", "other", rate) for name, rate in rates.items()],
    )
    result = sn.simulate(model, initial={"cell": 100}, until=24, every=12, replicates=N, seed=fresh_seed + 3)
    total = sum(rates.values())
    left = math.exp(-24 * total)
    events = result.events[:, -1].sum(axis=0)
    for count, (name, rate) in zip(events, rates.items(), strict=True):
        check_share(count, 100 * N, rate / total * (1 - left), name)
    check_share(result.counts[:, -1, 0].sum(), 100 * N, left, "survival")
    # Which event it is does not depend on when it happens.
    early, late = result.events[:, 1].sum(axis=0), events - result.events[:, 1].sum(axis=0)
    assert stats.chi2_contingency([early, late]).pvalue > 1e-7


def test_proliferating_and_senescent_cells(fresh_seed):
    b, d, s, de, rho = 0.5, 0.1, 0.15, 0.2, 0.05
    model = sn.Model(
        fates=["P", "S"],
        transitions=[
            sn.Division("P", b),
            sn.Death("P", d, cause="apoptosis"),
            sn.Transition("senescence", "P", "S", s),
            sn.Death("S", de, cause="senolysis"),
            sn.Transition("escape", "S", "P", rho),
        ],
    )
    result = sn.simulate(model, initial={"P": 10}, until=10, every=10, replicates=5 * N, seed=fresh_seed + 4)
    drift = np.array([[b - d - s, rho], [s, -(de + rho)]])
    steps = [((1, 0), b, 0), ((-1, 0), d, 0), ((-1, 1), s, 0), ((0, -1), de, 1), ((1, -1), rho, 1)]

    def slope(t, y):
        mean, cov = y[:2], y[2:].reshape(2, 2)
        noise = sum(np.outer(v, v) * rate * mean[of] for v, rate, of in steps)
        return np.concatenate([drift @ mean, (drift @ cov + cov @ drift.T + noise).ravel()])

    end = solve_ivp(slope, (0, 10), [10, 0, 0, 0, 0, 0], rtol=1e-10, atol=1e-10).y[:, -1]
    np.testing.assert_allclose(end[:2], [137.077727, 39.751690], rtol=1e-6)
    p, senescent = result.counts[:, -1, 0], result.counts[:, -1, 1]
    check_mean(p, end[0], end[2], "P")
    check_mean(senescent, end[1], end[5], "S")
    check_variance(p, end[2], "P")
    check_variance(senescent, end[5], "S")
    product = (p - end[0]) * (senescent - end[1])
    check_mean(product, end[3], product.var(), "covariance")


def test_time_to_first_escape(fresh_seed):
    de, ep, n = 0.05, 0.002, 25
    model = sn.Model(
        fates=["S", "escaped"],
        transitions=[sn.Death("S", de, cause="senolysis"), sn.Transition("escape", "S", "escaped", ep)],
    )
    result = sn.simulate(model, initial={"S": n}, until=600, every=600, replicates=5 * N, seed=fresh_seed + 5)
    first = result.first_event[:, 1]
    for t in (30.0, 100.0):
        none = ((de + ep * math.exp(-(de + ep) * t)) / (de + ep)) ** n
        check_share(len(first) - (first <= t).sum(), len(first), none, f"no escape by {t}")
    check_share(np.isnan(first).sum(), len(first), (de / (de + ep)) ** n, "never")


def test_erlang_cycle_by_a_stage_trait(fresh_seed):
    k, mean = 4, 24.0
    rate = k / mean
    model = sn.Model(
        fates=["cell"],
        traits=[sn.Trait("stage", 0.0, inherit=sn.reset())],
        transitions=[
            sn.Transition(
                "advance", "cell", "cell", lambda cell, env, p: np.where(cell.stage < 2.5, p.r, 0.0),
                set={"stage": lambda cell, env, p: cell.stage + 1}, params={"r": rate},
            ),
            sn.Division("cell", lambda cell, env, p: np.where(cell.stage > 2.5, p.r, 0.0), params={"r": rate}),
        ],
    )  # fmt: skip
    result = sn.simulate(model, initial={"cell": 1}, until=72, every=24, replicates=5 * N, seed=fresh_seed + 6)
    stages = np.diag([-rate] * k) + np.diag([rate] * (k - 1), -1)
    stages[0, k - 1] += 2 * rate
    expected = (expm(72 * stages) @ np.eye(k)[0]).sum()
    assert expected == pytest.approx(7.608330, abs=1e-6)
    size = result.counts[:, -1, 0]
    check_mean(size, expected, size.var(), "Erlang population at 72 h")
    undivided = stats.gamma.sf(24, k, scale=1 / rate)
    assert undivided == pytest.approx(0.433470, abs=1e-6)
    check_share((result.counts[:, 1, 0] == 1).sum(), 5 * N, undivided, "undivided at 24 h")


@pytest.mark.parametrize("sync", [1.0, 6.0, 24.0, 168.0])
def test_drug_driven_hazard_at_any_sync(sync, fresh_seed):
    """Emax and linear kill under a decaying bolus, a constant hazard beside it: sections 10 of the truths."""
    h0, al, c0, ke, top, half = 0.01, 0.08, 2.0, 0.1, 0.15, 0.5
    model = sn.Model(
        fates=["linear", "emax", "left"],
        drugs=[sn.Drug("drug", half_life=math.log(2) / ke)],
        transitions=[
            sn.Transition("kill", "linear", "left", lambda cell, env, p: p.al * env.drug["drug"], params={"al": al}),
            sn.Transition("other", "linear", "left", h0),
            sn.Transition(
                "emax", "emax", "left", lambda cell, env, p: p.top * sn.hill(env.drug["drug"], p.half),
                params={"top": top, "half": half},
            ),
        ],
    )  # fmt: skip
    n = 50
    result = sn.simulate(
        model, initial={"linear": n, "emax": n}, doses=[sn.Dose("drug", c0, at=0.0)], until=24, every=24, sync=sync,
        replicates=2 * N, seed=fresh_seed + 7,
    )  # fmt: skip
    cells = 2 * N * n
    integrated = h0 * 24 + al * c0 / ke * (1 - math.exp(-ke * 24))
    check_share(result.counts[:, -1, 0].sum(), cells, math.exp(-integrated), "linear survival")
    assert math.exp(-integrated) == pytest.approx(0.183627, abs=1e-6)
    check_share(result.events[:, -1, 0].sum(), cells, 0.727567, "killed by drug")
    check_share(result.events[:, -1, 1].sum(), cells, 0.088806, "other cause")
    integrated = top / ke * math.log((half + c0) / (half + c0 * math.exp(-ke * 24)))
    check_share(result.counts[:, -1, 1].sum(), cells, math.exp(-integrated), "Emax survival")


def test_repeated_doses_gompertz_and_never_killed(fresh_seed):
    model = sn.Model(
        fates=["drugged", "ageing", "left"],
        drugs=[sn.Drug("drug", half_life=math.log(2) / 0.1)],
        transitions=[
            sn.Transition("linear", "drugged", "left", lambda cell, env, p: 0.08 * env.drug["drug"]),
            sn.Transition("gompertz", "ageing", "left", lambda cell, env, p: 0.0005 * np.exp(0.05 * cell.age)),
        ],
    )
    n = 50
    doses = [sn.Dose("drug", 2.0, at=t) for t in (0.0, 8.0, 16.0)]
    result = sn.simulate(
        model, initial={"drugged": n, "ageing": n}, doses=doses, observe=[24.0, 72.0], until=72, replicates=2 * N,
        seed=fresh_seed + 8,
    )  # fmt: skip
    check_share(result.counts[:, 0, 0].sum(), 2 * N * n, 0.0269738, "three doses")
    check_share(result.counts[:, 1, 1].sum(), 2 * N * n, 0.700485, "Gompertz")
    linear = sn.Model(
        fates=["cell"],
        drugs=[sn.Drug("drug", half_life=math.log(2) / 0.1)],
        transitions=[sn.Death("cell", lambda cell, env, p: 0.08 * env.drug["drug"], cause="drug")],
    )
    dose = [sn.Dose("drug", 2.0, at=0)]
    result = sn.simulate(
        linear, initial={"cell": n}, doses=dose, until=1000, every=1000, replicates=2 * N, seed=fresh_seed
    )
    check_share(result.counts[:, -1, 0].sum(), 2 * N * n, math.exp(-1.6), "never killed")


def test_frailty_of_single_cells(fresh_seed):
    """A gamma-distributed factor of variance 1/2 on a hazard: S = (1 + H/2)^-2."""
    model = sn.Model(
        fates=["cell"],
        traits=[sn.Trait("frailty", sn.Gamma(shape=2.0, scale=0.5))],
        transitions=[sn.Death("cell", lambda cell, env, p: p.h * cell.frailty, cause="death", params={"h": 0.07})],
    )
    n = 100
    result = sn.simulate(model, initial={"cell": n}, until=24, every=24, replicates=N, seed=fresh_seed + 9)
    check_share(result.counts[:, -1, 0].sum(), N * n, (1 + 0.5 * 0.07 * 24) ** -2, "frailty")


def test_relaxing_and_driven_traits(fresh_seed):
    """A hazard on a trait that relaxes to a constant, and on one that follows a drug: survival by quadrature."""
    ke, tau, goal = 0.08, 15.0, 3.0
    model = sn.Model(
        fates=["relaxing", "driven", "left"],
        drugs=[sn.Drug("drug", half_life=math.log(2) / ke)],
        traits=[
            sn.Trait("x", 1.0, flow=sn.relax(goal, tau=20.0)),
            sn.Trait("damage", 0.0, flow=sn.relax(lambda cell, env, p: 2 * env.drug["drug"] ** 2, tau=tau)),
            sn.Trait("p21", 0.0, flow=sn.relax(lambda cell, env, p: sn.hill(cell.damage, 0.3, 2), tau=6.0)),
        ],
        transitions=[
            sn.Transition("a", "relaxing", "left", lambda cell, env, p: 0.02 * cell.x**2),
            sn.Transition("b", "driven", "left", lambda cell, env, p: 0.05 * cell.p21),
        ],
    )
    n, replicates = 2500, max(16, N // 100)
    result = sn.simulate(
        model, initial={"relaxing": n, "driven": n}, doses=[sn.Dose("drug", 1.0, at=5.0)], until=60, every=60,
        replicates=replicates, seed=fresh_seed + 10,
    )  # fmt: skip
    integrated = quad(lambda t: 0.02 * (goal + (1 - goal) * math.exp(-t / 20.0)) ** 2, 0, 60)[0]
    check_share(result.counts[:, -1, 0].sum(), replicates * n, math.exp(-integrated), "relaxing")

    def slope(t, y):
        c = math.exp(-ke * (t - 5.0))
        g = y[0] ** 2 / (0.3**2 + y[0] ** 2)
        return [(2 * c * c - y[0]) / tau, (g - y[1]) / 6.0, 0.05 * y[1]]

    end = solve_ivp(slope, (5, 60), [0, 0, 0], rtol=1e-10, atol=1e-12).y[:, -1]
    check_share(result.counts[:, -1, 1].sum(), replicates * n, math.exp(-end[2]), "driven")


def test_age_counts_from_the_entry_into_a_fate(fresh_seed):
    """A wait at a constant rate, then a hazard k * age: the ages at death are Rayleigh, whatever the wait was.

    In one fate by a move, in the other by a division: both set the clock to zero.
    """
    rate, k, n = 0.2, 0.02, 20 * N
    model = sn.Model(
        fates=["waiting", "ageing"],
        transitions=[
            sn.Transition("enter", "waiting", "ageing", rate),
            sn.Death("ageing", lambda cell, env, p: k * cell.age, "death"),
        ],
    )
    result = sn.simulate(
        model, initial={"waiting": 1}, until=400.0, every=400.0, replicates=n, seed=fresh_seed, sync=400.0
    )
    total = result.first_event[:, 1]
    assert not np.isnan(total).any()
    check_mean(total, 1 / rate + math.sqrt(math.pi / (2 * k)), 1 / rate**2 + (2 - math.pi / 2) / k, "wait and age")
    divided = sn.Model(
        fates=["old", "young"],
        transitions=[
            sn.Division("old", 0.05, target="young"),
            sn.Death("young", lambda cell, env, p: k * cell.age, "death"),
        ],
    )
    result = sn.simulate(
        divided, initial={"old": 1}, until=1000.0, every=1000.0, replicates=n, seed=fresh_seed + 1, sync=1000.0
    )
    # The first of two Rayleigh ages: that of twice the rate.
    waited = result.first_event[:, 1] - result.first_event[:, 0]
    check_mean(waited, math.sqrt(math.pi / (4 * k)), (2 - math.pi / 2) / (2 * k), "age after division")


def test_inheritance_keeps_the_spread_and_correlates_mother_and_daughter(fresh_seed):
    """AR(1) in the logarithm: after any number of generations the marginal is the founders', sisters correlate by rho squared."""
    rho, sigma = 0.7, 0.5
    model = sn.Model(
        fates=["cell"],
        traits=[sn.Trait("x", sn.LogNormal(2.0, sigma), inherit=sn.ar1(rho))],
        transitions=[sn.Division("cell", 0.03)],
        observables=[
            sn.Observable("mean", "cell", lambda cell, env, p: np.log(cell.x)),
            sn.Observable("square", "cell", lambda cell, env, p: np.log(cell.x) ** 2),
        ],
    )
    # Each clone is one tumour, so that tumours are independent.
    n = 10 * N
    result = sn.simulate(
        model, initial={"cell": 1}, until=50.0, every=50.0, replicates=n, seed=fresh_seed, max_cells=10**6
    )
    cells = result.counts[:, -1, 0].astype(float)
    means, squares = result.observables[:, -1, 0], result.observables[:, -1, 1]
    # A tumour's mean of logarithms has expectation log(median); weigh tumours alike, and use their own scatter.
    z = (means.mean() - math.log(2.0)) / (means.std(ddof=1) / math.sqrt(n))
    assert abs(z) < GATE, f"mean of logarithms: z = {z:.2f}"
    spread = squares - 2 * math.log(2.0) * means + math.log(2.0) ** 2
    z = (spread.mean() - sigma**2) / (spread.std(ddof=1) / math.sqrt(n))
    assert abs(z) < GATE, f"spread of logarithms: z = {z:.2f}"
    # Tumours of two cells: the product of two sisters' deviations has mean rho^2 sigma^2.
    two = cells == 2
    product = ((2 * (means[two] - math.log(2.0))) ** 2 - 2 * spread[two]) / 2
    z = (product.mean() - rho**2 * sigma**2) / (product.std(ddof=1) / math.sqrt(two.sum()))
    assert abs(z) < GATE, f"covariance of sisters: z = {z:.2f} in {two.sum()}"
