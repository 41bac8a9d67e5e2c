"""Runs that are gone on with by people in a hurry: other places, other code, other arguments, and stopped once more."""

import os
import stat
import threading
import time

import numpy as np
import pytest
import senescape as sn
from senescape.simulation.checkpoint import read_checkpoint

from .test_checkpoint import plain

RUN = {"initial": {"cell": 200}, "until": 60.0, "every": 10.0, "seed": 1, "threads": 1, "replicates": 6}
LONG = {**RUN, "initial": {"cell": 10_000}, "replicates": 40}
"""Long enough to be stopped."""


def after(finished):
    """What stops a run once so many replicates are finished, as Ctrl-C would."""

    def look(n):
        if n >= finished:
            raise KeyboardInterrupt

    return look


def stopped(model, path, **settings):
    with pytest.raises(KeyboardInterrupt):
        sn.simulate(model, **{**LONG, **settings}, checkpoint=path, checkpoint_every=1e-3, progress=after(2))
    assert not read_checkpoint(path).complete


def drugged(hazard=None, visit=None, **settings):
    def dying(cell, env, p):
        return 0.1 * sn.hill(env.drug["drug"], 1.0)

    return sn.Model(
        fates=["cell"],
        drugs=[sn.Drug("drug", half_life=10.0)],
        transitions=[
            sn.Division("cell", 0.02),
            sn.Death("cell", dying if hazard is None else hazard, cause="death", traced=hazard is None),
        ],
        visits=[] if visit is None else [sn.VisitRule("clinic", visit)],
        **settings,
    )


def ordering(amount):
    def visit(visit, p):
        if visit.number == 1:
            visit.order("drug", amount=amount, after=1.0)

    return visit


class TestFutures:
    """Past the horizon."""

    @pytest.fixture
    def path(self, tmp_path):
        sn.simulate(drugged(), **RUN, doses=[sn.Dose("drug", 1.0, 0.0)], checkpoint=tmp_path / "day", keep_cells=True)
        return tmp_path / "day"

    @pytest.mark.parametrize("keep", [False, True])
    def test_one_that_was_stopped_goes_on(self, path, tmp_path, keep):
        whole = sn.resume(path, until=360.0, checkpoint=tmp_path / "whole", keep_cells=keep)
        with pytest.raises(KeyboardInterrupt):
            sn.resume(path, until=360.0, threads=1, checkpoint=tmp_path / "part", keep_cells=keep, progress=after(1))
        assert sn.resume(tmp_path / "part").sha256 == whole.sha256
        if keep:
            futures = [sn.resume(tmp_path / name, until=380.0).sha256 for name in ("whole", "part")]
            assert futures[0] == futures[1]

    def test_concentrations_before_the_horizon_are_known(self, path):
        later = sn.resume(path, until=80.0, every=10.0, doses=[sn.Dose("drug", 3.0, 65.0)])
        np.testing.assert_allclose(later.drugs[:7, 0], 0.5 ** (np.arange(7.0)))
        assert np.isfinite(later.drugs).all()

    def test_a_horizon_a_moment_later_is_refused(self, path):
        with pytest.raises(sn.CheckpointError, match="not after the old horizon"):
            sn.resume(path, until=np.nextafter(60.0, 61.0))

    def test_cells_are_kept_somewhere(self, path):
        with pytest.raises(sn.ModelError, match="checkpoint=path"):
            sn.resume(path, until=80.0, keep_cells=True)


def test_cells_that_were_not_kept_are_not_kept_later(tmp_path):
    sn.simulate(plain(), **RUN, checkpoint=tmp_path / "c")
    with pytest.raises(sn.CheckpointError, match="6 replicates are finished, whose cells were not kept"):
        sn.resume(tmp_path / "c", keep_cells=True)


class TestPlaces:
    """Where it is written."""

    def test_nothing_is_lost(self, tmp_path):
        stopped(plain(), tmp_path / "a")
        stopped(plain(), tmp_path / "b", seed=2)
        (tmp_path / "thesis").write_text("years of work")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "folder").mkdir()
        before = (tmp_path / "b").read_bytes()
        for name, message in {
            "b": "are finished: go on with it",
            "thesis": "is there already",
            "pipe": "is there already",
            "folder": "is there already",
            "none/c": "can be written",
        }.items():
            with pytest.raises(sn.CheckpointError, match=message):
                sn.resume(tmp_path / "a", checkpoint=tmp_path / name)
        assert (tmp_path / "b").read_bytes() == before
        assert (tmp_path / "thesis").read_text() == "years of work"
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
        # The file itself is gone on with, by whatever name.
        (tmp_path / "link").symlink_to("a")
        whole = sn.simulate(plain(), **LONG)
        assert sn.resume(tmp_path / "a", checkpoint=tmp_path / "link").sha256 == whole.sha256
        assert (tmp_path / "link").is_symlink()
        assert read_checkpoint(tmp_path / "a").complete

    def test_a_change_of_folder_does_not_move_it(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "other").mkdir()
        sn.simulate(
            plain(), **RUN, checkpoint="c", checkpoint_every=1e-3, progress=lambda n: os.chdir(tmp_path / "other")
        )
        assert read_checkpoint(tmp_path / "c").complete
        assert not list((tmp_path / "other").iterdir())

    def test_links_and_modes_stay(self, tmp_path):
        sn.simulate(plain(), **RUN, checkpoint=tmp_path / "c")
        (tmp_path / "c").chmod(0o640)
        (tmp_path / "link").symlink_to("c")
        sn.simulate(plain(), **{**RUN, "seed": 2}, checkpoint=tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert read_checkpoint(tmp_path / "c").run["seed"] == 2
        assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o640

    def test_two_threads_may_write_one(self, tmp_path):
        settings = {**RUN, "replicates": 30, "checkpoint": tmp_path / "c", "checkpoint_every": 1e-3}
        sn.simulate(plain(), **{**settings, "replicates": 1})
        failed, ready = [], threading.Barrier(2)

        def run(seed):
            try:
                ready.wait()
                sn.simulate(plain(), **{**settings, "seed": seed})
            except sn.CheckpointError as error:
                # The other's run is on its way there.
                if "go on with it" not in str(error):
                    failed.append(error)

        threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failed
        assert read_checkpoint(tmp_path / "c").complete
        assert [each.name for each in tmp_path.iterdir()] == ["c"]

    @pytest.mark.parametrize("path", ["", "a\0b", b"c", 5])
    def test_what_is_no_path_is_told(self, path):
        for use in (
            lambda: sn.simulate(plain(), **RUN, checkpoint=path),
            lambda: sn.resume(path),
            lambda: sn.open_result(path),
            lambda: sn.simulate(plain(), **RUN).save(path),
        ):
            with pytest.raises(sn.ModelError, match="is no path"):
                use()


class TestCode:
    """What the file does not hold."""

    @pytest.mark.parametrize("traced", [True, False])
    def test_another_model_is_refused(self, tmp_path, traced):
        def hazard(rate):
            return None if traced else lambda cell, env, p: np.full(len(cell.age), rate)

        stopped(drugged(hazard(0.02)), tmp_path / "c")
        with pytest.raises(sn.ModelError, match="not the one that"):
            sn.resume(tmp_path / "c", model=plain())
        if not traced:
            with pytest.raises(sn.ModelError, match="'death': hazard: its code, or a number that it closes over"):
                sn.resume(tmp_path / "c", model=drugged(hazard(0.06)))
        for nothing in (42, "mcf7-doxorubicin"):
            with pytest.raises(sn.ModelError, match=r"neither a sn\.Model nor"):
                sn.resume(tmp_path / "c", model=nothing)
        same = drugged(hazard(0.02))
        assert sn.resume(tmp_path / "c", model=same).sha256 == sn.simulate(same, **LONG).sha256

    def test_another_visit_is_refused_and_what_the_same_ordered_is_told(self, tmp_path):
        settings = {"visits": 10.0, "doses": [sn.Dose("drug", 2.0, 5.0)]}
        whole = sn.simulate(drugged(visit=ordering(1.0)), **LONG, **settings)
        stopped(drugged(visit=ordering(1.0)), tmp_path / "c", **settings)
        with pytest.raises(sn.ModelError, match="visit rule 'clinic': its code"):
            sn.resume(tmp_path / "c", model=drugged(visit=ordering(2.0)))
        again = sn.resume(tmp_path / "c", model=drugged(visit=ordering(1.0)), threads=1)
        assert again.sha256 == whole.sha256
        for name, column in whole.doses.items():
            np.testing.assert_array_equal(again.doses[name], column)

    def test_visits_see_the_same_doses_as_before_the_stop(self, tmp_path):
        seen = []

        def look(visit, p):
            seen.append(tuple(visit.doses))
            time.sleep(0.02)

        path, model = tmp_path / "kept", drugged(visit=look)
        doses = [sn.Dose("drug", 3.0, at=20.0), sn.Pulse("drug", 1.0, start=30.0, duration=5.0)]
        with pytest.raises(KeyboardInterrupt):
            sn.simulate(model, **{**RUN, "doses": doses, "visits": 15.0}, checkpoint=path, progress=after(0))
        before = seen.copy()
        seen.clear()
        sn.resume(path, model=model)
        assert set(seen) == set(before)
        assert len(set(seen)) == 1


def test_read_outs_are_the_same_kept_or_not(tmp_path):
    model = sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", sn.LogNormal(1.0, 3.0))],
        transitions=[
            sn.Division("a", hazard=0.05),
            sn.Transition("ab", "a", "b", 0.05),
            sn.Death("b", hazard=0.02, cause="c"),
        ],
        observables=[sn.Observable("mean", "b", "x"), sn.Observable("sum", "b", "x", kind="sum")],
    )
    for founders in (100, 5000):
        settings = {"initial": {"a": founders, "b": founders}, "until": 48.0, "every": 6.0, "replicates": 2, "seed": 1}
        plain = sn.simulate(model, **settings)
        kept = sn.simulate(model, **settings, checkpoint=tmp_path / str(founders))
        assert plain.sha256 == kept.sha256


def test_numbers_of_replicates_end():
    with pytest.raises(sn.ModelError, match="first_replicate"):
        sn.simulate(plain(), **{**RUN, "first_replicate": 2**63 - 2})


def test_doses_may_come_from_what_is_run_through_once():
    settings = {**RUN, "visits": 10.0}
    doses = [sn.Dose("drug", 3.0, 50.0)]
    whole = sn.simulate(drugged(visit=ordering(1.0)), **settings, doses=doses)
    for given in (iter(doses), np.array(doses, dtype=object)):
        assert sn.simulate(drugged(visit=ordering(1.0)), **settings, doses=given).sha256 == whole.sha256


def test_a_dose_given_at_once_lasts_no_time():
    for route in (None, "oral"):
        drug = sn.Drug("drug", half_life=1.0, route=route)
        model = sn.Model(fates=["cell"], drugs=[drug], transitions=[sn.Division("cell", 0.1)])
        with pytest.raises(sn.ModelError, match=r"'drug' at 0 h is given at once \((bolus|oral)\); leave duration out"):
            sn.simulate(model, **RUN, doses=[sn.Dose("drug", 1.0, 0.0, duration=2.0)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_cells": 0}, "max_cells = 0 must lie between"),
        ({"threads": 0}, "threads = 0 must lie between"),
        ({"rtol": float("nan")}, "rtol = nan must be positive"),
        ({"rtol": "x"}, "rtol = 'x' is not a number"),
        ({"doses": 5}, "doses = 5 is no list"),
        ({"initial": 5}, "give the number of cells in each fate"),
        ({"params": [1]}, "params = "),
        ({"relapse": 5}, r"give relapse=sn\.Relapse"),
        ({"observe": "x"}, "observe = 'x' are not times"),
        ({"visits": 0}, "visits = 0 must be positive"),
        ({"visits": "weekly"}, "visits = 'weekly' are not times"),
        ({"doses": [sn.Dose("drug", 1e308, 0.0)]}, "too much to be counted"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(given, message):
    model = drugged(visit=ordering(1.0)) if "visits" in given else drugged()
    if "too much" in message:
        model = sn.Model(
            fates=["cell"], drugs=[sn.Drug("drug", 1.0, volume=1e-3)], transitions=[sn.Division("cell", 0.1)]
        )
    with pytest.raises(sn.ModelError, match=message):
        sn.simulate(model, **{**RUN, **given})


@pytest.mark.parametrize(
    "given", [("x",), (None,), (10, 5), (10, []), (10, ""), (1, None, float("inf")), (float("nan"),)]
)
def test_a_relapse_rule_of_the_wrong_kind_is_named(given):
    with pytest.raises(sn.ModelError, match=r"Relapse\("):
        sn.Relapse(*given)


@pytest.mark.parametrize("threads", [0, -1, float("nan"), "3"])
def test_threads_that_cannot_be_are_named(tmp_path, threads):
    sn.simulate(plain(), **RUN, checkpoint=tmp_path / "c")
    with pytest.raises(sn.ModelError, match="threads = "):
        sn.resume(tmp_path / "c", threads=threads)
    assert len(sn.resume(tmp_path / "c", threads=np.int64(2)).replicate) == 6
