"""Tests of senescape-checkpoint."""

import pytest
import senescape as sn
import senescape_checkpoint as plugin
from senescape.biology import immunity
from senescape.rules.arrays import Cells, Environment
from senescape.testing import check_rule


def test_the_rules_do_what_rules_must():
    for part in plugin.senescape_modifiers():
        drug = part.name.partition("_on_")[0]
        check_rule(part, drug=drug, decreasing=f"env.drug['{drug}']")


def killing(ligands, **blocked):
    """T-cell killing of a fully seen cell by the traced rules' own functions, with shares of the arms blocked."""
    signals = {f"{name}_inhibition": [value * (1 - blocked.get(name, 0.0))] for name, value in ligands.items()}
    signals |= {f"{name}_inhibition": [0.0] for name in immunity.LIGANDS if name not in ligands}
    inhibition = immunity.checkpoint_inhibition(Cells(signals=signals), Environment(), None)
    cell = Cells({"cd80": [0.0]}, signals={"antigen": [1.0], "checkpoint_inhibition": inhibition})
    part = next(signal for signal in immunity.senescape_signals() if signal.name == "t_cell_killing")
    return float(part.value.evaluate(cell, Environment())[0])


def test_redundancy_follows_from_the_sum():
    # Inhibition of 4 in all, half-point 1: killing is at 1/17.
    assert killing({"pd_l1": 2.0, "pd_l2": 1.0, "galectin9": 1.0}) == pytest.approx(1 / 17)
    assert killing({"pd_l1": 2.0, "pd_l2": 1.0, "galectin9": 1.0}, pd_l2=1.0) == pytest.approx(0.1)
    assert killing({"pd_l1": 2.0, "pd_l2": 1.0, "galectin9": 1.0}, pd_l1=1.0) == pytest.approx(0.2)
    assert killing({"pd_l1": 4.0}, pd_l1=1.0) == 1.0


def scenario(**parameters):
    quiet = {"apoptosis.k": 0.0, "turnover.hazard": 0.0, "escape.h0": 0.0, "nk_cell.k": 0.0, "depth.initial": 0.6}
    return sn.Scenario(
        plugins=("biology", "immunity", "senescape-checkpoint"),
        initial={"senescent": 2000},
        until=240.0,
        every=240.0,
        sync=24.0,
        parameters={**quiet, **parameters},
    )


def killed(drugs, **parameters):
    doses = [sn.Dose(drug, 1.0, at=0.0) for drug in drugs]
    return sn.simulate(scenario(**parameters), doses=doses, seed=1).ledger.deaths.get("t_cell", 0)


def dominant(ligand):
    return {f"{name}.initial.median": 4.0 if name == ligand else 0.01 for name in immunity.LIGANDS}


@pytest.mark.parametrize(
    ("ligand", "good"),
    [
        ("pd_l1", {"anti_pd_l1", "anti_pd_1"}),
        ("pd_l2", {"anti_pd_l2", "anti_pd_1"}),
        ("galectin9", {"anti_galectin9", "anti_tim3"}),
    ],
)
def test_one_antibody_suffices_against_one_dominant_ligand(ligand, good):
    none = killed([], **dominant(ligand))
    for drug in plugin.ARMS:
        found = killed([drug], **dominant(ligand))
        if drug in good:
            assert found > 1.5 * none, drug
        else:
            assert found < 1.1 * none, drug


def test_several_are_needed_against_several_ligands():
    many = {f"{name}.initial.median": 3.0 for name in immunity.LIGANDS}
    none, one, all_ = (killed(drugs, **many) for drugs in ([], ["anti_pd_l1"], ["anti_pd_1", "anti_tim3"]))
    assert all_ - none > 5 * (one - none)


def test_there_is_no_benefit_where_no_antigen_is_shown():
    unseen = {"mhc1.initial.median": 1e-5, **dominant("pd_l1")}
    assert killed(["anti_pd_l1"], **unseen) <= killed([], **unseen) + 5


def test_it_says_what_it_needs():
    lonely = sn.Scenario(plugins=("biology", "senescape-checkpoint"), initial={"senescent": 10}, until=24.0)
    with pytest.raises(sn.ModelError, match=r"in the plugin 'senescape-checkpoint'\n  the plugin 'immunity' adds"):
        sn.simulate(lonely)


def test_one_effect_an_antibody():
    model = scenario().with_params({"senescape-checkpoint.anti_pd_1.effect": 0.5}).model
    assert model.parameters["anti_pd_1.effect"].value == 0.5
