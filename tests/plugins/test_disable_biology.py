"""SENESCAPE_DISABLE_BIOLOGY=1 leaves an engine that knows no biology: nothing built in goes round the hooks."""

import pytest
import senescape as sn
from senescape.cli.main import main
from senescape.plugins.registry import known_plugins, own_plugins, registered


@pytest.fixture(autouse=True)
def without_biology(monkeypatch):
    monkeypatch.setenv("SENESCAPE_DISABLE_BIOLOGY", "1")
    # Packages that are installed beside it are not its own.
    monkeypatch.setenv("SENESCAPE_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.parametrize("name", ["biology", "immunity", "senescape.biology"])
def test_its_plugins_are_gone(name):
    assert own_plugins() == []
    assert "biology" not in known_plugins()
    with pytest.raises(sn.PluginError, match="SENESCAPE_DISABLE_BIOLOGY"):
        sn.Scenario(plugins=(name,), initial={"cycling": 1}, until=1.0).model  # noqa: B018
    assert sn.parameters().rows == 0


def test_its_presets_are_gone(capsys):
    assert sn.presets() == {}
    assert main(["run", "mcf7-doxorubicin"]) == 2
    assert "mcf7-doxorubicin" in capsys.readouterr().err


def test_the_engine_runs():
    model = sn.Model(fates=["cell"], transitions=[sn.Division("cell", 0.1), sn.Death("cell", 0.1, "death")])
    result = sn.simulate(model, initial={"cell": 100}, until=48.0, every=12.0, replicates=10, seed=1)
    assert result.ledger.deaths["death"] > 0


def test_a_scenario_of_other_plugins_runs():
    class Own:
        @sn.hookimpl
        def senescape_fates(self):
            return ["cell"]

        @sn.hookimpl
        def senescape_transitions(self):
            return [sn.Division("cell", 0.1), sn.Death("cell", 0.1, "death")]

    with registered("own-biology", Own()) as name:
        scenario = sn.Scenario(plugins=(name,), initial={"cell": 100}, until=48.0, every=12.0)
        assert sn.simulate(scenario, replicates=10, seed=1).ledger.deaths["death"] > 0
