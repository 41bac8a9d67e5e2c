"""Signals, which hazards are written in, and modifiers, which change them without regard to order."""

import itertools
import math

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st
from senescape.rules.arrays import Cells, Environment


def killing(cell, env, p):
    return p.k / cell.signal["inhibition"]


def inhibition(cell, env, p):
    return 1.0 + cell.signal["ligands"] / p.half


def ligands(cell, env, p):
    return cell.pdl1 + p.gal9


def model(modifiers=(), signals=None):
    return sn.Model(
        fates=["senescent", "cycling"],
        traits=[sn.Trait("pdl1", sn.LogNormal(median=1.0, sigma=0.5))],
        signals=signals
        or [
            sn.Signal("inhibition", inhibition, params={"half": 0.5}),
            sn.Signal("ligands", ligands, params={"gal9": 0.3}),
        ],
        modifiers=modifiers,
        transitions=[
            sn.Death(["senescent", "cycling"], killing, "t_cell", "immune", params={"k": 0.05}),
            sn.Escape("escape", 0.01),
        ],
    )


def events(made, seed=1, **params):
    result = sn.simulate(made, initial={"senescent": 400}, until=40, every=10.0, seed=seed, params=params)
    return result.events


def test_a_signal_is_what_its_rule_says_where_it_is_read():
    by_hand = sn.Model(
        fates=["senescent", "cycling"],
        traits=[sn.Trait("pdl1", sn.LogNormal(median=1.0, sigma=0.5))],
        transitions=[
            sn.Death(
                ["senescent", "cycling"],
                lambda cell, env, p: p.k / (1.0 + (cell.pdl1 + p.gal9) / p.half),
                "t_cell",
                "immune",
                params={"k": 0.05, "gal9": 0.3, "half": 0.5},
            ),
            sn.Escape("escape", 0.01),
        ],
    )
    np.testing.assert_array_equal(events(model()), events(by_hand))


def test_parameters_of_signals_and_modifiers_are_the_models():
    made = model(
        [sn.Modifier("blocker", of="inhibition", factor=0.5), sn.Modifier("opener", "escape", opener, {"f": 2})]
    )
    assert {"inhibition.half", "ligands.gal9", "blocker.factor", "opener.f"} <= set(made.parameters)
    assert {"signal 'inhibition'", "modifier 'opener'"} <= set(made.rules())
    assert set(made.rule_hashes()) == set(made.rules())


def opener(cell, env, p):
    return p.f * np.where(env.time > 20.0, 1.0, 0.5)


def test_a_modifier_multiplies_a_signal_everywhere_it_is_read():
    blocked = events(model([sn.Modifier("blocker", of="inhibition", factor=0.5)]))
    np.testing.assert_array_equal(blocked, events(model(), **{"t_cell.k": 0.1}))


def test_a_modifier_multiplies_a_hazard_in_one_fate_or_in_all():
    none = {"t_cell[senescent]": 0, "t_cell[cycling]": 0}
    for of, hit in (("t_cell", set(none)), ("t_cell[cycling]", {"t_cell[cycling]"}), ("escape", {"escape"})):
        made = model([sn.Modifier("off", of=of, factor=0.0)])
        result = sn.simulate(made, initial={"senescent": 500, "cycling": 500}, until=100, seed=2)
        happened = dict(zip((t.name for t in made.transitions), result.events[0, -1], strict=True))
        assert {name for name, n in happened.items() if n == 0} == hit


FACTORS = [
    sn.Modifier("a", of="inhibition", factor=lambda cell, env, p: 1.0 / 3.0 + cell.pdl1),
    sn.Modifier("b", of="inhibition", factor=0.7),
    sn.Modifier("c", of="inhibition", factor=lambda cell, env, p: 0.1 + env.time / 30.0),
    sn.Modifier("d", of="escape", factor=lambda cell, env, p: np.exp(-cell.pdl1)),
    sn.Modifier("e", of="escape", factor=1.3),
]


@settings(max_examples=25, deadline=None)
@given(st.permutations(FACTORS))
def test_the_order_of_modifiers_changes_no_bit(order):
    np.testing.assert_array_equal(events(model(order)), events(model(FACTORS)))


def test_a_rule_with_signals_runs_on_arrays():
    cell = Cells({"pdl1": [1.0]}, signals={"inhibition": [2.0, 4.0]})
    assert sn.Rule(killing, {"k": 1.0}).evaluate(cell, Environment()).tolist() == [0.5, 0.25]
    with pytest.raises(sn.RuleError, match=r"no such signal .did you mean 'inhibition'"):
        cell.signal["inhibiton"]


def test_signals_may_read_marks_drugs_and_pools_and_be_read_by_read_outs():
    made = sn.Model(
        fates=["cell"],
        drugs=[sn.Drug("drug", half_life=10.0)],
        pools=[sn.Pool("pool", initial=2.0)],
        signals=[sn.Signal("sum", lambda cell, env, p: env.drug["drug"] + env.pool["pool"] + cell.mark["seen"])],
        marks=["seen"],
        transitions=[sn.Death("cell", 0.0)],
        observables=[sn.Observable("sum", "cell", lambda cell, env, p: cell.signal["sum"])],
    )
    result = sn.simulate(made, initial={"cell": 3}, doses=[sn.Dose("drug", 1.0, at=0.0)], until=10, every=10, seed=1)
    assert result.observables[0, -1, 0] == pytest.approx(2.5, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Signal("", 1.0), "a signal's name is ''"),
        (lambda: sn.Signal("x", None), "value is None; give a number or a function"),
        (lambda: sn.Signal("x", 1.0, params={"k": 1.0}), "is a number, which has no params"),
        (lambda: sn.Modifier("m", "x", -1.0), "the factor is -1; it must be >= 0"),
        (lambda: sn.Modifier("m", "x", math.nan), "must be finite"),
        (lambda: sn.Modifier("m", "", 1.0), "a modifier's of is ''"),
        (lambda: model([sn.Modifier("m", "escap", 1.0)]), "no such signal or transition .did you mean 'escape'"),
        (lambda: model([sn.Modifier("m", "escape", 1.0)] * 2), "two modifiers are named 'm'"),
        (lambda: model(signals=[sn.Signal("escape", 1.0)]), "a signal and a transition are both named 'escape'"),
        (
            lambda: model(
                signals=[
                    sn.Signal("inhibition", lambda cell, env, p: cell.signal["ligands"]),
                    sn.Signal("ligands", lambda cell, env, p: cell.signal["inhibition"]),
                ]
            ),
            "in a circle: inhibition -> ligands -> inhibition",
        ),
        (
            lambda: model(signals=[sn.Signal("inhibition", lambda cell, env, p: cell.signal["ligand"])]),
            r"cell.signal\['ligand'\]: the model has no such signal",
        ),
        (lambda: model(signals=[sn.Signal("inhibition", lambda cell, env, p: cell.inhibition)]), "write cell.signal"),
    ],
)
def test_mistakes_are_refused_by_name(make, message):
    with pytest.raises(sn.SenescapeError, match=message):
        make()


def test_a_negative_factor_is_found_in_the_run():
    made = model([sn.Modifier("bad", of="escape", factor=lambda cell, env, p: cell.pdl1 - 5.0)])
    with pytest.raises(sn.SimulationError, match="'escape' is negative"):
        events(made)


def test_all_orders_of_plugins_give_the_same_cells(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "ordered"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text(
        "import senescape as sn\n"
        "@sn.hookimpl\ndef senescape_fates():\n    return ['senescent', 'cycling']\n"
        "@sn.hookimpl\ndef senescape_traits():\n    return [sn.Trait('x', sn.LogNormal(median=1.0, sigma=0.5))]\n"
        "@sn.hookimpl\ndef senescape_signals():\n    return [sn.Signal('s', lambda cell, env, p: cell.x)]\n"
        "@sn.hookimpl\ndef senescape_escapes():\n"
        "    return [sn.Escape('escape', lambda cell, env, p: 0.01 * cell.signal['s'])]\n"
    )
    for name, factor in (("one", "1 / 3 + cell.x"), ("two", "0.7 * np.exp(-cell.x)"), ("three", "0.1 + env.time / 30")):
        (package / f"{name}.py").write_text(
            "import numpy as np\nimport senescape as sn\n"
            "@sn.hookimpl\ndef senescape_modifiers():\n"
            f"    return [sn.Modifier('{name}', of='s', factor=lambda cell, env, p: {factor})]\n"
            "@sn.hookimpl\ndef senescape_immunotherapies():\n"
            f"    return [sn.Immunotherapy('kill_{name}', 0.002)]\n"
        )
    seen = set()
    for order in itertools.permutations(["base", "one", "two", "three"]):
        plugins = tuple(f"ordered.{name}" for name in order)
        scenario = sn.Scenario(plugins=plugins, initial={"senescent": 2000}, until=60, every=20)
        seen.add(sn.simulate(scenario, seed=5).events.tobytes())
    assert len(seen) == 1
