"""Where time goes."""

import pytest
import senescape as sn
from senescape.model.rule_costs import shares
from senescape.results.profile import Profile, profile_of


def model():
    return sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", sn.Uniform(0, 1), flow=sn.relax(1.0, tau=10.0)), sn.Trait("y", sn.Uniform(0, 1))],
        transitions=[
            sn.Death("a", lambda cell, env, p: 0.01 * sn.hill(cell.x, 0.3, 2.5) ** 1.5 * cell.y**0.7, "dear"),
            sn.Death("a", lambda cell, env, p: 0.01 * cell.x, "cheap"),
            sn.Transition("go", "a", "b", 0.002),
            sn.Death("b", 0.001, "late"),
        ],
    )


def test_the_work_of_a_fate_is_shared_out_by_operations():
    parts = shares(model().to_document())
    assert sum(parts[:3]) == pytest.approx(1)
    assert parts[0] > 5 * parts[1] > parts[2] == 0
    assert parts[3] == 1


def test_a_run_tells_where_its_time_went():
    result = sn.simulate(model(), initial={"a": 20_000}, until=400, replicates=2, seed=1, threads=1)
    costs = {(cost.what, cost.fate): cost for cost in result.profile.costs}
    dear, cheap = costs["dear", "a"], costs["cheap", "a"]
    assert dear.seconds > cheap.seconds > 0
    assert dear.cells == cheap.cells >= result.engine["bounds"]
    assert costs["flows", "a"].seconds > 0
    assert ("visits", "") not in costs
    total = sum(cost.seconds for cost in result.profile.costs)
    assert total == pytest.approx(result.profile.seconds, rel=1e-6)
    assert [cost.seconds for cost in result.profile.costs] == sorted((c.seconds for c in costs.values()), reverse=True)


@pytest.mark.parametrize(("values", "dear"), [(0.5, 0.5), (4.0, 0.8)])
def test_samples_that_were_paused_do_not_take_more_than_there_was(values, dear):
    document = model().to_document()
    parts = [1.0, *[0.0] * (len(document["transitions"]) - 1)]
    idle = (0, 0, 0.0)
    raw = {"values": [(1, 10, values), idle], "bounds": [idle, idle], "flows": [idle, (1, 10, values / 4)]}
    profile = profile_of(document, parts, {**raw, "slow": [], "visits": idle, "replicates": (1, 10, 1.0)})
    seconds = {(cost.what, cost.fate): cost.seconds for cost in profile.costs}
    assert seconds["dear", "a"] == pytest.approx(dear)
    assert seconds["flows", "b"] == pytest.approx(dear / 4)
    assert sum(seconds.values()) == pytest.approx(1.0)


def test_a_run_that_ended_in_its_first_call_has_a_profile():
    document, idle = model().to_document(), (0, 0, 0.0)
    raw = {kind: [idle, idle] for kind in ("values", "bounds", "flows")}
    profile = profile_of(document, shares(document), {**raw, "slow": [], "visits": (1, 3, 0.5), "replicates": idle})
    assert [(cost.what, cost.seconds) for cost in profile.costs] == [("visits", 0.5)]


def test_it_is_kept_with_the_result(tmp_path):
    result = sn.simulate(model(), initial={"a": 500}, until=40, seed=1)
    again = sn.open_result(result.save(tmp_path / "r.npz"))
    assert again.profile == result.profile
    assert Profile.from_json(result.profile.to_json()) == result.profile
    head, *rows, last = str(result.profile).splitlines()
    assert head.split() == ["what", "fate", "path", "cells", "seconds", "share"]
    assert last.startswith("all")
    assert len(rows) == len(result.profile.costs)
