"""Trials: shared luck until treatments differ, and what is made of the outcomes."""

import subprocess
import sys

import numpy as np
import pytest
import senescape as sn
from senescape import survival
from senescape.trials.survival import Comparison, compare, kaplan_meier, median


class Tumour:
    """Cells that grow, arrest and escape, two drugs against them, and a pool that nobody needs."""

    @sn.hookimpl
    def senescape_fates(self):
        return ["cycling", "senescent"]

    @sn.hookimpl
    def senescape_traits(self):
        return [
            sn.Trait(
                "depth", sn.LogNormal(1.0, 0.5), flow=sn.relax(3.0, tau=100.0, fate="senescent"), inherit=sn.ar1(0.5)
            )
        ]

    @sn.hookimpl
    def senescape_drugs(self):
        return [sn.Drug("chemo", half_life=12.0), sn.Drug("lytic", half_life=12.0)]

    @sn.hookimpl
    def senescape_transitions(self):
        return [
            sn.Division("cycling", lambda cell, env, p: 0.02 / (1 + cell.depth / 10)),
            sn.Transition("arrest", "cycling", "senescent", lambda cell, env, p: 0.2 * sn.hill(env.drug["chemo"], 0.5)),
            sn.Senolytic(
                "lysis", lambda cell, env, p: p.kmax * sn.hill(env.drug["lytic"], 0.3) / cell.depth, {"kmax": 0.05}
            ),
            sn.Escape("escape", lambda cell, env, p: p.h0 * np.exp(-cell.depth), {"h0": 0.01}),
        ]


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    from senescape.plugins import registry

    monkeypatch.setattr(registry, "_REGISTERED", {})
    sn.register_plugin("tumour", Tumour())


def arm(lytic=(), **more):
    doses = [
        {"drug": "chemo", "amount": 3.0, "at": 24.0},
        *({"drug": "lytic", "amount": 1.0, "at": at} for at in lytic),
    ]
    settings = {
        "plugins": ("tumour",), "initial": {"cycling": 60}, "until": 600.0, "every": 20.0, "doses": doses,
        "relapse": {"above": 120, "fates": ("cycling",), "after": 100.0}, **more,
    }  # fmt: skip
    return sn.Scenario(**settings)


def test_arms_are_the_same_to_the_bit_until_treatments_differ(fresh_seed):
    outcome = sn.trial(
        {"none": arm(), "early": arm([93.7, 130.0]), "late": arm([93.7 + 24, 130.0])}, replicates=30, seed=fresh_seed
    )
    none, early, late = (outcome.result(name) for name in outcome.arms)
    before = none.time <= 93.7
    for name in ("counts", "events"):
        np.testing.assert_array_equal(getattr(none, name)[:, before], getattr(early, name)[:, before])
        np.testing.assert_array_equal(getattr(none, name)[:, before], getattr(late, name)[:, before])
    assert (none.events[:, ~before] != early.events[:, ~before]).any()
    # The first events of every kind before the split too, which are known to the bit.
    first = np.where(none.first_event < 93.7, none.first_event, np.nan)
    np.testing.assert_array_equal(first, np.where(early.first_event < 93.7, early.first_event, np.nan))


@pytest.mark.parametrize("later", [1.0, 1e3])
def test_a_dose_that_comes_later_is_not_known_before(fresh_seed, later):
    def dosed(*given):
        doses = [{"drug": "chemo", "amount": amount, "at": at} for amount, at in given]
        return arm().model_copy(update={"doses": tuple(sn.scenario.DoseSpec(**dose) for dose in doses)})

    first = (0.02, 10.0)
    arms = {"once": dosed(first), "again": dosed(first, (later, 150.0))}
    outcome = sn.trial(arms, replicates=5, seed=fresh_seed)
    once, again = outcome.result("once"), outcome.result("again")
    before = once.time <= 150.0
    np.testing.assert_array_equal(once.events[:, before], again.events[:, before])


def test_visits_that_come_later_are_not_known_before(fresh_seed):
    class Clinic:
        @sn.hookimpl
        def senescape_visit(self, visit):
            pass

    sn.register_plugin("waiting-room", Clinic())
    doses = tuple(sn.scenario.DoseSpec(drug="chemo", amount=a, at=t) for a, t in ((0.02, 10.0), (50.0, 170.0)))
    arms = {
        str(first): arm(plugins=("tumour", "waiting-room"), visits=(first,)).model_copy(update={"doses": doses})
        for first in (100.0, 190.0)
    }
    outcome = sn.trial({**arms, "none": arm().model_copy(update={"doses": doses})}, replicates=5, seed=fresh_seed)
    soon, late, none = (outcome.result(name) for name in outcome.arms)
    before = soon.time <= 100.0
    for other in (late, none):
        np.testing.assert_array_equal(soon.events[:, before], other.events[:, before])


def test_equal_arms_stay_the_same_and_an_arm_has_the_law_of_a_run_alone(fresh_seed):
    outcome = sn.trial({"a": arm([200.0]), "b": arm([200.0])}, replicates=400, seed=fresh_seed)
    a, b = outcome.result("a"), outcome.result("b")
    np.testing.assert_array_equal(a.events, b.events)
    alone = sn.simulate(arm([200.0]), replicates=400, seed=fresh_seed + 1)
    # At the last time before any replicate may have ended.
    at = int(np.searchsorted(a.time, 100.0))
    x, y = a.counts[:, at].astype(float), alone.counts[:, at].astype(float)
    error = np.sqrt((x.var(axis=0) + y.var(axis=0)) / 400)
    assert (np.abs(x.mean(axis=0) - y.mean(axis=0)) < 5.5 * error).all()


def test_visits_split_at_the_first_of_them(fresh_seed):
    class Clinic:
        @sn.hookimpl
        def senescape_visit(self, visit):
            if visit.number == 1:
                visit.order("lytic", amount=2.0)

    sn.register_plugin("clinic", Clinic())
    visited = arm(plugins=("tumour", "clinic"), visits=(60.0, 130.0))
    outcome = sn.trial({"none": arm(), "clinic": visited}, replicates=10, seed=fresh_seed)
    none, clinic = outcome.result("none"), outcome.result("clinic")
    before = none.time <= 60.0
    np.testing.assert_array_equal(none.events[:, before], clinic.events[:, before])
    assert clinic.doses["drug"].tolist().count("lytic") == 10


def test_outcomes_hold_the_same_tumours_side_by_side():
    outcome = sn.trial({"none": arm(), "lytic": arm([60.0, 84.0, 108.0])}, replicates=12, seed=3, threads=2)
    table = outcome.outcomes
    assert table["arm"].tolist() == ["none"] * 12 + ["lytic"] * 12
    assert table["replicate"].tolist() == [*range(12)] * 2
    times, relapsed = outcome.times("none")
    result = outcome.result("none").outcomes
    np.testing.assert_array_equal(times, np.where(result["relapsed"], result["relapse_time"], 600.0))
    np.testing.assert_array_equal(relapsed, result["relapsed"])
    assert "lytic" in str(outcome)
    curve = outcome.survival()
    assert set(curve["arm"].tolist()) == {"none", "lytic"}
    again = sn.trial({"none": arm(), "lytic": arm([60.0, 84.0, 108.0])}, replicates=12, seed=3, threads=1)
    np.testing.assert_array_equal(again.outcomes["time"], table["time"])
    with pytest.raises(sn.ModelError, match="no arm 'surgery'"):
        outcome.times("surgery")


def test_pairing_saves_variance():
    outcome = sn.trial({"none": arm(), "lytic": arm([110.0, 134.0])}, replicates=100, seed=5)
    found = outcome.compare("lytic")
    a, b = outcome.times("lytic")[0], outcome.times("none")[0]
    assert found.mean_difference == pytest.approx((a - b).mean())
    assert found.variance_saved == pytest.approx((a.var() + b.var()) / (a - b).var())
    assert found.variance_saved > 2
    assert found.mean_difference_interval[0] <= found.mean_difference <= found.mean_difference_interval[1]


def exponential(rng, rate, n, horizon):
    times = rng.exponential(1 / rate, n)
    return np.minimum(times, horizon), times < horizon


def test_the_curve_is_kaplan_and_meiers(fresh_seed):
    import lifelines

    rng = np.random.default_rng(fresh_seed)
    times, relapsed = exponential(rng, 0.01, 201, 150.0)
    times = np.ceil(times)
    fitter = lifelines.KaplanMeierFitter().fit(times, relapsed)
    curve = kaplan_meier(times, relapsed)
    np.testing.assert_allclose(curve["survival"], fitter.predict(curve["time"]).to_numpy(), rtol=1e-12)
    assert median(times, relapsed) == fitter.median_survival_time_
    assert np.isnan(median(times, np.zeros(201, dtype=bool)))


def test_half_of_an_even_number_of_tumours_is_half_of_them():
    for n in range(2, 400, 2):
        assert median(np.arange(1.0, n + 1.0), np.ones(n, dtype=bool)) == n / 2


def test_a_hazard_ratio_knows_no_unit_of_time(few_resamples):
    rng = np.random.default_rng(3)
    arm, control = exponential(rng, 0.005, 200, 300.0), exponential(rng, 0.01, 200, 300.0)
    hours = compare(arm, control, 300.0, ("a", "b"))
    soon = compare((arm[0] / 4096, arm[1]), (control[0] / 4096, control[1]), 300.0 / 4096, ("a", "b"))
    assert soon.hazard_ratio == pytest.approx(hours.hazard_ratio, rel=1e-9)
    assert soon.median_difference == hours.median_difference / 4096


def test_a_hazard_ratio_is_found(fresh_seed):
    rng = np.random.default_rng(fresh_seed)
    n, horizon = 4000, 300.0
    found = compare(exponential(rng, 0.005, n, horizon), exponential(rng, 0.01, n, horizon), horizon, ("a", "b"))
    # The standard error of the log is about sqrt(1/3107 + 1/3801) = 0.0242 by the events expected, and little more as fitted.
    assert abs(np.log(found.hazard_ratio / 0.5)) < 5.5 * 0.025
    low, high = found.hazard_ratio_interval
    assert low < found.hazard_ratio < high
    assert np.log(high / low) / (2 * 1.96) == pytest.approx(0.0245, rel=0.06)
    expected = np.log(2) / 0.005 - np.log(2) / 0.01
    assert found.median_difference == pytest.approx(expected, abs=5.5 * 5)
    # Independent tumours: nothing is saved.
    assert found.variance_saved == pytest.approx(1.0, abs=0.1)


def test_a_comparison_is_what_its_parts_are(fresh_seed, monkeypatch):
    """Few resamples, against the same made by hand and lifelines."""
    import lifelines
    import pandas as pd

    monkeypatch.setattr(survival, "_RESAMPLES", 40)
    rng = np.random.default_rng(fresh_seed)
    n, horizon = 61, 150.0
    a, b = exponential(rng, 0.012, n, 1e9), exponential(rng, 0.02, n, 1e9)
    found = compare(a, b, horizon, ("new", "old"), confidence=0.8, seed=fresh_seed)
    assert (found.arm, found.control, found.tumours, found.confidence) == ("new", "old", n, 0.8)

    x, y = np.minimum(a[0], horizon), np.minimum(b[0], horizon)
    again = np.random.default_rng(fresh_seed)
    chosen = [again.integers(n, size=n) for _ in range(40)]
    # All relapse, and an odd number: a median is that of the times, and no share is a half but for rounding.
    middle = [np.sort(a[0][rows])[n // 2] - np.sort(b[0][rows])[n // 2] for rows in chosen]
    assert found.mean_difference == pytest.approx(x.mean() - y.mean())
    assert found.mean_difference_interval == pytest.approx(
        np.quantile([(x - y)[rows].mean() for rows in chosen], [0.1, 0.9])
    )
    assert found.median_difference == pytest.approx(np.sort(a[0])[n // 2] - np.sort(b[0])[n // 2])
    assert found.median_difference_interval == pytest.approx(np.quantile(middle, [0.1, 0.9]))
    assert {type(each) for each in (*found.mean_difference_interval, *found.median_difference_interval)} == {float}
    assert found.variance_saved == pytest.approx((x.var() + y.var()) / (x - y).var())

    frame = pd.DataFrame({"t": [*a[0], *b[0]], "e": True, "arm": [1.0] * n + [0.0] * n, "who": [*range(n)] * 2})
    fitted = lifelines.CoxPHFitter(alpha=0.2).fit(frame, "t", "e", cluster_col="who")
    assert found.hazard_ratio == pytest.approx(fitted.hazard_ratios_["arm"])
    assert found.hazard_ratio_interval == pytest.approx(np.exp(fitted.confidence_intervals_.loc["arm"]).tolist())
    default = compare(a, b, horizon, ("new", "old"))
    assert default.confidence == 0.95
    assert default == compare(a, b, horizon, ("new", "old"), confidence=0.95, seed=0)


@pytest.fixture
def few_resamples(monkeypatch):
    monkeypatch.setattr(survival, "_RESAMPLES", 5)


@pytest.mark.parametrize(
    ("confidence", "written"),
    [(0.5, "50%"), (0.57, "57%"), (0.95, "95%"), (0.975, "97.5%"), (0.999, "99.9%"), (0.9999999, "99.99999%")],
)
def test_any_confidence_has_its_interval(few_resamples, confidence, written):
    from scipy.stats import norm

    rng = np.random.default_rng(5)
    a, b = exponential(rng, 0.012, 50, 1e9), exponential(rng, 0.02, 50, 1e9)
    found, middle = (compare(a, b, 150.0, ("a", "b"), confidence=level) for level in (confidence, 0.95))
    # The same standard error at each level: an interval's width on the log scale goes with the normal quantile.
    width, other = (np.log(each.hazard_ratio_interval[1] / each.hazard_ratio_interval[0]) for each in (found, middle))
    assert width / other == pytest.approx(norm.isf((1 - confidence) / 2) / norm.isf(0.025), rel=1e-6)
    assert f" {written} intervals" in str(found)


def test_a_relapse_at_the_start_counts(few_resamples):
    always = np.ones(6, dtype=bool)
    arm, control = np.array([0.0, 2.0, 3.0, 7.0, 8.0, 9.0]), np.array([1.0, 0.0, 4.0, 5.0, 6.0, 7.0])
    found = compare((arm, always), (control, always), 10.0, ("a", "b"))
    nearly = compare((np.maximum(arm, 1e-9), always), (np.maximum(control, 1e-9), always), 10.0, ("a", "b"))
    assert np.isfinite(found.hazard_ratio)
    assert found.hazard_ratio == nearly.hazard_ratio


def test_arms_that_differ_by_the_same_everywhere(few_resamples):
    always, times = np.ones(4, dtype=bool), np.array([10.0, 20.0, 30.0, 40.0])
    found = compare((times + 5.0, always), (times, always), 100.0, ("a", "b"))
    assert found.variance_saved == np.inf
    assert found.mean_difference_interval == (5.0, 5.0)
    same = compare((times * 0 + 5.0, always), (times * 0 + 5.0, always), 100.0, ("a", "b"))
    assert np.isnan(same.variance_saved)


@pytest.mark.parametrize("none", [0, 1])
def test_an_arm_without_relapse_has_no_ratio_nor_median(none, few_resamples):
    always, times = np.ones(4, dtype=bool), np.array([10.0, 20.0, 30.0, 40.0])
    arms = [(times, always), (times, always)]
    arms[none] = (times, ~always)
    found = compare(*arms, 100.0, ("a", "b"))
    for value in (found.hazard_ratio, *found.hazard_ratio_interval, *found.median_difference_interval):
        assert np.isnan(value)
    assert len(found.hazard_ratio_interval) == len(found.median_difference_interval) == 2


@pytest.mark.parametrize("module", ["pandas", "lifelines"])
def test_what_a_ratio_needs_is_named(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    always, times = np.ones(4, dtype=bool), np.arange(4.0)
    with pytest.raises(sn.MissingExtraError, match=rf"this needs '{module}'.*'senescape\[trials\]'"):
        compare((times, always), (times, always), 100.0, ("a", "b"))


def test_half_is_the_median():
    relapsed = np.array([True, True, False, False])
    assert median(np.array([3.0, 5.0, 9.0, 9.0]), relapsed) == 5.0
    assert np.isnan(median(np.array([3.0, 5.0, 9.0, 9.0, 9.0]), np.array([*relapsed, False])))
    assert type(median(np.array([3.0]), relapsed[:1])) is float


def test_a_curve_begins_with_all_at_risk():
    curve = kaplan_meier(np.array([4.0, 2.0, 2.0, 3.0, 2.0, 4.0]), np.array([1, 1, 0, 0, 1, 0], dtype=bool))
    assert curve["time"].tolist() == [0.0, 2.0, 4.0]
    assert curve["at_risk"].tolist() == [6, 6, 2]
    assert curve["survival"] == pytest.approx([1.0, 4 / 6, 4 / 6 / 2])


def test_a_comparison_prints_as_lines():
    found = Comparison("new", "old", 12, 0.9, 0.51234, (0.4, 0.6), 12.5, (1.0, 20.0), 10.25, (-1.0, 21.5), 3.456)
    assert str(found).splitlines() == [
        "new against old, 12 tumours each, 90% intervals",
        "hazard ratio of relapse       0.512 (0.4 to 0.6)",
        "median relapse-free time      12.5 h (1 to 20)",
        "mean up to the horizon        10.2 h (-1 to 21.5)",
        "variance saved by pairing     3.5-fold",
    ]


def test_what_cannot_be_known_is_not_a_number():
    times, never = np.full(20, 100.0), np.zeros(20, dtype=bool)
    found = compare((times, never), (np.full(20, 50.0), ~never), 100.0, ("a", "b"))
    assert np.isnan(found.hazard_ratio)
    assert np.isnan(found.median_difference)
    assert found.mean_difference == 50.0
    assert "nan" in str(found)


def test_arms_that_relapse_one_wholly_before_the_other_have_no_ratio():
    always = np.ones(30, dtype=bool)
    found = compare((200.0 + np.arange(30), always), (100.0 + np.arange(30), always), 300.0, ("a", "b"))
    assert np.isnan(found.hazard_ratio)
    assert found.median_difference == 100.0


def test_patients_of_a_cohort_differ_alike_in_all_arms():
    cohort = sn.Cohort({"tumour.escape.h0": sn.Uniform(0.0, 0.05)}, patients=6, seed=1)
    arms = {"none": arm(), "lytic": arm([60.0])}
    outcome = sn.trial(arms, replicates=2, seed=2, cohort=cohort, threads=2)
    table = outcome.outcomes
    assert table["patient"].tolist() == [i for _ in range(2) for i in range(6) for _ in range(2)]
    for name in outcome.arms:
        for patient, result in enumerate(outcome.results[name]):
            assert result.provenance["parameters"]["escape.h0"] == cohort.table["tumour.escape.h0"][patient]
    assert len({tuple(r.counts[0, 3]) for r in outcome.results["none"]}) > 1
    again = sn.trial(arms, replicates=2, seed=2, cohort=cohort, threads=1)
    np.testing.assert_array_equal(again.outcomes["time"], table["time"])
    with pytest.raises(sn.ModelError, match="a result for each patient"):
        outcome.result("none")


def test_what_does_not_go_together_is_refused():
    for arms, says in (
        ({}, "needs arms"),
        ({"a": arm(relapse=None)}, "'a' has no relapse rule"),
        ({"a": arm(), "b": arm(until=700.0)}, "'a' and 'b' have until"),
        ({"a": arm(), "b": arm(sync=6.0)}, "'a' and 'b' have sync"),
        ({"a": arm(), "b": arm(initial={"cycling": 61})}, "'a' and 'b' have initial"),
    ):
        with pytest.raises(sn.ModelError, match=says):
            sn.trial(arms, seed=1)
    with pytest.raises(sn.ModelError, match="no parameter 'x'"):
        sn.trial({"a": arm()}, seed=1, cohort=sn.Cohort({"x": sn.Uniform(0, 1)}, patients=2))


def test_a_tumour_that_outgrew_its_cap_is_followed_no_longer():
    # Cells of all fates count for the cap, cycling ones after 100 h for relapse.
    outcome = sn.trial({"cap": arm(max_cells=150)}, replicates=40, seed=1)
    capped = outcome.outcomes["stop"] == "cell_cap"
    assert capped.any()
    times, relapsed = outcome.times("cap")
    np.testing.assert_array_equal(times[capped], outcome.result("cap").outcomes["end_time"][capped])
    assert not relapsed[capped].any()
    assert (times[capped] < 600).all()
    with pytest.raises(sn.ModelError, match=r"of 40 tumours of the arm 'cap' outgrew max_cells before they relapsed"):
        outcome.compare("cap")
    with pytest.raises(sn.ModelError, match=r"has max_cells = 100, so that no tumour gets to relapse.above = 120"):
        sn.trial({"cap": arm(max_cells=100, relapse={"above": 120})})


@pytest.mark.parametrize(
    ("arms", "settings", "message"),
    [
        (None, {}, "a trial needs arms by name"),
        ([arm], {}, "a trial needs arms by name"),
        ({1: arm}, {}, "a trial needs arms by name"),
        ({"a": "mcf7-doxorubicin"}, {}, "the arm 'a' is 'mcf7-doxorubicin'; an arm is a sn.Scenario"),
        ({"a": arm}, {"cohort": "x"}, "cohort = 'x' is not a cohort"),
        ({"a": arm}, {"replicates": "x"}, "replicates = 'x' must be a whole number"),
        ({"a": arm}, {"replicates": True}, "replicates = True must be a whole number"),
        ({"a": arm}, {"threads": -1}, "threads = -1 must lie between"),
        ({"a": arm, "b": lambda: arm(relapse={"above": 60})}, {}, "'a' and 'b' relapse above 120 and 60 cells"),
    ],
)
def test_trials_that_cannot_be_are_refused(arms, settings, message):
    made = {k: v() if callable(v) else v for k, v in arms.items()} if isinstance(arms, dict) else arms
    with pytest.raises(sn.ModelError, match=message):
        sn.trial(made, **settings)


def test_a_patient_that_cannot_be_is_told_before_any_is_run(monkeypatch):
    monkeypatch.setattr("senescape.trials.run_trial.execute", lambda *args: pytest.fail("it ran"))
    cohort = sn.Cohort({"depth.initial.median": sn.Uniform(-0.1, 1.9)}, patients=20, seed=1)
    with pytest.raises(sn.ModelError, match=r"patient \d+ of the cohort: .*median must be > 0"):
        sn.trial({"a": arm()}, cohort=cohort)


def test_ctrl_c_ends_the_patients_of_a_cohort(tmp_path):
    code = (
        "import os, signal, threading, time, senescape as sn\n"
        "big = sn.Scenario(initial={'cycling': 3000}, until=3000.0, relapse={'above': 10**6})\n"
        "cohort = sn.Cohort({'escape.h0': sn.LogNormal(median=1e-3, sigma=0.3)}, patients=20, seed=1)\n"
        "def kill():\n"
        "    print('sent', time.monotonic(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        # Where the tests run in the background, Ctrl-C may be ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(1.0, kill).start()\n"
        "try:\n"
        "    sn.trial({'a': big, 'b': big}, replicates=50, threads=2, seed=1, cohort=cohort)\n"
        "except KeyboardInterrupt:\n"
        "    print('heard', time.monotonic())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    sent, heard = (float(line.split()[1]) for line in done.stdout.splitlines())
    # Within 200 ms on a machine that is free.
    assert heard - sent < 5
