"""What must hold for every rule and every model. SENESCAPE_PROFILE=senescape-thorough tries 10,000 examples of each."""

import os

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st
from senescape.rules.inputs import reads_of
from senescape.testing import strategies as sts
from senescape.testing.sampling import Program

sts.register_profiles()
profile = settings.get_profile(os.environ.get("SENESCAPE_PROFILE", "senescape"))

N = 64


def program(text):
    made = sn.Rule(sts.rule(text), {"k": 0.75})
    return made, Program(made, reads_of(made, "rule"))


@settings(profile)
@given(sts.formulas(), st.data())
def test_traced_rules_compute_what_numpy_does(text, data):
    made, compiled = program(text)
    columns = data.draw(sts.points(made, N))
    different, traced, double = compiled.differs(columns, N)
    assert not different.any(), (traced[different], double[different])


@settings(profile)
@given(sts.formulas(), st.data())
def test_bounds_hold_every_value_in_the_box(text, data):
    made, compiled = program(text)
    one, other = data.draw(sts.points(made, N)), data.draw(sts.points(made, N))
    low = {label: np.minimum(one[label], other[label]) for label in one}
    high = {label: np.maximum(one[label], other[label]) for label in one}
    lower, upper = compiled.bounds(low, high, N)
    rng = np.random.default_rng(0)
    for share in (0.0, 1.0, rng.random(N), rng.random(N)):
        inside = {k: np.clip((low[k] + share * (high[k] - low[k])).astype(np.float32), low[k], high[k]) for k in low}
        values = compiled.values(inside, N)
        assert (np.isnan(lower) | np.isnan(upper) | ((lower <= values) & (values <= upper))).all()


@settings(profile)
@given(sts.models())
def test_random_models_conserve_cells(drawn):
    model, run = drawn
    result = sn.simulate(model, **run)
    ledger = result.ledger
    assert ledger.closes
    assert ledger.started + ledger.born == ledger.alive + ledger.died
    assert (result.counts[0] >= 0).all() or result.outcomes["stop"][0] != "horizon"
    assert (np.diff(result.events[0], axis=0) >= 0).all() or result.outcomes["stop"][0] != "horizon"


@settings(profile)
@given(sts.models(), st.randoms())
def test_no_order_of_modifiers_and_signals_changes_a_bit(drawn, random):
    model, run = drawn
    modifiers = list(model.modifiers)
    random.shuffle(modifiers)
    other = sn.Model(
        fates=model.fates, traits=model.traits, marks=model.marks, drugs=model.drugs, pools=model.pools,
        signals=model.signals, modifiers=modifiers, transitions=model.transitions, observables=model.observables,
    )  # fmt: skip
    np.testing.assert_array_equal(sn.simulate(model, **run).events, sn.simulate(other, **run).events)


def test_a_rule_of_text_can_be_read():
    made = sts.rule("cell.x + 1.0")
    assert "cell.x + 1.0" in (sn.Rule(made).source or "")
    with pytest.raises(sn.TraceError, match=r"cell.y, in rule|return cell.y"):
        sn.Model(["a"], [sn.Death("a", sts.rule("cell.y"))])
