"""The command line where things are not as one would wish."""

import subprocess
import sys
from pathlib import Path

import pytest
from senescape.cli import main

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
    monkeypatch.setattr(sys.modules["senescape.simulate"], "simulate", lambda *args, **settings: pytest.fail("it ran"))
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
        assert "longer than names of files can be" in said or "is no path" in said


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
