"""Visits to the clinic: what is seen, what is ordered, and that nothing else changes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import senescape as sn
from senescape.model.visits import _changed

Z = 5.5


def tumour(*rules, params=None, **more):
    """Cells that die of a drug, and rules that act at visits."""
    return sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", sn.Uniform(0.5, 1.5), flow=sn.relax(2.0, tau=50.0))],
        drugs=[sn.Drug("d", half_life=10.0), sn.Drug("e", half_life=5.0)],
        transitions=[
            sn.Death("a", lambda cell, env, p: 0.02 * cell.x * env.drug["d"], cause="kill"),
            sn.Transition("go", "a", "b", 0.005, mark="gone"),
            sn.Division("b", 0.004),
        ],
        visits=[sn.VisitRule(f"rule{i}", rule, params) for i, rule in enumerate(rules)],
        **more,
    )


def run(model, **settings):
    settings = {"initial": {"a": 200}, "until": 100.0, "every": 10.0, "visits": 20.0, "seed": 4, **settings}
    return sn.simulate(model, **settings)


def test_what_is_seen_is_the_tumour_as_it_is():
    seen = []

    def look(visit, p):
        cell = visit.cells["a"]
        seen.append(visit.number)
        assert visit.time == 20.0 * visit.number == float(visit.env.time)
        assert len(cell) == len(cell.x) == visit.counts["a"] == int(visit.env.count["a"])
        assert float(visit.env.sum["a"].x) == pytest.approx(float(cell.x.sum(dtype=np.float64)), rel=1e-9)
        assert visit.counts["a"] + visit.counts["b"] == 200 - visit.events["kill"] + visit.events["division"]
        if visit.number == 0:
            visit.memory["x"] = cell.x.tolist()
        # Each cell is known by its founder: its trait has moved in closed form since.
        start = np.asarray(visit.memory["x"])[cell.clone]
        np.testing.assert_allclose(cell.x, 2.0 + (start - 2.0) * np.exp(-visit.time / 50.0), rtol=2e-6)
        assert (cell.age == np.float32(visit.time)).all()
        assert visit.cells["b"].mark["gone"].all()
        assert not cell.mark["gone"].any()
        assert visit.env.drug["d"] == pytest.approx(
            0.0 if visit.time <= 30 else 2.0 ** -((visit.time - 30) / 10), rel=1e-6
        )

    result = run(tumour(look), doses=[sn.Dose("d", 1.0, at=30.0)])
    assert seen == [0, 1, 2, 3, 4]
    assert result.counts[0, 0].tolist() == [200, 0]


def test_columns_are_shown_without_a_copy_read_only_and_stay_valid():
    kept = []

    def keep(visit, p):
        x = visit.cells["a"].x
        assert x.dtype == np.float32
        assert not x.flags.owndata
        assert not x.flags.writeable
        assert visit.cells["a"].x is x
        kept.append((x, x.copy()))

    result = run(tumour(keep))
    # Whoever keeps an array has it to himself: the engine went on with a copy.
    for x, copy in kept:
        np.testing.assert_array_equal(x, copy)
    again = run(tumour(lambda visit, p: None))
    np.testing.assert_array_equal(result.events, again.events)


def test_orders_are_given_and_told():
    def decide(visit, p):
        if visit.number == 1:
            visit.order("d", amount=p.amount, after=5.0, repeat=2, interval=10.0)
            visit.order(sn.Pulse("e", 3.0, start=visit.time, duration=4.0))

    result = run(tumour(decide, params={"amount": 2.0}), replicates=2, observe=[20, 22, 25, 26, 35, 45])
    table = result.doses
    assert table["replicate"].tolist() == [0] * 3 + [1] * 3
    assert table["drug"].tolist()[:3] == ["e", "d", "d"]
    assert table["at"].tolist()[:3] == [20.0, 25.0, 35.0]
    assert table["route"].tolist()[:3] == ["pulse", "bolus", "bolus"]
    half = 2**-0.1
    np.testing.assert_allclose(result.drugs[0, :, 0], [0, 0, 2, 2 * half, 3, 1.5], rtol=1e-9)
    # A dose given at the very time of an observation counts.
    np.testing.assert_allclose(result.drugs[1, :, 1], [3, 3, 0, 0, 0, 0])
    assert result.to_xarray()["drugs"].dims == ("replicate", "time", "drug")


def test_the_dose_of_a_visit_has_the_law_of_a_planned_one(fresh_seed):
    n = 400

    def decide(visit, p):
        if visit.number == 1:
            visit.order("d", amount=1.0)

    ordered = run(tumour(decide), replicates=n, seed=fresh_seed).events[:, -1, 0]
    planned = run(tumour(), visits=None, doses=[sn.Dose("d", 1.0, at=20.0)], replicates=n, seed=fresh_seed + 1).events[
        :, -1, 0
    ]
    error = np.sqrt((ordered.var() + planned.var()) / n)
    assert abs(ordered.mean() - planned.mean()) < Z * error


def test_stop_and_change_leave_what_was_given():
    def decide(visit, p):
        if visit.number == 1:
            visit.stop("e")
            visit.change("d", 0.5)

    doses = [
        sn.Dose("d", 1.0, at=0.0),
        sn.Dose("d", 1.0, at=40.0),
        sn.Dose("e", 30.0, at=10.0, route="infusion", duration=30.0),
        sn.Dose("e", 1.0, at=60.0),
    ]
    table = run(tumour(decide), doses=doses).doses
    rows = list(zip(*(table[name].tolist() for name in ("drug", "at", "amount")), strict=True))
    # The infusion of 1 per hour ended after 10 h.
    assert rows == [("d", 0.0, 1.0), ("e", 10.0, 10.0), ("d", 40.0, 0.5)]


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3.0])
def test_a_change_keeps_the_past_and_scales_the_rest(factor):
    for dose in (sn.Dose("d", 12.0, 10.0, "infusion", 6.0), sn.Pulse("d", 2.0, 10.0, 6.0)):
        for now in (0.0, 10.0, 12.0, 16.0, 20.0):
            parts = _changed(dose, now, factor)
            given = sum(_amount(part) for part in parts)
            before = _amount(dose) * min(max((now - 10.0) / 6.0, 0.0), 1.0)
            assert given == pytest.approx(before + factor * (_amount(dose) - before))


def _amount(dose):
    return dose.concentration * dose.duration if isinstance(dose, sn.Pulse) else dose.amount


def test_visits_that_do_nothing_change_no_law(fresh_seed):
    n = 100_000
    result = run(tumour(lambda visit, p: None), initial={"a": n}, doses=[sn.Dose("d", 1.0, at=7.0)], seed=fresh_seed)
    other = run(tumour(), visits=None, initial={"a": n}, doses=[sn.Dose("d", 1.0, at=7.0)], seed=fresh_seed + 1)
    for k in range(2):
        p = other.events[0, -1, k] / n
        assert abs(result.events[0, -1, k] / n - p) < Z * np.sqrt(2 * p * (1 - p) / n)


def test_pools_go_on_from_visit_to_visit():
    pools = [sn.Pool("t", initial=1.0, rate=lambda env, p: 0.1 * env.drug["d"] - 0.05 * env.pool["t"])]
    doses = [sn.Dose("d", 1.0, at=15.0)]
    visited = run(tumour(lambda visit, p: None, pools=pools), doses=doses, visits=[3.0, 33.0], rtol=1e-8)
    plain = run(tumour(pools=pools), doses=doses, visits=None, rtol=1e-8)
    np.testing.assert_allclose(visited.pools, plain.pools, rtol=1e-6)


def test_neither_threads_nor_ranges_of_replicates_change_anything():
    def decide(visit, p):
        visit.memory["seen"] = visit.memory.get("seen", 0) + visit.counts["a"]
        if visit.memory["seen"] > 250:
            visit.order("d", amount=0.5)

    one = run(tumour(decide), replicates=6, threads=1)
    two = run(tumour(decide), replicates=6, threads=2)
    part = run(tumour(decide), replicates=2, first_replicate=3)
    np.testing.assert_array_equal(one.events, two.events)
    np.testing.assert_array_equal(one.drugs, two.drugs)
    np.testing.assert_array_equal(one.events[3:5], part.events)
    assert len(set(one.doses["replicate"].tolist())) == 6


def test_rules_see_each_others_orders_in_the_order_of_their_names():
    def first(visit, p):
        visit.order("d", amount=1.0)

    def second(visit, p):
        assert visit.doses[-1].at == visit.time
        visit.stop("d")

    table = run(tumour(first, second)).doses
    assert len(table["at"]) == 0


def test_a_replicate_that_ends_early_was_given_no_later_doses():
    def decide(visit, p):
        visit.order("e", amount=1.0, repeat=3, interval=24.0)

    result = run(tumour(decide), relapse=sn.Relapse(above=10, after=30.0))
    assert result.outcomes["end_time"].tolist() == [30.0]
    assert result.doses["at"].tolist() == [0.0, 20.0, 24.0]
    assert np.isnan(result.drugs[0, -1]).all()


def test_results_with_visits_are_kept(tmp_path):
    result = run(tumour(lambda visit, p: visit.order("d", amount=1.0)), replicates=2)
    again = sn.open_result(result.save(tmp_path / "r.npz"))
    np.testing.assert_array_equal(again.drugs, result.drugs)
    assert str(again.doses) == str(result.doses)
    assert again.provenance["run"]["visits"] == [0.0, 20.0, 40.0, 60.0, 80.0]


def test_doses_without_visits_are_told_too():
    table = run(tumour(), visits=None, doses=[sn.Dose("d", 1.0, at=5.0)], replicates=3).doses
    assert table["replicate"].tolist() == [0, 1, 2]
    assert table["at"].tolist() == [5.0] * 3


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (lambda visit, p: visit.order("f", amount=1.0), "the drug 'f', which the model does not have"),
        (lambda visit, p: visit.order("d"), "orders 'd' without an amount"),
        (lambda visit, p: visit.order(sn.Dose("d", 1.0, at=-0.0), 2.0), "leave amount out"),
        (lambda visit, p: visit.order("d", amount=1.0, after=-1.0), "number >= 0|which is past"),
        (lambda visit, p: visit.order("d", amount=-1.0), "amount"),
        (lambda visit, p: visit.change("d", -1.0), "finite number >= 0"),
        (lambda visit, p: visit.cells["a"].y, "no trait 'y'"),
        (lambda visit, p: visit.cells["c"], "no such fate"),
        (lambda visit, p: visit.cells["a"].x.sort(), "read-only"),
        (lambda visit, p: visit.memory.update(x=object()), "cannot be written down"),
        (lambda visit, p: 1 / 0, "ZeroDivisionError"),
        (lambda visit, p: p.k, "no parameter 'k'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(rule, says):
    with pytest.raises(sn.SimulationError, match=f"visit rule 'rule0': (.|\n)*({says})(.|\n)*test_visits.py"):
        run(tumour(rule), visits=[5.0])
    assert run(tumour(lambda visit, p: None)).counts[0, 0, 0] == 200


def test_times_of_visits_are_checked():
    for visits, says in (
        (None, "none are planned"),
        (0.0, "positive"),
        ([-1.0], "from 0 to before"),
        ([100.0], "from 0 to before"),
    ):
        with pytest.raises(sn.ModelError, match=says):
            run(tumour(lambda visit, p: None), visits=visits)
    with pytest.raises(sn.ModelError, match="nothing acts at them"):
        run(tumour())
    with pytest.raises(sn.ModelError, match=r"visit rule 'v'.*\(visit, p\)"):
        sn.VisitRule("v", lambda visit: None)


def test_an_endless_loop_is_ended_and_leaves_the_process_usable():
    def loop(visit, p):
        while True:
            pass

    begun = time.monotonic()
    with pytest.raises(
        sn.SimulationError, match=r"took more than 0.5 s and was ended(.|\n)*in loop(.|\n)*endless loop"
    ):
        run(tumour(loop), call_limit=0.5)
    assert time.monotonic() - begun < 5
    assert run(tumour(lambda visit, p: None)).counts[0, 0, 0] == 200


@pytest.mark.biology
def test_a_plugin_acts_at_visits(tmp_path, monkeypatch):
    (tmp_path / "clinic.py").write_text(
        "import senescape as sn\n\n"
        "@sn.hookimpl\ndef senescape_visit_params():\n"
        "    return {'above': sn.Param(10, unit='cells', low=0), 'amount': 0.001}\n\n"
        "@sn.hookimpl\ndef senescape_visit(visit, p):\n"
        "    if visit.counts['cycling'] > p.above:\n"
        "        visit.order('doxorubicin', amount=p.amount)\n"
    )
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "__init__.py").write_text("")
    (tmp_path / "clinic.py").rename(tmp_path / "ward" / "clinic.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = 'plugins = ["biology", "ward.clinic"]\ninitial = { cycling = 20 }\nuntil = "10 d"\nevery = "1 d"\nvisits = "2 d"\n'
    scenario = sn.Scenario.from_toml(text)
    assert scenario.visits == 48.0
    result = sn.simulate(scenario, seed=1)
    assert result.doses["at"].tolist()[:2] == [0.0, 48.0]
    raised = scenario.with_params({"ward.clinic.visit.above": 1e6})
    assert raised.model.parameters["ward.clinic.visit.above"].value == 1e6
    assert not len(sn.simulate(raised, seed=1).doses["at"])
    listed = sn.Scenario.from_toml(text.replace('"2 d"', '["1 d", 60]'))
    assert listed.visits == (24.0, 60.0)
    with pytest.raises(sn.ModelError, match=r"none are planned(.|\n)*in the plugin 'ward.clinic'"):
        sn.simulate(sn.Scenario.from_toml(text.replace('visits = "2 d"\n', "")))


@pytest.mark.skipif(os.name != "posix", reason="sends an interrupt signal")
def test_an_interrupt_ends_an_endless_visit():
    code = (
        "import signal\n"
        "import senescape as sn\n"
        # Where tests run in the background, interrupts may be ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def loop(visit, p):\n"
        "    print('in', flush=True)\n"
        "    while True: pass\n"
        "m = sn.Model(['a'], [sn.Death('a', 0.1)], visits=[sn.VisitRule('v', loop)])\n"
        "sn.simulate(m, initial={'a': 10}, until=10, visits=5.0, call_limit=1000.0)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "in\n"
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in error


def test_memory_may_be_given_anew():
    seen = []

    def rule(visit, p):
        visit.memory = {"seen": visit.memory.get("seen", 0) + 1}
        seen.append(visit.memory["seen"])

    run(tumour(rule))
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [5, None])
def test_memory_that_is_no_dict_is_told(value):
    def rule(visit, p):
        visit.memory = value

    with pytest.raises(sn.SimulationError, match=r"visit rule 'rule0': raised visit.memory = .*; it is a dict"):
        run(tumour(rule))


def test_memory_that_lies_too_deep_is_told():
    def rule(visit, p):
        nested = []
        for _ in range(100_000):
            nested = [nested]
        visit.memory["nested"] = nested

    with pytest.raises(sn.SimulationError, match=r"visit\.memory holds what cannot be written down"):
        run(tumour(rule))


@pytest.mark.parametrize("repeat", [0, -1, 1.5, True])
def test_an_order_is_given_some_times(repeat):
    with pytest.raises(sn.SimulationError, match=r"visit\.order\(repeat\) = .* must"):
        run(tumour(lambda visit, p: visit.order("d", 1.0, repeat=repeat)))
