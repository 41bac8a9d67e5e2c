"""`senescape plugins` and `senescape new-plugin`."""

import json
import subprocess
import sys
import venv

import pytest
import senescape as sn
from senescape import cli, plugins
from senescape.plugins.describe import describe_plugin
from senescape.plugins.scaffold import KINDS, new_plugin

pytestmark = pytest.mark.biology


def test_every_parameter_is_shown_under_its_full_name():
    shown = {
        name: param
        for parts in describe_plugin("biology").hooks.values()
        for part in parts
        for name, param in part.parameters.items()
    }
    assert shown == plugins.assemble(["biology"]).parameters


def test_plugins_are_listed_and_shown(capsys):
    assert cli.main(["plugins", "list"]) == 0
    assert "biology" in capsys.readouterr().out
    assert cli.main(["plugins", "show", "biology"]) == 0
    text = capsys.readouterr().out
    for words in (
        "senescape_escapes",
        "escape escape",
        "hazard = ",
        "np.exp(",
        "escape.h0 = ",
        "1/h",
        "fitted",
        "assumed",
    ):
        assert words in text, words
    assert cli.main(["plugins", "show", "biology", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    escape = described["hooks"]["senescape_escapes"][0]
    assert escape["name"] == "escape"
    assert escape["parameters"]["escape.h0"]["low"] == 0.0
    assert cli.main(["plugins", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["biology"] == sn.__version__


def test_a_reader_that_stops_early_is_no_error():
    show = f'{sys.executable} -c \'from senescape.cli.main import main; raise SystemExit(main(["plugins", "show", "biology"]))\''
    done = subprocess.run(
        ["sh", "-c", f"({show}; echo code $? >&2) | true"], capture_output=True, text=True, check=False
    )
    assert done.stderr == "code 0\n"


def test_an_unknown_plugin_is_refused(capsys):
    assert cli.main(["plugins", "show", "biologi"]) == 2
    assert "did you mean 'biology'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests(kind, tmp_path, monkeypatch):
    """As a module path, without an installation; the whole way is walked once below."""
    target = new_plugin(f"my-{kind}", kind, tmp_path)
    module = f"my_{kind}"
    monkeypatch.syspath_prepend(str(target))
    test = target / "tests" / f"test_{module}.py"
    # Without an entry point the plugin goes by its module path, which has a dot.
    test.write_text(test.read_text().replace(f'"biology", "my-{kind}"', f'"biology", "wrapped.{module}"'))
    (target / "wrapped").mkdir()
    (target / "wrapped" / "__init__.py").write_text("")
    (target / "wrapped" / f"{module}.py").write_text(f"# Hooks for senescape.\nfrom {module} import *  # noqa: F403\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=target, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_plugin_is_a_package_that_installs(tmp_path):
    target = new_plugin("demo", "senolytic", tmp_path)
    venv.create(tmp_path / "venv", with_pip=True, system_site_packages=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", str(target)]
    paths = "import site, sys; print(':'.join(p for p in sys.path if p))"
    outer = subprocess.run([sys.executable, "-c", paths], capture_output=True, text=True, check=True).stdout.strip()
    env = {"PYTHONPATH": outer, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(install, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    show = "from senescape.cli.main import main; import sys; sys.exit(main(['plugins', 'show', 'demo']))"
    shown = subprocess.run([python, "-c", show], env=env, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "demo 0.1.0" in shown.stdout
    assert "senolytic demo" in shown.stdout
    # Beside the package's folder, which has the module's name: the plugin is found, not the folder.
    beside = "import demo; print(demo.DRUG)"
    found = subprocess.run([python, "-c", beside], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "demo\n" in found.stdout, found.stderr
    tests = subprocess.run(
        [python, "-m", "pytest", "-q", "demo"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr


@pytest.mark.parametrize("name", ["", "1st", "My-Plugin", "a b", "class", "senescape", "../x", "x" * 80, "x/"])
def test_names_that_no_package_can_have_are_refused(name, tmp_path):
    with pytest.raises(sn.PluginError, match="cannot be a package's name"):
        new_plugin(name, "escape", tmp_path)


def test_nothing_is_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new-plugin", "mine", "--kind", "escape"]) == 0
    (tmp_path / "mine" / "README.md").write_text("mine")
    assert cli.main(["new-plugin", "mine"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"
