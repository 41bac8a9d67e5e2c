"""Broken plugins: each gets an error that names the plugin and what is wrong, and leaves the process usable."""

import itertools

import pytest
import senescape as sn

pytestmark = pytest.mark.biology

COUNT = itertools.count()

ESCAPE = """
def rule(cell, env, p):
    {body}

@sn.hookimpl
def senescape_escapes():
    return [sn.Escape("way_out", rule, params={{"k": 1.0}})]
"""


SLOW = """
def rule(cell, env, p):
    {body}

@sn.hookimpl
def senescape_escapes():
    return [sn.Escape("way_out", rule, traced=False)]
"""

VISIT = """
@sn.hookimpl
def senescape_visit(visit, p):
    {body}
"""


def way_out(body):
    return ESCAPE.format(body=body)


def slow(body):
    return SLOW.format(body=body)


def visit(body):
    return VISIT.format(body=body)


BROKEN = {
    # on import
    "raises on import": ("1 / 0", "cannot be imported: ZeroDivisionError.*1 / 0"),
    "does not compile": ("def broken(:", "cannot be imported: SyntaxError"),
    "imports what is not there": ("import no_such_module_at_all", "ModuleNotFoundError.*no_such_module_at_all"),
    "makes a wrong part on import": ("X = sn.Drug('x', half_life=-1)", "cannot be imported: ModelError.*half_life"),
    # hooks
    "misspelt hook": ("@sn.hookimpl\ndef senescape_drug():\n    return []", "'senescape_drug', which is no hook.*did you mean"),
    "unmarked hook": ("def senescape_drugs():\n    return []", "senescape_drugs is not marked; put @sn.hookimpl"),
    "hook with a default": ("@sn.hookimpl\ndef senescape_drugs(x=1):\n    return []", "arguments with defaults"),
    "hook with an argument": ("@sn.hookimpl\ndef senescape_drugs(model):\n    return []", "plugin.*senescape_drugs"),
    "raises in a hook": ("@sn.hookimpl\ndef senescape_drugs():\n    return [{}['x']]", "raised KeyError.*return \\[{}"),
    "returns None": ("@sn.hookimpl\ndef senescape_drugs():\n    pass", "returned NoneType; it must return a list"),
    "returns a text": ("@sn.hookimpl\ndef senescape_fates():\n    return 'a'", "returned str; it must return a list"),
    "returns the wrong type": ("@sn.hookimpl\ndef senescape_drugs():\n    return [3]", "with 3 in it; it must hold sn.Drug"),
    "returns a part for another hook": (
        "@sn.hookimpl\ndef senescape_senolytics():\n    return [sn.Escape('e', 0.1)]", "it must hold sn.Senolytic objects",
    ),
    # clashes
    "a drug of another's name": (
        "@sn.hookimpl\ndef senescape_drugs():\n    return [sn.Drug('doxorubicin')]", "'biology' and .* both add 'doxorubicin'",
    ),
    "a trait of another's name": (
        "@sn.hookimpl\ndef senescape_traits():\n    return [sn.Trait('damage', 0.0)]", "'biology' and .* both add 'damage'",
    ),
    "a transition of another's name": (
        "@sn.hookimpl\ndef senescape_escapes():\n    return [sn.Escape('escape', 0.1)]", "'biology' and .* both add 'escape'",
    ),
    "a modifier of nothing": (
        "@sn.hookimpl\ndef senescape_modifiers():\n    return [sn.Modifier('m', of='escpae', factor=2.0)]",
        "'m' multiplies 'escpae'.*did you mean 'escape'.*in the plugin",
    ),
    "a fate that is not there": (
        "@sn.hookimpl\ndef senescape_escapes():\n    return [sn.Escape('e', 0.1, target='cyclin')]",
        "names the fate 'cyclin'.*did you mean 'cycling'.*in the plugin",
    ),
    # tracing
    "raises while traced": (way_out("raise ValueError('no')"), "'way_out'.*raised ValueError: no.*raise Value.*plugin"),
    "branches on a cell value": (
        way_out("return 1.0 if cell.depth > 0.5 else 0.0"), "'way_out'.*a branch on.*cell.depth > 0.5.*np.where.*plugin",
    ),
    "returns nothing": (way_out("cell.depth * p.k"), "'way_out'.*returned None.*plugin"),
    "returns a text from a rule": (way_out("return 'x'"), "'way_out'.*returned something else.*plugin"),
    "returns an array": (way_out("return np.ones(3)"), "'way_out'.*array of shape.*plugin"),
    "mutates its inputs": (way_out("cell.depth = 0.0\n    return 1.0"), "'way_out'.*assigns to cell.depth.*plugin"),
    "adds in place": (way_out("x = cell.depth\n    x += 1.0\n    return x"), "'way_out'.*x \\+= 1.0.*plugin"),
    "reads a trait that is not there": (way_out("return cell.dept"), "'way_out'.*no trait 'dept'.*did you mean.*plugin"),
    "reads a parameter that is not there": (way_out("return p.kk"), "'way_out'.*no parameter 'kk'.*plugin"),
    "uses what cannot be traced": (way_out("return np.sort(cell.depth)"), "'way_out'.*np.sort cannot be traced.*plugin"),
    "calls math on a cell": (way_out("import math\n    return math.exp(cell.depth)"), "'way_out'.*float\\(.*np.exp.*plugin"),
    "builds an expression without end": (
        way_out("x = cell.depth\n    for i in range(200_000):\n        x = x * 1.0001 + i\n    return x"),
        "'way_out'.*operations.*look for a loop.*plugin",
    ),
    # runs
    "returns NaN": (way_out("return np.log(cell.depth - 5.0)"), "'way_out'.*(not a number|no finite bound).*in the plugin"),
    "returns a negative rate": (way_out("return cell.depth - 5.0"), "'way_out' is negative.*def rule.*in the plugin"),
    "returns infinity": (way_out("return 1.0 / (cell.depth * 0.0)"), "'way_out'.*(infinite|no finite bound).*in the plugin"),
    "returns a rate beyond reason": (
        "@sn.hookimpl\ndef senescape_transitions():\n    return [sn.Transition('spin', 'senescent', 'senescent', 1e30)]",
        "'spin'.*in the plugin",
    ),
    # the slow path
    "raises on the slow path": (slow("raise KeyError('no')"), "'way_out'.*raised KeyError.*raise KeyError.*in the plugin"),
    "returns the wrong shape": (slow("return cell.depth[:1]"), "'way_out'.*array of shape \\(1,\\).*in the plugin"),
    "returns nothing on the slow path": (slow("cell.depth"), "'way_out'.*returned None.*in the plugin"),
    "returns NaN on the slow path": (slow("return cell.depth * np.nan"), "'way_out'.*hazard nan at 0 h.*in the plugin"),
    "mutates columns": (slow("cell.depth[:] = 1.0\n    return 0.1"), "'way_out'.*read-only.*cell.depth\\[:\\].*in the plugin"),
    "never comes back from a rule": (slow("while True: pass"), "'way_out'.*took more than.*while True.*in the plugin"),
    # visits
    "loops without end in a visit": (visit("while True: pass"), "plugin.visit'.*took more than.*while True.*in the plugin"),
    "loops and swallows errors": (
        visit("while True:\n        try: x = 1\n        except Exception: pass"), "plugin.visit'.*took more than.*in the plugin",
    ),
    "raises in a visit": (visit("1 / 0"), "plugin.visit'.*ZeroDivisionError.*1 / 0.*in the plugin"),
    "orders a drug that is not there": (visit("visit.order('x', amount=1.0)"), "plugin.visit'.*the drug 'x'.*in the plugin"),
    "changes the tumour in a visit": (visit("visit.cells['senescent'].depth[0] = 1"), "plugin.visit'.*read-only.*in the plugin"),
    "takes the wrong arguments": ("@sn.hookimpl\ndef senescape_visit(tumour):\n    pass", "plugin.*senescape_visit"),
    "parameters for no visit": (
        "@sn.hookimpl\ndef senescape_visit_params():\n    return {}", "no senescape_visit to use them",
    ),
    "parameters that are none": (
        visit("pass") + "@sn.hookimpl\ndef senescape_visit_params():\n    return 3", "returned int; it must return a mapping",
    ),
}  # fmt: skip


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / f"broken_{next(COUNT)}"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    return folder


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_told_apart(what, package):
    text, words = BROKEN[what]
    (package / "plugin.py").write_text(f"import numpy as np\nimport senescape as sn\n{text}\n")
    name = f"{package.name}.plugin"
    scenario = sn.Scenario(plugins=("biology", name), initial={"senescent": 50}, until=48.0)
    with pytest.raises(sn.SenescapeError, match=f"(?s){words}") as failure:
        sn.simulate(scenario, seed=1, threads=1, call_limit=0.5, visits=24.0 if "senescape_visit(" in text else None)
    assert name in str(failure.value)
    # The process goes on as if nothing had been.
    sound = sn.Scenario(plugins=("biology",), initial={"senescent": 5}, until=1.0)
    assert sn.simulate(sound, seed=1, threads=1).ledger.closes
