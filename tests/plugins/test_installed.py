"""Plugins that installed packages announce: one name, one package."""

import pytest
import senescape as sn
from senescape import cli, plugins
from senescape.plugins import installed

MODULE = """
import senescape as sn
from pathlib import Path

@sn.hookimpl
def senescape_modifiers():
    return [sn.Modifier("boost", of="escape", factor={factor})]

@sn.hookimpl
def senescape_presets():
    return {{{preset!r}: Path(__file__).with_name("preset.toml")}}
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package that announces a plugin, in a folder of its own at the end of the path."""

    def install(package, name, factor=1.0, preset=None):
        module = package.replace("-", "_")
        folder = tmp_path / package
        info = folder / f"{module}-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[senescape.plugins]\n{name} = {module}.plugin\n")
        (folder / module).mkdir()
        (folder / module / "__init__.py").touch()
        (folder / module / "plugin.py").write_text(MODULE.format(factor=factor, preset=preset or package))
        (folder / module / "preset.toml").write_text("initial = {cycling = 1}\nuntil = 1.0\n")
        monkeypatch.syspath_prepend(folder)
        installed._entry_points.cache_clear()

    yield install
    monkeypatch.undo()
    installed._entry_points.cache_clear()


def scenario(*names):
    return sn.Scenario(plugins=("biology", *names), initial={"senescent": 10}, until=1.0)


@pytest.mark.biology
def test_an_installed_plugin_is_found_with_its_version(install):
    install("pkg-one", "boost_a", 10.0)
    assert scenario("boost_a").model.modifiers[0].factor.value == 10.0
    assert scenario("boost_a").plugin_versions()["boost_a"] == "1.5"
    assert sn.load("pkg-one").until == 1.0


@pytest.mark.biology
@pytest.mark.parametrize("order", [("pkg-three", "pkg-four"), ("pkg-four", "pkg-three")])
def test_two_packages_with_one_name_are_refused(install, order, monkeypatch, capsys):
    for package in order:
        install(package, "boost_b")
    with pytest.raises(sn.PluginError, match="several plugins are named 'boost_b'") as caught:
        _ = scenario("boost_b").model
    assert "pkg-three 1.5 (pkg_three.plugin)" in str(caught.value)
    assert "pkg-four 1.5 (pkg_four.plugin)" in str(caught.value)
    assert "uninstall all but one, or name the module that is meant: 'pkg_" in str(caught.value)
    # All else works on: own presets, the list, and either module by its path.
    assert sn.load("mcf7-doxorubicin").plugins
    assert cli.main(["plugins", "list"]) == 0
    listed = capsys.readouterr().out
    assert "unclear: " in listed
    assert "pkg-three 1.5" in listed
    assert scenario("pkg_four.plugin").model.modifiers[0].name == "boost"
    monkeypatch.setenv(installed.NO_AUTOLOAD, "1")
    with pytest.raises(sn.PluginError, match="there is no plugin 'boost_b'"):
        _ = scenario("boost_b").model


@pytest.mark.biology
def test_an_own_name_stays_the_packages_own(install):
    install("pkg-five", "biology", 7.0)
    model = sn.Scenario(initial={"cycling": 2}, until=1.0)
    assert model.model.modifiers == ()
    assert sn.simulate(model, seed=1).provenance["plugins"] == {"biology": sn.__version__}
    assert plugins.known_plugins().count("biology") == 1
    assert plugins.plugin_version("senescape.biology") == sn.__version__


def test_a_registered_plugin_has_no_version_of_a_package():
    class Boost:
        @sn.hookimpl
        def senescape_modifiers(self):
            return []

    with plugins.registered("boost_c", Boost()) as name:
        assert plugins.plugin_version(name) == "unknown"


def test_an_announced_name_is_not_registered(install):
    install("pkg-six", "boost_d")
    with pytest.raises(sn.PluginError, match="'boost_d' is the name of an installed plugin"):
        sn.register_plugin("boost_d", object())


@pytest.mark.biology
def test_two_plugins_with_one_preset_are_refused(install):
    install("pkg-seven", "boost_e", preset="mcf7-doxorubicin")
    with pytest.raises(sn.PluginError, match="'biology' and 'boost_e' both ship a preset 'mcf7-doxorubicin'"):
        sn.load("mcf7-doxorubicin")
