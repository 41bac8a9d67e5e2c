"""Tests of senescape-escape: every rule, and the plugin as a whole."""

import pytest
import senescape as sn
import senescape_escape as plugin
from escape_runs import PLUGINS, run
from senescape.testing import check_rule
from senescape_escape import cdk46, chromatin, p53

UNIT = (0.0, 1.0)


def part(parts, name):
    return next(each for each in parts if each.name == name)


def test_the_opener_does_what_a_rule_must():
    opener = part(plugin.senescape_modifiers(), "chromatin_opener")
    check_rule(opener, increasing=["acetylation", "depth"], ranges={"acetylation": UNIT, "depth": UNIT})
    (acetylation,) = chromatin.traits()
    check_rule(acetylation.flow[0].target, drug="hdac_inhibitor", increasing="hdac_inhibitor")


@pytest.mark.parametrize("each", chromatin.transitions(), ids=lambda each: each.name)
def test_the_stabiliser_does_what_a_rule_must(each):
    check_rule(each, drug="demethylase_inhibitor", increasing="demethylase_inhibitor")
    check_rule(each.set["chromatin_lock"], increasing="chromatin_lock", ranges={"chromatin_lock": UNIT})


@pytest.mark.parametrize("each", p53.transitions(), ids=lambda each: each.name)
def test_refolding_and_loss_do_what_rules_must(each):
    if each.name.startswith("p53_refolding"):
        check_rule(each, drug="eprenetapopt", decreasing="tp53", ranges={"tp53": UNIT})
    elif each.name.startswith("p53_unfolding"):
        check_rule(each, decreasing="eprenetapopt")
    else:
        check_rule(each, increasing="tp53", ranges={"tp53": UNIT})


def test_release_by_the_loss_of_p53_does_what_a_rule_must():
    check_rule(p53.modifiers()[0], decreasing="chromatin_lock", ranges={"chromatin_lock": UNIT})


def test_the_hold_does_what_rules_must():
    check_rule(cdk46.signals()[0], drug="palbociclib", increasing="rb", ranges={"rb": UNIT})
    held = {"cdk46_hold": UNIT}
    for modifier in cdk46.modifiers():
        check_rule(modifier, decreasing="cdk46_hold", ranges=held)
    check_rule(cdk46.transitions()[0], increasing="cdk46_hold", decreasing="stage", ranges=held)
    check_rule(
        cdk46.escapes()[0],
        increasing="cdk46_arrest",
        decreasing=["cdk46_hold", "depth", "damage"],
        ranges={**held, "cdk46_arrest": UNIT, "depth": UNIT},
    )


def test_every_parameter_has_a_unit_a_range_and_a_source():
    model = sn.Scenario(plugins=PLUGINS, initial={"cycling": 1}, until=1.0).model
    biology = sn.Scenario(initial={"cycling": 1}, until=1.0).model
    own = {name: each for name, each in model.parameters.items() if name not in biology.parameters}
    # The values that transitions set are effects, 0 or 1.
    bare = {name for name, each in own.items() if each.source == "assumed" and not each.low >= 0}
    assert {name for name in bare if ".set." not in name and not name.endswith((".volume", ".bioavailability"))} == {
        "acetylation.initial",
        "cdk46_arrest.initial",
        "cdk46_arrest.target",
    }


def test_without_drugs_the_biology_stays_as_it_is():
    """But for the loss of p53, which is turned off here: the same cells, to the last."""
    dox = [sn.Pulse("doxorubicin", 0.1, 24.0, 24.0)]
    alone = sn.Scenario(initial={"cycling": 1000}, until=480.0, every=24.0)
    with_plugin = run({"cycling": 1000}, dox, seed=1, **{"p53_loss.k": 0.0})
    assert (sn.simulate(alone, doses=dox, seed=1).counts == with_plugin.counts).all()
