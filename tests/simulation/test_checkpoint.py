"""Runs that are kept: pause and resume to the bit, several futures of one tumour, and files that are not what they should be."""

import hashlib
import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest
import senescape as sn
from senescape.cli.main import main
from senescape.plugins.registry import registered
from senescape.simulation.checkpoint import MAGIC, read_checkpoint

from tests.models import RUN, everything

SMALL = {**RUN, "replicates": 4, "seed": 11}


def until_late(seconds):
    """What stops a run so many seconds from now, as Ctrl-C would: it is called many times a second while the run goes on."""
    late = time.monotonic() + seconds

    def look(finished):
        if time.monotonic() > late:
            raise KeyboardInterrupt

    return look


def stopped(after, path, model, **settings):
    """Begin a run and stop it so many seconds later; whether it was on its way still."""
    try:
        sn.simulate(model, checkpoint=path, checkpoint_every=0.01, progress=until_late(after), **settings)
    except KeyboardInterrupt:
        return True
    return False


def plain():
    """Independent cells, which run in batches where nobody keeps them."""
    return sn.Model(
        fates=["cell"],
        traits=[sn.Trait("x", sn.LogNormal(1.0, 0.3), inherit=sn.ar1(0.5))],
        transitions=[
            sn.Division("cell", lambda cell, env, p: 0.03 * cell.x),
            sn.Death("cell", lambda cell, env, p: 0.02 / (1.0 + env.time / 50.0), cause="death"),
        ],
    )


MODELS = {
    "everything": (everything, SMALL),
    "independent cells": (plain, {"initial": {"cell": 500}, "until": 150.0, "every": 10.0, "replicates": 4, "seed": 2}),
}


@pytest.mark.parametrize("name", MODELS)
def test_keeping_a_run_does_not_change_it(tmp_path, name):
    make, settings = MODELS[name]
    bare = sn.simulate(make(), **settings)
    kept = sn.simulate(make(), **settings, checkpoint=tmp_path / "c", checkpoint_every=0.01)
    assert kept.sha256 == bare.sha256
    assert sn.resume(tmp_path / "c").sha256 == bare.sha256


@pytest.mark.parametrize("name", MODELS)
def test_a_run_stopped_at_any_moment_goes_on_to_the_bit(tmp_path, name, fresh_seed):
    make, settings = MODELS[name]
    settings = {**settings, "replicates": 12, "seed": fresh_seed % 2**32}
    begun = time.monotonic()
    whole = sn.simulate(make(), **settings).sha256
    length = time.monotonic() - begun
    on_the_way = 0
    for moment in np.random.default_rng(fresh_seed).uniform(0.0, 1.3 * length, 12):
        path = tmp_path / "c"
        path.unlink(missing_ok=True)
        stopped(moment, path, make(), **settings, threads=2)
        on_the_way += bool(read_checkpoint(path).states)
        assert sn.resume(path, threads=int(1 + (moment * 1e6) % 3)).sha256 == whole
    if length > 0.2:
        assert on_the_way > 0


def test_a_run_may_be_stopped_and_resumed_again_and_again(tmp_path):
    settings = {**SMALL, "replicates": 40}
    whole = sn.simulate(everything(), **settings).sha256
    path = tmp_path / "c"
    stopped(0.1, path, everything(), **settings, threads=1)
    result, times = None, 0
    while result is None and times < 100:
        try:
            result = sn.resume(path, threads=1, checkpoint_every=0.02, progress=until_late(0.15))
        except KeyboardInterrupt:
            times += 1
    assert result is not None
    assert result.sha256 == whole


def test_what_had_finished_is_kept_and_told(tmp_path):
    path = tmp_path / "c"
    settings = {**SMALL, "replicates": 1000}

    def enough(finished):
        if finished >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        sn.simulate(everything(), **settings, checkpoint=path, progress=enough)
    kept = read_checkpoint(path)
    assert 3 <= len(kept.finished) < 1000
    assert raised.value.partial.replicate.tolist() == kept.finished
    again = sn.simulate(everything(), **{**settings, "replicates": 1, "first_replicate": kept.finished[-1]})
    row = kept.finished.index(kept.finished[-1])
    assert np.array_equal(kept.earlier["counts"][row], again.counts[0])


class TestFutures:
    """One tumour, several futures."""

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "c"
        sn.simulate(everything(), **{**SMALL, "until": 96.0, "every": 12.0}, checkpoint=path, keep_cells=True)
        return path

    def test_they_share_the_past_and_part_by_treatment(self, path):
        chemo = [sn.Pulse("chemo", 3.0, start=96.0, duration=48.0)]
        quiet, treated = sn.resume(path, until=240.0, doses=[]), sn.resume(path, until=240.0, doses=chemo)
        assert quiet.time[0] == 0
        assert quiet.time[-1] == 240
        at = list(quiet.time).index(96.0)
        past = sn.simulate(everything(), **{**SMALL, "until": 96.0, "every": 12.0})
        for result in (quiet, treated):
            assert np.array_equal(result.counts[:, : at + 1], past.counts)
            assert np.array_equal(result.events[:, : at + 1], past.events)
            assert np.array_equal(result.observables[:, : at + 1], past.observables, equal_nan=True)
            assert str(result.ledger)
        senescent = quiet.layout.fates.index("senescent")
        assert np.all(treated.counts[:, -1, senescent] > quiet.counts[:, -1, senescent])

    def test_what_was_planned_goes_on_unless_it_is_changed(self, path):
        planned, quiet = sn.resume(path, until=240.0, every=12.0), sn.resume(path, until=240.0, every=12.0, doses=[])
        assert planned.provenance["run"]["doses"] != quiet.provenance["run"]["doses"]
        senolytic = planned.layout.drugs.index("senolytic")
        assert planned.drugs[-1, senolytic] > 0.01
        assert quiet.drugs[-1, senolytic] == 0

    def test_a_future_may_be_kept_in_turn(self, path, tmp_path):
        later = tmp_path / "later"
        once = sn.resume(path, until=144.0, every=12.0, checkpoint=later, keep_cells=True)
        twice = sn.resume(later, until=192.0, every=12.0)
        assert np.array_equal(twice.counts[:, : len(once.time)], once.counts)
        assert twice.time[-1] == 192
        assert read_checkpoint(path).run["until"] == 96.0

    def test_the_law_past_the_horizon_is_that_of_one_run(self, tmp_path, fresh_seed):
        model = sn.Model(fates=["cell"], transitions=[sn.Division("cell", 0.03), sn.Death("cell", 0.01, cause="death")])
        path = tmp_path / "c"
        n = 4000
        sn.simulate(
            model,
            initial={"cell": 10},
            until=24.0,
            replicates=n,
            seed=fresh_seed,
            checkpoint=path,
            keep_cells=True,
        )
        counts = sn.resume(path, until=48.0).counts[:, -1, 0]
        mean = 10 * np.exp(0.02 * 48)
        variance = 10 * (0.04 / 0.02) * np.exp(0.02 * 48) * (np.exp(0.02 * 48) - 1)
        assert abs(counts.mean() - mean) < 5 * np.sqrt(variance / n)
        assert counts.var() == pytest.approx(variance, rel=0.15)

    def test_tumours_that_relapsed_have_no_future(self, tmp_path):
        path = tmp_path / "c"
        settings = {**SMALL, "until": 96.0, "doses": (), "replicates": 8, "relapse": sn.Relapse(1010.0)}
        first = sn.simulate(everything(), **settings, checkpoint=path, keep_cells=True)
        relapsed = first.outcomes["relapsed"]
        assert relapsed.sum() > 0
        later = sn.resume(path, until=120.0)
        assert len(later.replicate) == 8
        assert np.array_equal(later.outcomes["relapse_time"][relapsed], first.outcomes["relapse_time"][relapsed])
        assert np.all(later.counts[relapsed, -1] == -1)

    @pytest.mark.parametrize(
        ("asked", "error", "message"),
        [
            ({"until": 90.0}, sn.CheckpointError, "not after the old horizon"),
            ({"doses": []}, sn.CheckpointError, "later horizon"),
            ({"until": 120.0, "doses": [sn.Dose("chemo", 1.0, at=10.0)]}, sn.SenescapeError, "10 h|half_life"),
            ({"until": 120.0, "doses": [sn.Pulse("chemo", 1.0, 10.0, 5.0)]}, sn.CheckpointError, "which is past"),
            ({"until": 120.0, "doses": [sn.Pulse("cemo", 1.0, 100.0, 5.0)]}, sn.ModelError, "did you mean 'chemo'"),
            ({"until": -1.0}, sn.ModelError, "until"),
        ],
    )
    def test_what_cannot_be_is_refused(self, path, asked, error, message):
        with pytest.raises(error, match=message):
            sn.resume(path, **asked)

    def test_without_kept_cells_there_is_none(self, tmp_path):
        sn.simulate(plain(), initial={"cell": 10}, until=10.0, seed=1, checkpoint=tmp_path / "c")
        with pytest.raises(sn.CheckpointError, match="keep_cells=True"):
            sn.resume(tmp_path / "c", until=20.0)
        with pytest.raises(sn.ModelError, match="checkpoint=path"):
            sn.simulate(plain(), initial={"cell": 10}, until=10.0, keep_cells=True)


class TestCode:
    """Rules that are called and visits: no file holds their code."""

    def slow(self):
        return sn.Model(
            fates=["cell"],
            transitions=[
                sn.Division("cell", 0.03),
                sn.Death("cell", lambda cell, env, p: 0.01 + 0.0 * cell.age, cause="death", traced=False),
            ],
        )

    def test_slow_rules_go_on_with_the_model_given(self, tmp_path):
        settings = {"initial": {"cell": 200}, "until": 100.0, "every": 10.0, "replicates": 20, "seed": 1, "sync": 1.0}
        whole = sn.simulate(self.slow(), **settings).sha256
        path = tmp_path / "c"
        stopped(0.2, path, self.slow(), **settings)
        with pytest.raises(sn.CheckpointError, match="model="):
            sn.resume(path)
        assert sn.resume(path, model=self.slow()).sha256 == whole
        with pytest.raises(sn.ModelError, match="not the one"):
            sn.resume(path, model=plain())

    def test_tumours_with_visits_begin_again_and_end_the_same(self, tmp_path):
        class Clinic:
            @sn.hookimpl
            def senescape_visit(self, visit):
                visit.memory["seen"] = visit.memory.get("seen", 0) + 1
                if visit.memory["seen"] % 2:
                    visit.order("doxorubicin", amount=0.05)

        with registered("clinic-of-checkpoints", Clinic()) as name:
            scenario = sn.Scenario(
                plugins=("biology", name), initial={"cycling": 300}, until=240.0, visits=24.0, every=24.0
            )
            settings = {"replicates": 12, "seed": 4}
            whole = sn.simulate(scenario, **settings)
            path = tmp_path / "c"
            stopped(0.3, path, scenario, **settings)
            again = sn.resume(path, model=scenario)
            assert again.sha256 == whole.sha256
            with pytest.raises(sn.ModelError, match="visits"):
                sn.simulate(scenario, **settings, checkpoint=path, keep_cells=True)


class TestFiles:
    """Files that are damaged, forged, or cannot be written."""

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "c"
        settings = {**SMALL, "until": 48.0, "initial": {"cycling": 20}, "replicates": 1}
        sn.simulate(everything(), **settings, checkpoint=path, keep_cells=True)
        return path

    def test_every_truncation_is_told(self, path):
        content = path.read_bytes()
        cut = path.with_name("cut")
        for length in [*range(0, 200), *range(200, len(content), 37)]:
            cut.write_bytes(content[:length])
            with pytest.raises(sn.CheckpointError):
                read_checkpoint(cut)

    def test_every_bit_flip_is_told(self, path, fresh_seed):
        content = bytearray(path.read_bytes())
        flipped = path.with_name("flipped")
        bits = np.random.default_rng(fresh_seed).integers(8 * len(content), size=1000)
        for bit in [*range(8 * (len(MAGIC) + 32)), *bits.tolist()]:
            content[bit // 8] ^= 1 << bit % 8
            flipped.write_bytes(content)
            with pytest.raises(sn.CheckpointError):
                read_checkpoint(flipped)
            content[bit // 8] ^= 1 << bit % 8

    def forge(self, path, change):
        """The file with its parts changed and the checksum made right."""
        with np.load(io.BytesIO(path.read_bytes()[len(MAGIC) + 32 :])) as file:
            parts = {name: file[name] for name in file.files}
        header = json.loads(parts["header"].tobytes())
        change(header, parts)
        parts["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        packed = io.BytesIO()
        np.savez_compressed(packed, **parts)
        forged = path.with_name("forged")
        forged.write_bytes(MAGIC + hashlib.sha256(packed.getvalue()).digest() + packed.getvalue())
        return forged

    @pytest.mark.parametrize(
        "change",
        [
            lambda header, parts: header.pop("run"),
            lambda header, parts: header.update(states=[[0, 10**12]]),
            lambda header, parts: header.update(states=[["a", 3]]),
            lambda header, parts: header.update(layout=3),
            lambda header, parts: header.update(columns=4),
            lambda header, parts: header["drugs"][0].update(fields={"half_life": -1.0}),
            lambda header, parts: header["run"].update(observe=[1.0]),
            lambda header, parts: parts.update(counts=parts["counts"][:, :1]),
            lambda header, parts: parts.pop("state_bytes"),
            lambda header, parts: header.update(states=[[1000, len(parts["state_bytes"])]]),
            lambda header, parts: header.update(states=[[0, -1], [1, len(parts["state_bytes"]) + 1]]),
            lambda header, parts: header["made_by"]["run"].pop("doses"),
            lambda header, parts: header["made_by"]["run"].update(doses=5),
            lambda header, parts: header["made_by"]["run"].update(
                doses=[{"drug": 9, "at": 0.0, "amount": 1.0, "route": "bolus", "duration": None}]
            ),
            lambda header, parts: header.update(orders={"0": [{"drug": 0}]}),
            lambda header, parts: parts.update(total_events=parts["total_events"][:, :1]),
            lambda header, parts: parts.update(end_time=parts["end_time"][:, None]),
            lambda header, parts: parts.update(stop=parts["stop"] + 99),
            lambda header, parts: parts.update(stop=parts["stop"].astype(float)),
            lambda header, parts: parts.update(counts=parts["counts"].astype(str)),
            lambda header, parts: parts.update(first_event=parts["first_event"].astype(str)),
            lambda header, parts: parts.update(replicate=parts["replicate"] + 1000),
        ],
    )
    def test_parts_that_cannot_be_are_told(self, path, change):
        with pytest.raises(sn.CheckpointError, match="lacks a part or holds one"):
            read_checkpoint(self.forge(path, change))

    def test_forged_states_give_errors_and_no_panic(self, path, fresh_seed):
        rng = np.random.default_rng(fresh_seed)
        told = []
        for _ in range(150):

            def change(header, parts):
                state = parts["state_bytes"].copy()
                state[rng.integers(len(state))] = rng.integers(256)
                parts["state_bytes"] = state

            try:
                sn.resume(self.forge(path, change), until=60.0, threads=1)
            except sn.SenescapeError as error:
                told.append(str(error))
        assert told
        assert not [text for text in told if "panick" in text]

    def test_another_version_and_another_file_are_told_apart(self, path):
        other = path.with_name("other")
        other.write_bytes(MAGIC.replace(b" 1\n", b" 2\n") + path.read_bytes()[len(MAGIC) :])
        with pytest.raises(sn.CheckpointError, match="another version"):
            sn.resume(other)
        other.write_bytes(b"PK\x03\x04")
        with pytest.raises(sn.CheckpointError, match="no checkpoint"):
            sn.resume(other)
        with pytest.raises(sn.CheckpointError, match="there is no checkpoint"):
            sn.resume(path.with_name("none"))

    def test_a_place_that_cannot_be_written_to_is_told_before_a_cell_moves(self, tmp_path):
        begun = time.monotonic()
        with pytest.raises(sn.CheckpointError, match="can be written"):
            sn.simulate(everything(), **{**SMALL, "replicates": 1000}, checkpoint=tmp_path / "no" / "folder")
        assert time.monotonic() - begun < 5

    @pytest.mark.parametrize("every", [0.0, -1.0, float("nan"), "soon"])
    def test_how_often_must_be_a_time(self, tmp_path, every):
        with pytest.raises(sn.ModelError, match="checkpoint_every"):
            sn.simulate(plain(), initial={"cell": 1}, until=1.0, checkpoint=tmp_path / "c", checkpoint_every=every)

    def test_a_run_that_is_not_finished_is_not_written_over(self, tmp_path):
        path = tmp_path / "c"
        settings = {**SMALL, "replicates": 200}
        assert stopped(0.2, path, everything(), **settings)
        before = path.read_bytes()
        with pytest.raises(sn.CheckpointError, match=r"of 200 replicates are finished: go on with it, sn\.resume"):
            sn.simulate(everything(), **settings, checkpoint=path)
        assert path.read_bytes() == before

    def test_another_file_is_not_written_over(self, tmp_path):
        path = tmp_path / "thesis.docx"
        path.write_text("years of work")
        with pytest.raises(sn.CheckpointError, match="is there already"):
            sn.simulate(everything(), **SMALL, checkpoint=path)
        assert path.read_text() == "years of work"

    def test_a_full_disk_is_told_and_the_former_file_stays(self, path, monkeypatch):
        before = path.read_bytes()

        def full(fd):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("senescape._support.atomic.os.fsync", full)
        with pytest.raises(sn.CheckpointError, match="No space left") as raised:
            sn.simulate(everything(), **SMALL, checkpoint=path)
        assert len(raised.value.partial.replicate) == SMALL["replicates"]
        assert path.read_bytes() == before
        assert [each.name for each in path.parent.iterdir()] == [path.name]

    def test_a_kill_while_writing_leaves_a_whole_file(self, path):
        """The writer is killed again and again; the file is an old one or a new one."""
        code = (
            "import sys, pathlib\n"
            "from senescape._support.atomic import write_whole\n"
            "content = pathlib.Path(sys.argv[1]).read_bytes()\n"
            "print('on', flush=True)\n"
            "while True: write_whole(pathlib.Path(sys.argv[1]), [content[:100], content[100:]])\n"
        )
        for wait in np.linspace(0.001, 0.05, 12):
            child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
            assert child.stdout.readline() == b"on\n"
            time.sleep(wait)
            child.kill()
            child.wait()
            child.stdout.close()
            assert read_checkpoint(path).complete


@pytest.mark.biology
def test_the_command_line_keeps_and_resumes(tmp_path, capsys):
    path = tmp_path / "run.checkpoint"
    arguments = ["--replicates", "3", "--seed", "5", "--json"]
    assert main(["run", "mcf7-doxorubicin", *arguments, "--checkpoint", str(path), "--keep-cells"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["resume", str(path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert first["ledger"] == again["ledger"]
    assert main(["resume", str(path), "--until", "1100"]) == 0
    capsys.readouterr()
    assert main(["resume", str(tmp_path / "none")]) == 2
    assert "there is no checkpoint" in capsys.readouterr().err


def test_ctrl_c_while_a_file_is_packed_is_ctrl_c(monkeypatch):
    """NumPy's own writer makes a ValueError of it on its way out."""
    from senescape._support.atomic import pack

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zipfile._get_compressor", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack({"x": np.zeros(3)})
