"""The command line where things are not as one would wish."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from senescape.cli.main import main
from senescape.errors import ResultError
from senescape.results.result import Result, open_result

pytestmark = pytest.mark.biology

COMMAND = Path(sys.executable).parent / "senescape"
SMALL = 'initial = { cycling = 10 }\nuntil = 10\nplugins = ["biology"]\n'


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


@pytest.mark.parametrize("out", ["", "./", "no/such/r.npz", "folder"])
def test_a_place_for_the_result_is_tried_before_the_run(scenario, tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(
        sys.modules["senescape.simulation.simulate"], "simulate", lambda *args, **settings: pytest.fail("it ran")
    )
    assert main(["run", scenario, "--out", out]) == 2
    said = capsys.readouterr().err
    assert "is no path" in said or "cannot be written to" in said


def test_where_the_result_goes_is_told_if_it_is_elsewhere(scenario, tmp_path, capsys):
    assert main(["run", scenario, "--replicates", "1", "--out", str(tmp_path / "r.txt")]) == 0
    assert f"the result goes to {tmp_path / 'r.txt.npz'}" in capsys.readouterr().err
    assert (tmp_path / "r.txt.npz").is_file()


def test_a_result_does_not_take_the_place_of_the_checkpoint(scenario, tmp_path, capsys):
    kept = str(tmp_path / "r.npz")
    run = ["run", scenario, "--replicates", "1", "--checkpoint", kept]
    assert main([*run, "--out", kept]) == 2
    assert "--out and the checkpoint are one file" in capsys.readouterr().err
    assert main([*run, "--keep-cells"]) == 0
    assert main(["resume", kept, "--until", "60", "--out", kept]) == 2
    assert main(["resume", kept, "--until", "60", "--checkpoint-every", "0"]) == 2
    assert "checkpoint_every" in capsys.readouterr().err


def test_names_that_no_file_can_have(scenario, tmp_path, capsys):
    long = str(tmp_path / ("a" * 300))
    for given in (["--out", long], ["--checkpoint", long], ["--checkpoint", str(tmp_path / "\ud800")]):
        assert main(["run", scenario, "--replicates", "1", *given]) == 2
        said = capsys.readouterr().err
        assert "longer than names of files can be" in said or "is not a path" in said


def test_the_place_of_the_gallery_is_tried_before_the_claims(scenario, monkeypatch, capsys):
    monkeypatch.setattr("senescape.claims.run_claim", lambda *given: pytest.fail("it ran"))
    assert main(["claims", "1", "--gallery", scenario]) == 2
    assert "no page can be written to" in capsys.readouterr().err


def by_shell(command):
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


def test_closed_streams_are_no_reason_to_fail(scenario):
    run = f"{COMMAND} run {scenario} --replicates 1 --seed 1"
    whole = by_shell(run)
    assert whole.returncode == 0, whole.stderr
    assert by_shell(f"{run} 2>&-").stdout == whole.stdout
    assert by_shell(f"{run} >&-").returncode == 0


def test_a_name_that_the_terminal_has_no_letters_for(scenario, tmp_path):
    path = tmp_path / "named.toml"
    path.write_text('name = "tumör"\n' + SMALL, encoding="utf-8")
    done = by_shell(f"PYTHONIOENCODING=ascii {COMMAND} run {path} --replicates 1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tum\\xf6r")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("command", ["presets", "plugins list --json", "--help", "--version", "run {} --replicates 1"])
def test_an_output_that_cannot_be_written_is_told(scenario, command, buffered):
    done = by_shell(f"PYTHONUNBUFFERED={buffered} {COMMAND} {command.format(scenario)} >{FULL}")
    assert done.returncode == 1
    assert done.stderr.startswith("senescape: the output cannot be printed: No space left on device")
    assert len(done.stderr.splitlines()) == 1
    assert ("--out FILE keeps the result" in done.stderr) == command.startswith("run")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("also", ["", f"2>{FULL}", "--json"])
def test_a_result_is_kept_though_it_cannot_be_printed(scenario, tmp_path, also, buffered):
    out = tmp_path / "r.npz"
    run = f"PYTHONUNBUFFERED={buffered} {COMMAND} run {scenario} --replicates 2 --seed 1"
    done = by_shell(f"{run} --out {out} {also} >{FULL}")
    assert done.returncode == 1
    assert len(open_result(out).replicate) == 2
    if "2>" not in also:
        assert done.stderr.splitlines() == [
            f"senescape: the output cannot be printed: No space left on device; the result is kept in {out}"
        ]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_messages_that_cannot_be_written_change_no_exit_code(scenario, tmp_path):
    whole = by_shell(f"{COMMAND} run {scenario} --replicates 1 --seed 1")
    done = by_shell(f"{COMMAND} run {scenario} --replicates 1 --seed 1 --out {tmp_path / 'r'} 2>{FULL}")
    assert (done.returncode, done.stdout) == (0, whole.stdout)
    assert by_shell(f"PYTHONUNBUFFERED= {COMMAND} nonsense 2>{FULL}").returncode == 2
    assert by_shell(f"PYTHONUNBUFFERED= {COMMAND} run no-such-scenario 2>{FULL}").returncode == 2


def test_a_pipe_that_is_closed_is_told(scenario, tmp_path):
    out = tmp_path / "r.npz"
    read, write = os.pipe()
    os.close(read)
    command = [COMMAND, "run", scenario, "--replicates", "1", "--out", out]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == f"senescape: the output cannot be printed: Broken pipe; the result is kept in {out}\n"
    assert len(open_result(out).replicate) == 1


@pytest.mark.parametrize("command", ["presets", "plugins list", "--help"])
def test_a_list_whose_reader_has_seen_enough_is_no_error(command):
    done = by_shell(f"({COMMAND} {command}; echo code $? >&2) | true")
    assert done.stderr == "code 0\n"


def test_a_result_that_cannot_be_saved_is_printed(scenario, tmp_path, monkeypatch, capsys):
    def full(self, path):
        raise ResultError(f"the result cannot be written to {path}: No space left on device")

    monkeypatch.setattr(Result, "save", full)
    assert main(["run", scenario, "--replicates", "3", "--json", "--out", str(tmp_path / "r.npz")]) == 2
    said = capsys.readouterr()
    assert len(json.loads(said.out)["outcomes"]["final"]) == 3
    assert "cannot be written to" in said.err


def test_the_page_of_claims_is_written_though_nothing_can_be_printed(tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["claims", "13", "--effort", "0.05", "--seed", "1", "--gallery", str(tmp_path)]) == 1
    assert (tmp_path / "claims.md").is_file()
