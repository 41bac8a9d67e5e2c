"""The second barrier as a built-in plugin: who is seen, who is held off, and what senescent cells call in."""

import numpy as np
import pytest
import senescape as sn
from senescape.biology import immunity
from senescape.rules.arrays import Cells, Environment
from senescape.testing import check_rule

pytestmark = pytest.mark.biology


def test_every_rule_does_what_rules_must():
    for signal in immunity.senescape_signals():
        own = signal.name.startswith(immunity.LIGANDS)
        check_rule(signal, ranges={"evasion": (-3.0, 3.0), "depth": (0.0, 1.0)} if own else None)
    for part in immunity.senescape_immunotherapies():
        pool = "t_cells" if part.name == "t_cell" else "nk_cells"
        signal = f"cell.signal['{pool[:-1]}_killing']" if pool == "t_cells" else "cell.signal['nk_killing']"
        check_rule(part, increasing=[pool, signal], decreasing="env.count['cycling']")
    for part in immunity.senescape_modifiers():
        check_rule(part)


def test_every_number_says_where_it_comes_from():
    model = sn.Scenario(plugins=("biology", "immunity"), initial={"cycling": 1}, until=1.0).model
    mine = [
        name for name in model.parameters if name.split(".")[0] in {part.name for part in immunity.senescape_signals()}
    ]
    assert len(mine) > 10
    for name in mine:
        source = model.parameters[name].source
        assert len(source) > 15, name


def scenario(initial=None, until=480.0, **parameters):
    quiet = {"apoptosis.k": 0.0, "turnover.hazard": 0.0, "escape.h0": 0.0, "cycle.length": 1e9}
    return sn.Scenario(
        plugins=("biology", "immunity"),
        initial=initial or {"senescent": 2000},
        until=until,
        every=24.0,
        sync=12.0,
        parameters={**quiet, **parameters},
    )


def deaths(result, fate):
    events = dict(
        zip([t.name for t in result.layout.transitions], result.events[:, -1].sum(axis=0).tolist(), strict=True)
    )
    return events[f"t_cell[{fate}]"] + events[f"nk_cell[{fate}]"]


BARE = {f"{name}.initial.median": 1e-3 for name in immunity.LIGANDS}
ARMED = {f"{name}.initial.median": 4.0 for name in immunity.LIGANDS}


def test_senescent_cells_are_cleared_faster_than_cycling_ones_unless_they_evade(fresh_seed):
    both = {"senescent": 1000, "cycling": 1000}
    # Deep arrest from the start, which cycling cells forget at once.
    deep = {"depth.initial": 0.6, "depth.tau": 0.5}
    bare = sn.simulate(scenario(both, 72.0, **BARE, **deep), seed=fresh_seed, replicates=4)
    armed = sn.simulate(scenario(both, 72.0, **ARMED, **deep), seed=fresh_seed, replicates=4)
    assert deaths(bare, "senescent") > 1.15 * deaths(bare, "cycling")
    t_cell = bare.layout.causes.index("t_cell")
    assert armed.deaths[:, -1, t_cell].sum() < 0.2 * bare.deaths[:, -1, t_cell].sum()


def test_without_antigen_t_cells_kill_nobody():
    result = sn.simulate(scenario(**BARE, **{"mhc1.initial.median": 1e-6}), seed=1)
    assert result.ledger.deaths.get("t_cell", 0) < 3
    assert result.ledger.deaths["nk_cell"] > 100


def test_secretion_draws_t_cells_in_or_keeps_them_out():
    def t_cells(recruitment):
        result = sn.simulate(scenario({"senescent": 20_000}, **{"t_cells.recruitment": recruitment}), seed=1)
        return result.pools[0, :, result.layout.pools.index("t_cells")]

    drawn, none, kept = t_cells(0.05), t_cells(0.0), t_cells(-0.05)
    assert drawn[10] > 1.5 * none[10] > 3 * kept[10] > 0


def test_sasp_can_feed_growth_or_stop_it_and_does_neither_unasked():
    model = scenario().model
    cell = Cells({})
    env = Environment(pool={"sasp": 1.0})
    part = immunity.senescape_modifiers()[0]
    assert float(part.factor.evaluate(cell, env)) == 1.0
    assert float(part.factor.evaluate(cell, env, {"feeding": 1.0})) == pytest.approx(1.5)
    assert float(part.factor.evaluate(cell, env, {"feeding": -1.0})) == pytest.approx(0.5)
    assert model.parameters["sasp_on_growth.feeding"].value == 0.0


def test_cd80_has_two_roles():
    rules = {signal.name: signal.value for signal in immunity.senescape_signals()}
    shown = {"pd_l1": [1.0, 1.0], "cd80": [0.0, 4.0], "evasion": [0.0, 0.0], "depth": [0.0, 0.0]}
    inhibition = rules["pd_l1_inhibition"].evaluate(Cells(shown), Environment())
    assert inhibition[1] < inhibition[0] == 1.0
    held = Cells({"cd80": [0.0, 4.0]}, signals={"antigen": [1.0, 1.0], "checkpoint_inhibition": [1.0, 1.0]})
    killing = rules["t_cell_killing"].evaluate(held, Environment())
    assert killing[1] > killing[0] == 0.5


def test_ligands_go_together():
    told = []
    model = scenario()

    class Look:
        @sn.hookimpl
        def senescape_visit(self, visit):
            told.append([visit.cells["senescent"].signal[f"{name}_inhibition"] for name in immunity.LIGANDS])

    from senescape.plugins import registry

    sn.register_plugin("look", Look())
    try:
        watched = model.model_copy(update={"plugins": ("biology", "immunity", "look"), "visits": (0.0,), "until": 1.0})
        sn.simulate(watched, seed=1)
    finally:
        registry._REGISTERED.pop("look")
    logs = np.log(np.array(told[0]))
    # Shared spread 0.3 beside one of 0.5 each: a correlation of 0.09/0.34 = 0.26.
    assert np.corrcoef(logs)[0, 1] == pytest.approx(0.26, abs=5.5 / np.sqrt(2000))


def test_cells_in_vitro_know_nothing_of_it():
    alone = sn.Scenario(initial={"cycling": 1}, until=1.0).model
    assert not {"mhc1", "pd_l1", "sasp"} & {trait.name for trait in alone.traits}
    assert not alone.pools
