"""The built-in biology: its parts, its parameters, and short runs of the presets."""

from types import SimpleNamespace as Namespace

import numpy as np
import pytest
import senescape as sn
from senescape.biology import arrest, cycle, intrinsic
from senescape.plugins.assembly import assemble

pytestmark = pytest.mark.biology

LINES = ["mcf7-doxorubicin", "bt474-doxorubicin", "mda-mb-231-doxorubicin"]


@pytest.fixture(scope="module")
def model():
    return assemble(["biology"])


def cells(**traits):
    return Namespace(**{name: np.asarray(value, dtype=float) for name, value in traits.items()})


def test_every_rate_of_the_biology_says_where_it_comes_from(model):
    # Initial values and what distributions of unit scale start from explain themselves.
    plain = ("initial", "set", "half_life", "volume", "bioavailability", "target", "seeded")
    for name, param in model.parameters.items():
        if not any(part in name for part in plain):
            words = param.source.split(": ", 1)
            assert len(param.source) > 15, name
            assert words[0] != "assumed" or len(words) > 1, name


def test_one_number_serves_all_that_share_it(model):
    slower = model.with_params({"cycle.length": 60.0})
    assert slower.parameters["cycle.length"].value == 60.0
    assert "division.length" not in model.parameters


def test_founders_of_a_growing_culture_are_young():
    share = np.linspace(0, 1, 100_001)[:-1] + 5e-6
    stage = cycle.first_stage(cells(seeded=share), None, Namespace(stages=12.0))
    weight = 2.0 ** -(np.arange(12) / 12)
    found = np.bincount(stage.astype(int), minlength=12) / len(share)
    assert found == pytest.approx(weight / weight.sum(), abs=1e-4)


@pytest.mark.parametrize("repair", [50.0, 250.0])
@pytest.mark.parametrize("c50", [0.03, 0.4])
def test_c50_is_the_dose_that_brings_damage_to_one_in_a_day(model, repair, c50):
    bare = sn.Model(
        fates=model.fates,
        traits=cycle.traits(),
        signals=cycle.signals(),
        drugs=model.drugs,
        transitions=cycle.transitions(),
        observables=[sn.Observable("damage", "cycling", "damage")],
    ).with_params({"efflux.sigma": 0.0, "damage.c50": c50, "damage.repair": repair, "mitotic_catastrophe.ac": 1e3})
    pulse = sn.Pulse("doxorubicin", c50, start=10.0, duration=24.0)
    result = sn.simulate(bare, initial={"cycling": 20}, until=34.0, every=34.0, doses=[pulse], seed=1)
    assert result.observables[0, -1, 0] == pytest.approx(1.0, rel=1e-3)


def test_crowding_stops_the_cycle():
    p = Namespace(stages=12.0, length=24.0, capacity=1000.0, crowding=4.0)

    def rate(total):
        count = {"cycling": total, "arrested": 0.0, "senescent": 0.0}
        return cycle.rate(Namespace(signal={"growth": 1.0}), Namespace(count=count), p)

    assert rate(0.0) == 0.5
    assert rate(500.0) == pytest.approx(0.5 * (1 - 0.5**4))
    assert rate(1000.0) == rate(2000.0) == 0.0


def test_apoptosis_is_a_sigmoid_of_priming_over_the_guard():
    p = Namespace(k=0.01, induced=4.0, s=0.3)
    priming = np.array([0.0, 0.25, 0.5, 1.0])
    cell = Namespace(priming=priming, signal={"bcl_xl_guard": 1.2, "mcl1_guard": 0.8})
    hazard = intrinsic.apoptosis(cell, None, p)
    assert np.all(np.diff(hazard) > 0)
    assert hazard[2] == pytest.approx(0.005)
    assert hazard[0] < 1.3e-5


def test_p53_keeps_senescent_cells_primed_after_repair():
    healed = cells(damage=[0.0, 0.0], tp53=[1.0, 0.0])
    assert intrinsic.primed_in_senescence(healed, None, None).tolist() == [1.0, 0.0]


def test_deep_arrest_and_damage_hold_senescent_cells():
    p = Namespace(h0=0.01, gamma=6.0, ae=0.4)
    hazard = arrest.escape(cells(depth=[0.0, 0.9, 0.0], damage=[0.0, 0.0, 4.0]), None, p)
    assert hazard[0] == 0.01
    assert hazard[1:].max() < 1e-4


@pytest.mark.parametrize("name", LINES)
def test_presets_run_and_their_books_close(name):
    scenario = sn.load(name)
    result = sn.simulate(scenario, until=120.0, initial={"cycling": 200}, replicates=2, seed=3)
    assert result.ledger.closes
    assert result.counts[:, -1].sum() > 0


@pytest.mark.parametrize("name", LINES)
def test_more_pulses_hold_more_cells(name):
    scenario = sn.load(name)
    concentration = 0.5 * scenario.model.parameters["damage.c50"].value

    def cycling(pulses):
        doses = [sn.Pulse("doxorubicin", concentration, start=20.0 + 48.0 * i, duration=24.0) for i in range(pulses)]
        result = sn.simulate(scenario, doses=doses, until=250.0, initial={"cycling": 300}, replicates=2, seed=4)
        assert result.ledger.closes
        return result.counts[:, -1, 0].sum()

    assert cycling(0) > cycling(1) > cycling(4)
