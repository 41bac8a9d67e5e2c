"""`check_rule`: what is right passes, and each way of being wrong is told by name."""

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st
from senescape.biology import hooks
from senescape.testing import RuleCheckError, check_rule, strategies

STATE = {"calls": 0}


def kill(cell, env, p):
    bound = sn.hill(env.drug["navitoclax"], p.ec50)
    return p.kmax * bound * cell.bcl_xl / (cell.bcl_xl + p.weight * cell.mcl1)


PARAMS = {"kmax": 0.05, "ec50": 0.3, "weight": 1.0}


def test_a_sound_senolytic_passes_in_one_line():
    check_rule(
        sn.Senolytic("navitoclax", kill, PARAMS),
        drug="navitoclax",
        increasing=["bcl_xl", "env.drug['navitoclax']"],
        decreasing="mcl1",
    )


@pytest.mark.parametrize(
    "part",
    [
        sn.Immunotherapy("car_t", lambda cell, env, p: p.k * env.pool["car_t"] * cell.upar, {"k": 0.01}),
        sn.Escape("escape", lambda cell, env, p: 0.1 * np.exp(-cell.depth) * cell.signal["open"], set={"depth": 0.0}),
        sn.Division("cycling", lambda cell, env, p: 0.03 * np.maximum(0.0, 1.0 - env.count["cycling"] / 1e5)),
        sn.Transition("arrest", "cycling", "arrested", lambda cell, env, p: np.where(cell.mark["hit"], 0.1, 0.01)),
        sn.Transition("tick", "cycling", "cycling", 0.5),
        sn.Death("cycling", lambda cell, env, p: 1e-7 * cell.age),
        sn.Signal("balance", lambda cell, env, p: cell.priming - cell.mcl1),
        sn.Modifier("blockade", "inhibition", lambda cell, env, p: 1 - 0.6 * sn.hill(env.drug["anti_pdl1"], 0.1)),
        sn.Modifier("opener", "escape", 3.0),
    ],
    ids=lambda part: part.name,
)
def test_parts_of_every_kind_pass(part):
    check_rule(part, drug="anti_pdl1" if part.name == "blockade" else ())


def test_built_in_rules_pass():
    for part in [*hooks.senescape_transitions(), *hooks.senescape_escapes()]:
        ranges = {
            "stage": (0.0, 11.0),
            "depth": (0.0, 1.0),
            "damage": (0.0, 20.0),
            "count": (0.0, 2e4),
            "tp53": (0.0, 1.0),
        }
        reads = part.hazard.function.__code__.co_names if hasattr(part.hazard, "function") else ()
        del reads
        check_rule(part, ranges={k: v for k, v in ranges.items() if _reads(part, k)})


def _reads(part, name):
    from senescape.rules.inputs import reads_of
    from senescape.rules.rule import Rule
    from senescape.testing.sampling import ranges_of

    if not isinstance(part.hazard, Rule):
        return False
    try:
        ranges_of(reads_of(part.hazard, "x"), {name: (0.0, 1.0)})
    except sn.ModelError:
        return False
    return True


def stateful(cell, env, p):
    # Tracing calls a rule twice and compares; what changes on arrays alone is left to this check.
    STATE["calls"] += isinstance(cell.x, np.ndarray)
    return cell.x * STATE["calls"]


def branching_on_the_outside(cell, env, p):
    # Traced with an expression; on arrays, a different branch.
    return 2.0 * cell.x if isinstance(cell.x, np.ndarray) else cell.x


def assigning(cell, env, p):
    cell.x = 1.0
    return cell.x


@pytest.mark.parametrize(
    ("rule", "settings", "words"),
    [
        (lambda cell, env, p: cell.x - 5.0, {}, "is negative: -.*cell.x = .*np.maximum"),
        (lambda cell, env, p: cell.x / (cell.x + cell.y), {"ranges": {"x": (0, 1), "y": (0, 1)}}, "is nan.*ranges="),
        (stateful, {}, "for the same cell.*no random numbers"),
        (branching_on_the_outside, {}, "traced and .* on arrays"),
        (lambda cell, env, p: np.abs(1.0 / (cell.x - cell.y + 1e-9)), {}, "no finite bound|is inf|traced"),
        (lambda cell, env, p: 0.01 + env.drug["d"], {"drug": "d"}, "is 0.01 without d.*must be 0"),
        (lambda cell, env, p: cell.x * np.exp(-cell.x), {"increasing": "x"}, "falls from .* as cell.x rises"),
        (lambda cell, env, p: cell.x, {"decreasing": "x"}, "rises from .* as cell.x rises"),
    ],
)
def test_what_is_wrong_is_told_with_place_and_fix(rule, settings, words):
    with pytest.raises(RuleCheckError, match=f"(?s){words}") as failure:
        check_rule(rule, seed=1, **settings)
    assert "repeat with seed=1" in str(failure.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_rule(assigning), "the rule assigns to cell.x"),
        (lambda: check_rule(lambda cell, env, p: None), "returned None"),
        (lambda: check_rule(lambda cell, env, p: 1.0 if cell.x > 1 else 0.0), "a branch on"),
        (lambda: check_rule(lambda cell, env, p: cell.x, drug="d"), "does not read the drug 'd'"),
        (lambda: check_rule(lambda cell, env, p: cell.x, increasing="z"), "does not read 'z'"),
        (lambda: check_rule(lambda cell, env, p: cell.x, ranges={"z": (0, 1)}), "ranges names 'z'"),
        (lambda: check_rule(lambda cell, env, p: cell.x, ranges={"x": (1, 0)}), "must not be empty"),
        (lambda: check_rule(sn.Escape("e", 0.1), {"k": 1.0}), "brings its own parameters"),
    ],
)
def test_mistakes_of_the_call_are_refused(call, words):
    with pytest.raises(sn.SenescapeError, match=words):
        call()


def test_a_transition_that_never_happens_is_a_failure():
    with pytest.raises(RuleCheckError, match="never happened to 2,000 cells"):
        check_rule(sn.Senolytic("idle", lambda cell, env, p: 0.0 * cell.x))


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_cells_and_environments_are_drawn_as_asked_for(data):
    cell = data.draw(strategies.cells({"x": (0.5, 2.0)}, marks=["seen"], signals=["drive"], age=(1.0, 5.0), most=7))
    env = data.draw(strategies.environments({"d": (0.0, 3.0)}, pools=["t"], fates=["a", "b"], traits={"x": (0.5, 2.0)}))
    n = len(cell.x)
    assert 1 <= n <= 7
    assert ((cell.x >= 0.5) & (cell.x <= 2.0)).all()
    assert ((cell.age >= 1.0) & (cell.age <= 5.0)).all()
    assert cell.mark["seen"].shape == cell.signal["drive"].shape == (n,)
    for fate in ("a", "b"):
        assert env.sum[fate].x == env.count[fate] * env.mean[fate].x

    def rule(cell, env, p):
        inside = np.where(cell.mark["seen"], cell.signal["drive"], cell.x / (1 + env.pool["t"]))
        return inside * sn.hill(env.drug["d"], 0.3) + env.mean["a"].x * 0 + cell.age * 0 + env.time * 0

    values = sn.Rule(rule).evaluate(cell, env)
    assert values.shape == (n,)
    assert (values >= 0).all()


def test_a_rule_that_waits_for_a_mark_is_given_marked_cells():
    def lose(cell, env, p):
        return np.where(cell.mark["restored"], p.k, 0.0)

    def never(cell, env, p):
        return np.where(cell.mark["restored"] & ~cell.mark["restored"], p.k, 0.0)

    check_rule(sn.Transition("loss", "senescent", "senescent", lose, unmark="restored", params={"k": 0.05}))
    with pytest.raises(RuleCheckError, match="never happened"):
        check_rule(sn.Transition("loss", "senescent", "senescent", never, params={"k": 0.05}))
