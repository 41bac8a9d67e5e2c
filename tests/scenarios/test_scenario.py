"""Scenarios, plugins, presets and the command line."""

import json
import subprocess
import sys
import types
from types import SimpleNamespace

import pytest
import senescape as sn
from senescape import cli, plugins
from senescape.plugins import installed, registry
from senescape.plugins.hookspecs import Hooks, hookimpl
from senescape.plugins.registry import registered

pytestmark = pytest.mark.biology

SMALL = """
name = "small"
initial = { cycling = 50 }
until = "3 d"
every = "12 h"
[[pulses]]
drug = "doxorubicin"
concentration = 0.1
start = "1 d"
duration = "24 h"
"""


def test_presets_load_and_are_valid():
    shipped = sn.presets()
    assert {"mcf7-doxorubicin", "mda-mb-231-doxorubicin", "bt474-doxorubicin"} <= set(shipped)
    for name in shipped:
        assert sn.load(name).model.fates == ("cycling", "arrested", "senescent")


def test_a_scenario_runs_with_times_in_units():
    scenario = sn.Scenario.from_toml(SMALL)
    result = sn.simulate(scenario, replicates=2, seed=1)
    assert result.time[-1] == 72.0
    assert result.ledger.closes
    assert result.provenance["plugins"] == {"biology": sn.__version__}
    # What is given to the call wins.
    assert sn.simulate(scenario, until=24, replicates=1, seed=1).time[-1] == 24.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("untill = 3", "no such key.*'until'"),
        ('until = "3 parsecs"', "until.*not a time"),
        ("until = -3", "until.*greater than 0"),
        ('plugins = ["biologie"]', "did you mean 'biology'"),
        ("initial = { cyclin = 5 }", "did you mean 'cycling'"),
        ("initial = { cycling = -5 }", "initial.cycling"),
        ('[parameters]\n"escape.h00" = 1', "did you mean 'escape.h0'"),
        ('[parameters]\n"escape.h0" = -1', "outside its range"),
        ('[[doses]]\ndrug = "aspirin"\namount = 1\nat = 0', "'aspirin'"),
        ('[[doses]]\ndrug = "doxorubicin"\namount = -1\nat = 0', "doses.0.amount"),
        ('[[doses]]\ndrug = "doxorubicin"\namount = 1\nat = "-5 h"', "doses.0.at"),
        ("sync = 0", "sync"),
        ("until = true", "until: .*neither true nor false"),
        ("visits = true", "visits: .*neither true nor false"),
        ("max_cells = true", "max_cells: .*neither true nor false"),
        ("initial = { cycling = true }", "initial.cycling: .*neither true nor false"),
        ('[parameters]\n"escape.h0" = true', "parameters.escape.h0: .*neither true nor false"),
        ('[[doses]]\ndrug = "doxorubicin"\namount = true\nat = 0', "doses.0.amount: .*neither true nor false"),
        ("relapse = { above = false }", "relapse.above: .*neither true nor false"),
        ("x = [", "not TOML"),
    ],
)
def test_wrong_scenarios_name_the_place_and_the_fix(change, words, tmp_path, capsys):
    base = 'initial = { cycling = 5 }\nuntil = "3 d"\n'
    key = change.split(" = ")[0]
    kept = [line for line in base.splitlines() if not line.startswith(f"{key} =")]
    path = tmp_path / "wrong.toml"
    path.write_text(change + "\n" + "\n".join(kept) if "[" not in change[:2] else "\n".join(kept) + "\n" + change)
    assert cli.main(["validate", str(path)]) == 2
    assert __import__("re").search(words, capsys.readouterr().err)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_text('initial = { cycling = 5 }\nuntil = "3 d"\n', encoding="utf-8-sig")
    assert sn.load(path).until == 72.0


def test_a_scenario_goes_through_json_and_has_a_schema():
    scenario = sn.Scenario.from_toml(SMALL)
    assert sn.Scenario.model_validate_json(scenario.model_dump_json()) == scenario
    assert "pulses" in sn.Scenario.json_schema()["properties"]


def test_command_line(tmp_path, capsys):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    out = tmp_path / "out.npz"
    run = ["run", str(path), "--replicates", "2", "--seed", "3"]
    assert cli.main([*run, "--json", "--out", str(out), "--set", "escape.h0=0.01"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["seed"] == 3
    assert data["ledger"]["started"] == 100
    assert sn.open_result(out).provenance["parameters"]["escape.h0"] == 0.01
    assert cli.main(run) == 0
    assert "barrier" in capsys.readouterr().out
    assert cli.main(["presets"]) == 0
    assert "mcf7-doxorubicin" in capsys.readouterr().out
    assert cli.main(["validate", "mcf7-doxorubicin"]) == 0
    assert cli.main(["run", "no-such"]) == 2
    assert cli.main([*run, "--set", "escape.h0"]) == 2
    assert cli.main([*run, "--set", "escape.h0=-1"]) == 2


def test_the_installed_command_answers():
    done = subprocess.run(
        [sys.executable, "-m", "senescape.cli.main", "presets"], capture_output=True, text=True, check=True
    )
    assert "bt474-doxorubicin" in done.stdout


def plugin(monkeypatch, **hooks):
    module = types.ModuleType("test_plugin.module")
    for name, function in hooks.items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "test_plugin", types.ModuleType("test_plugin"))
    monkeypatch.setitem(sys.modules, "test_plugin.module", module)
    return ["biology", "test_plugin.module"]


def test_a_plugin_by_module_path_adds_its_parts(monkeypatch):
    @hookimpl
    def senescape_drugs():
        return [sn.Drug("navitoclax", half_life=17.0, route="oral")]

    @hookimpl
    def senescape_senolytics():
        return [
            sn.Senolytic("navitoclax", lambda cell, env, p: p.k * sn.hill(env.drug["navitoclax"], 0.3), {"k": 0.05})
        ]

    names = plugin(monkeypatch, senescape_drugs=senescape_drugs, senescape_senolytics=senescape_senolytics)
    model = plugins.assemble(names)
    assert "navitoclax.k" in model.parameters
    scenario = sn.Scenario(plugins=names, initial={"senescent": 200}, until=48.0)
    dosed = sn.simulate(scenario, doses=[sn.Dose("navitoclax", 1.0, at=0.0)], seed=1)
    assert dosed.ledger["intrinsic"].removed["senolysis"] > 0


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({"senescape_drug": hookimpl(lambda: [])}, "did you mean 'senescape_drugs'"),
        ({"senescape_drugs": lambda: []}, "not marked"),
        ({"senescape_drugs": hookimpl(lambda x=1: [])}, "arguments with defaults"),
        ({"senescape_drugs": hookimpl(lambda: 1 / 0)}, "senescape_drugs raised ZeroDivisionError"),
        ({"senescape_drugs": hookimpl(lambda: None)}, "must return a list"),
        (
            {"senescape_drugs": hookimpl(lambda: [sn.Drug("doxorubicin")])},
            "'biology' and 'test_plugin.module' both add",
        ),
    ],
)
def test_broken_plugins_are_named(monkeypatch, hooks, words):
    with pytest.raises(sn.PluginError, match=words):
        plugins.assemble(plugin(monkeypatch, **hooks))


def test_autoload_can_be_turned_off(monkeypatch):
    monkeypatch.setenv(installed.NO_AUTOLOAD, "1")
    assert set(plugins.known_plugins()) - set(registry._REGISTERED) == set(registry._OWN)


def test_every_hook_is_documented_with_an_example():
    for name, hook in vars(Hooks).items():
        if name.startswith("senescape_"):
            assert "Examples" in hook.__doc__, name


def test_parameters_are_addressed_by_plugin_too(tmp_path):
    scenario = sn.Scenario.from_toml(SMALL + '[parameters]\n"biology.escape.h0" = 0.125\n')
    assert scenario.model.parameters["escape.h0"].value == 0.125
    result = sn.simulate(scenario, params={"biology.escape.h0": 0.25}, seed=1)
    assert result.provenance["parameters"]["escape.h0"] == 0.25
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    assert cli.main(["run", str(path), "--replicates", "1", "--set", "biology.escape.h0=0.5"]) == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"biology.escape.h00": 1.0}, r"no parameter 'biology.escape.h00' \(did you mean 'biology.escape.h0'"),
        ({"biologie.escape.h0": 1.0}, "no parameter 'biologie.escape.h0'"),
        ({"biology.escape.h0": 1.0, "escape.h0": 2.0}, "are the same parameter; give it once"),
        ({"biology.escape.h0": -1.0}, "'biology.escape.h0'.*outside its range"),
    ],
)
def test_wrong_addresses_are_refused(values, words):
    with pytest.raises(sn.ModelError, match=words):
        sn.load("mcf7-doxorubicin").model.with_params(values)


def test_other_parameters_after_the_model_was_made_are_the_models_too():
    scenario = sn.load("mcf7-doxorubicin")
    assert scenario.model.parameters["escape.h0"].value != 0.5
    other = scenario.with_params({"escape.h0": 0.5})
    assert other.model.parameters["escape.h0"].value == other.parameters["escape.h0"] == 0.5
    assert scenario.model.parameters["escape.h0"].value != 0.5
    with pytest.raises(sn.ModelError, match=r"no parameter 'escape.h1'"):
        scenario.with_params({"escape.h1": 0.5})


def test_a_plugin_can_be_an_object(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})

    def escaped(result):
        return result.events[0, -1, [t.name for t in result.layout.transitions].index("escape")]

    class Opener:
        @hookimpl
        def senescape_modifiers(self):
            return [sn.Modifier("opener", of="escape", factor=1e4)]

    sn.register_plugin("opener", Opener())
    settings = {"initial": {"senescent": 500}, "until": 240.0, "every": 240.0}
    closed = sn.simulate(sn.Scenario(**settings), seed=1)
    opened = sn.simulate(sn.Scenario(plugins=("biology", "opener"), **settings), seed=1)
    assert escaped(opened) > escaped(closed) + 100
    assert opened.provenance["plugins"] == {"biology": sn.__version__, "opener": "unknown"}
    for name, thing, says in (
        ("biology", Opener(), "an installed plugin"),
        ("", Opener(), "must be a text"),
        ("x", 3, "no hooks"),
    ):
        with pytest.raises(sn.PluginError, match=says):
            sn.register_plugin(name, thing)


@pytest.mark.parametrize(
    "hooks",
    [
        {"senescape_modifiers": lambda: [sn.Modifier("m", of="secretion", factor=2.0)]},
        {"senescape_escapes": lambda: [sn.Escape("e", lambda cell, env, p: cell.signal["secretion"])]},
        {"senescape_escapes": lambda: [sn.Escape("e", lambda cell, env, p: env.drug["anakinra"])]},
        {"senescape_escapes": lambda: [sn.Escape("e", lambda cell, env, p: cell.il1)]},
    ],
)
def test_a_plugin_that_another_one_needs_is_named(monkeypatch, hooks):
    monkeypatch.setattr(registry, "_REGISTERED", {})
    provider = SimpleNamespace(
        senescape_signals=hookimpl(lambda: [sn.Signal("secretion", 1.0)]),
        senescape_drugs=hookimpl(lambda: [sn.Drug("anakinra", half_life=5.0)]),
        senescape_traits=hookimpl(lambda: [sn.Trait("il1", 1.0)]),
    )
    needy = SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})
    sn.register_plugin("provider", provider)
    sn.register_plugin("needy", needy)
    with pytest.raises(sn.ModelError, match=r"in the plugin 'needy'\n  the plugin 'provider' adds '\w+': name it too"):
        plugins.assemble(["biology", "needy"])
    assert plugins.assemble(["biology", "needy", "provider"])


def test_a_scenario_builds_on_another(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "mcf7-doxorubicin"\nuntil = "40 d"\n[parameters]\n"escape.h0" = 0.5\n')
    (tmp_path / "more.toml").write_text('base = "mine.toml"\nname = "more"\npulses = []\n')
    base, more = sn.load("mcf7-doxorubicin"), sn.load(tmp_path / "more.toml")
    assert (more.name, more.until, more.pulses) == ("more", 960.0, ())
    assert more.parameters == {**base.parameters, "escape.h0": 0.5}
    assert more.initial == base.initial
    (tmp_path / "a.toml").write_text('base = "b.toml"\n')
    (tmp_path / "b.toml").write_text('base = "a.toml"\n')
    with pytest.raises(sn.ScenarioError, match=r"in a circle, by '[ab].toml'"):
        sn.load(tmp_path / "a.toml")
    with pytest.raises(sn.ScenarioError, match="must be the name of a preset"):
        sn.Scenario.from_toml("base = 3\n")
    with pytest.raises(
        sn.ScenarioError, match=r"no preset and no file 'mcf8-doxorubicin'.*did you mean 'mcf7-doxorubicin'"
    ):
        sn.Scenario.from_toml('base = "mcf8-doxorubicin"\n')


def test_schedules_of_the_lines_differ_from_their_dose_series_by_treatment_alone():
    shipped = sn.presets()
    for line in ("mcf7", "bt474", "mda-mb-231"):
        base = sn.load(f"{line}-doxorubicin")
        for schedule, number in (("pulses", 3), ("interval", 2)):
            other = sn.load(f"{line}-doxorubicin-{schedule}")
            assert other.name in shipped
            assert other.parameters == base.parameters
            assert len(other.settings()["doses"]) == number


def test_a_changed_scenario_has_a_model_of_its_own():
    scenario = sn.load("mcf7-doxorubicin")
    before = scenario.model
    changed = scenario.with_params({"escape.h0": 0.5})
    assert changed.model.parameters["escape.h0"].value == 0.5
    assert scenario.model is before
    plain = sn.Scenario(initial={"cycling": 1}, until=1.0).model.parameters["escape.h0"].value
    assert scenario.model_copy(update={"parameters": {}}).model.parameters["escape.h0"].value == plain


def test_a_file_is_read_whatever_else_is_installed(tmp_path, monkeypatch):
    def broken():
        raise sn.PluginError("a plugin that nobody named is broken")

    monkeypatch.setattr("senescape.scenarios.scenario.preset_paths", broken)
    path = tmp_path / "s.toml"
    path.write_text('initial = { cycling = 1 }\nuntil = "1 d"\n')
    assert sn.load(str(path)).until == 24.0
    with pytest.raises(sn.ScenarioError, match=r"no file 'absent.toml'$"):
        sn.load("absent.toml")


def test_marks_pools_observables_and_presets_of_a_plugin_take_part(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_REGISTERED", {})
    (tmp_path / "mine.toml").write_text(
        'plugins = ["biology", "extra"]\ninitial = { senescent = 200 }\nuntil = 24\nevery = 12\n'
    )

    class Extra:
        @hookimpl
        def senescape_marks(self):
            return ["barcoded"]

        @hookimpl
        def senescape_pools(self):
            return [sn.Pool("debris", initial=2.0, rate=lambda env, p: -0.1 * env.pool["debris"])]

        @hookimpl
        def senescape_observables(self):
            return [sn.Observable("barcode", "senescent", lambda cell, env, p: cell.mark["barcoded"])]

        @hookimpl
        def senescape_presets(self):
            return {"extra-preset": tmp_path / "mine.toml"}

    sn.register_plugin("extra", Extra())
    assert "extra-preset" in sn.presets()
    result = sn.simulate(sn.load("extra-preset"), seed=1, rtol=1e-8)
    assert result.layout.pools == ("debris",)
    assert result.pools[0, -1, 0] == pytest.approx(2.0 * 2.718281828**-2.4, rel=1e-6)
    # Nothing raises the mark, so nobody has it.
    assert result.observables[0, -1, result.layout.observables.index("barcode")] == 0.0


@pytest.mark.parametrize("name", [5, None, b"mcf7-doxorubicin"])
def test_what_is_no_name_is_told(name):
    with pytest.raises(sn.ScenarioError, match="give a preset's name or the path of a file"):
        sn.load(name)


@pytest.mark.biology
@pytest.mark.parametrize("parameters", ["5", "[1]", "'x'"])
def test_parameters_of_the_wrong_kind_on_a_base_are_told(tmp_path, parameters):
    path = tmp_path / "s.toml"
    path.write_text(f'base = "mcf7-doxorubicin"\nparameters = {parameters}\n')
    with pytest.raises(sn.ScenarioError, match="parameters"):
        sn.load(path)


@pytest.mark.biology
@pytest.mark.parametrize("visits", ["0", "nan", "[-1]", "'weekly'"])
def test_what_is_wrong_with_visits_is_said_of_them(tmp_path, visits):
    path = tmp_path / "s.toml"
    path.write_text(f'plugins = ["biology"]\ninitial = {{ cycling = 1 }}\nuntil = 10\nvisits = {visits}\n')
    with pytest.raises(sn.ScenarioError, match="visits") as raised:
        sn.load(path)
    assert "function" not in str(raised.value)


@pytest.mark.parametrize("given", [{3: "/x"}, {"zz": 5}, ["zz"], None])
def test_presets_of_a_plugin_that_cannot_be_are_told_with_its_name(given):
    class Shipping:
        @sn.hookimpl
        def senescape_presets(self):
            return given

    with (
        registered("shipping", Shipping()),
        pytest.raises(sn.PluginError, match="plugin 'shipping': senescape_presets"),
    ):
        sn.presets()


@pytest.mark.biology
def test_a_plugin_of_the_package_has_a_name_of_its_own():
    with pytest.raises(sn.PluginError, match="comes with the package and is called 'biology'; write that"):
        sn.Scenario(plugins=("senescape.biology",), initial={"cycling": 1}, until=1.0).model  # noqa: B018
