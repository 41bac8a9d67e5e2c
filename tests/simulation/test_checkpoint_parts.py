"""What a checkpoint is made of, and what is made of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import senescape as sn
from senescape import checkpoint
from senescape.simulation.checkpoint import Writer, read_checkpoint
from senescape.simulation.engine import COUNTED, RECORDED
from senescape.simulation.resume import _beyond, _padded
from senescape.simulation.run_document import dose_document, dose_of

from ..models import RUN, everything

DRUGS = (sn.Drug("x"), sn.Drug("y", sn.Param(3.0, source="s"), route="oral", unit="nM", k12=0.1, k21=0.2))


def test_a_drug_comes_back_the_same():
    for drug in DRUGS:
        back = checkpoint._drug_from_json(json.loads(json.dumps(checkpoint._drug_to_json(drug))))
        assert (back.name, back.route, back.unit) == (drug.name, drug.route, drug.unit)
        assert {k: v.value for k, v in back.fields.items()} == {k: v.value for k, v in drug.fields.items()}


@pytest.mark.parametrize(
    "dose",
    [
        sn.Pulse("x", 1.0, start=2.0, duration=3.0),
        sn.Dose("y", 4.0, 5.0, "infusion", 6.0),
        sn.Dose("y", 7.0, 8.0, "oral"),
    ],
)
def test_a_dose_comes_back_the_same(dose):
    assert dose_of(DRUGS, dose_document(DRUGS, dose)) == dose


def test_rows_that_ended_are_padded():
    earlier = {name: np.arange(3) for name in (*RECORDED, "replicate")}
    for name in ("counts", "events"):
        earlier[name] = np.arange(3 * 2 * 2).reshape(3, 2, 2)
    for name in ("pools", "observables"):
        earlier[name] = np.arange(3.0 * 2 * 1).reshape(3, 2, 1)
    for drugs in (np.zeros((2, 4)), np.arange(3.0 * 2 * 4).reshape(3, 2, 4)):
        rows = np.array([True, False, True])
        out = _padded({**earlier, "drugs": drugs, **dict.fromkeys(COUNTED, 9)}, rows, 3)
        assert set(out) == {*RECORDED, "replicate", "drugs", *COUNTED}
        assert out["replicate"].tolist() == [0, 2]
        for name, nothing in (("counts", -1), ("events", -1), ("pools", np.nan), ("observables", np.nan)):
            assert out[name].dtype == earlier[name].dtype
            assert np.array_equal(out[name][:, :2], earlier[name][rows])
            assert np.array_equal(out[name][:, 2:], np.full((2, 3, earlier[name].shape[2]), nothing), equal_nan=True)
        assert np.array_equal(out["drugs"], drugs if drugs.ndim == 2 else drugs[rows])
        assert [out[name] for name in COUNTED] == [0] * len(COUNTED)


@pytest.fixture
def kept(tmp_path):
    doses = [sn.Pulse("chemo", 1.0, start=24, duration=24), sn.Pulse("chemo", 2.0, start=48, duration=24)]
    settings = {**RUN, "seed": 11, "until": 48.0, "every": 24.0, "doses": doses, "replicates": 2}
    sn.simulate(everything(), **settings, checkpoint=tmp_path / "c", keep_cells=True)
    return read_checkpoint(tmp_path / "c")


def test_a_run_goes_on_from_its_horizon(kept):
    first, second = kept.run["doses"]
    more, run = _beyond(kept, "c", 78.0, 12.0, None)
    assert (run["begin"], run["until"], run["doses"]) == (48.0, 78.0, [first, second])
    assert run["observe"] == [0.0, 24.0, 48.0, 60.0, 72.0, 78.0]
    assert more.made_by["run"] == {**kept.made_by["run"], "until": 78.0, "begin": 48.0, "doses": run["doses"]}
    assert {k: v for k, v in more.made_by.items() if k != "run"} == {
        k: v for k, v in kept.made_by.items() if k != "run"
    }
    assert more.earlier["counts"].shape[:2] == (0, 6)
    assert (more.engine, more.states) == (kept.engine, kept.states)
    # What is given from the horizon on stands in for what was planned from there on.
    given = sn.Pulse("chemo", 3.0, start=48.0, duration=1.0)
    assert _beyond(kept, "c", 60.0, 12.0, [given])[1]["doses"] == [
        first,
        dose_document(everything().drugs, given),
    ]
    assert _beyond(kept, "c", 60.0, None, [])[1]["doses"] == [first]
    assert len(_beyond(kept, "c", 60.0, None, [])[1]["observe"]) == 3 + 100
    for until in (48.0, 47.0):
        with pytest.raises(sn.CheckpointError, match=f"c: until = {until:g} h is not after the old horizon, 48 h"):
            _beyond(kept, "c", until, None, None)
    with pytest.raises(
        sn.CheckpointError, match="a dose of 'chemo' is at 47 h, which is past; the tumours stand at 48 h"
    ):
        _beyond(kept, "c", 60.0, None, [sn.Pulse("chemo", 3.0, start=47.0, duration=1.0)])


@pytest.mark.parametrize("part", ["drugs", "pools", "observables", "fates", "transitions"])
def test_names_along_axes_are_those_of_the_model(kept, part):
    other = json.loads(kept.engine.text)
    if part == "fates":
        other[part][0] = "other"
    else:
        other[part][0]["name"] = "other"
    _is_refused(kept, other, part)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("division", {"kind": "move", "target": 0}),
        ("move", {"source": 1, "target": 0}),
        ("move", {"barrier": 0}),
        ("death", {"cause": 1}),
    ],
)
def test_transitions_along_axes_are_those_of_the_model(kept, kind, change):
    # The ledger would not close.
    other = json.loads(kept.engine.text)
    of_kind = [each for each in other["transitions"] if each["kind"] == kind]
    one = next(each for each in of_kind if any(each[name] != value for name, value in change.items()))
    one |= change
    _is_refused(kept, other, "transitions")


def _is_refused(kept, other, part):
    layout, initial = kept.engine.layout, kept.run["initial"]
    checkpoint._fits(layout, json.loads(kept.engine.text), initial)
    with pytest.raises(ValueError, match=f"the layout's {part} is not its model's"):
        checkpoint._fits(layout, other, initial)


def test_cells_at_the_start_are_those_of_the_run(kept):
    initial = [n + 1 for n in kept.run["initial"]]
    with pytest.raises(ValueError, match="the layout's initial is not its model's"):
        checkpoint._fits(kept.engine.layout, json.loads(kept.engine.text), initial)


def test_what_is_kept_is_what_was_run(kept):
    assert kept.finished == [0, 1]
    assert kept.complete
    assert not replace(kept, run={**kept.run, "replicates": 3}).complete
    assert replace(kept, earlier=None).finished == []
    assert sorted(kept.states) == [0, 1]
    assert all(kept.states.values())


def test_a_tumour_that_ended_is_kept_no_longer(kept, tmp_path):
    path, kept_as = tmp_path / "d", {**kept.run, "keep": True}
    writer = Writer(path, 1.0, kept.engine, kept_as, kept.made_by, states=kept.states)
    part = {name: kept.earlier[name][:1] for name in (*RECORDED, "replicate")}
    raw = {**part, "drugs": kept.earlier["drugs"], **dict.fromkeys(COUNTED, 1)}
    # It relapsed: nothing of it is there at the horizon. The other was not taken up yet.
    writer({**raw, "states": []})
    assert read_checkpoint(path).states == {1: kept.states[1]}
    writer({**raw, "states": [(0, b"at the horizon"), (1, b"on its way")]})
    assert read_checkpoint(path).states == {0: b"at the horizon", 1: b"on its way"}
