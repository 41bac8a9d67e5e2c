"""The plugin packages of this repository, all together, and the hooks that they and the built-in plugins use."""

import re
from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from senescape.biology import hooks as _  # noqa: F401 - the built-in plugins are imported as they are found
from senescape.plugins.hookspecs import Hooks
from senescape.plugins.registry import known_plugins, load_plugin

pytestmark = pytest.mark.biology

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").exists())
HOOKS = [name for name in vars(Hooks) if name.startswith("senescape_")]


def test_all_packages_are_installed():
    assert len(PACKAGES) >= 6
    missing = set(PACKAGES) - set(known_plugins())
    assert not missing, f"pip install {' '.join(f'./plugins/{name}' for name in sorted(missing))}"


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_documented_used_and_tested(hook):
    documented = getattr(Hooks, hook).__doc__
    assert "Examples" in documented
    assert f"`{hook}`" in (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    users = [name for name in known_plugins() if hasattr(load_plugin(name), hook)]
    assert users, f"no plugin uses {hook}"
    tests = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "plugins").glob("*/tests/*.py")]
    assert any(hook in path.read_text(encoding="utf-8") for path in tests if path != Path(__file__))


def everything(**more):
    day = 24.0
    doses = [
        {"drug": "navitoclax", "amount": 1.0, "at": 8 * day, "repeat": 5},
        {"drug": "anti_pd_1", "amount": 1.0, "at": 5 * day},
        {"drug": "car_t_infusion", "amount": 2.0, "at": 6 * day},
        {"drug": "nk_boost", "amount": 1.0, "at": 6 * day, "repeat": 5},
        {"drug": "dr5_agonist", "amount": 2.0, "at": 9 * day},
        {"drug": "cflip_suppressor", "amount": 2.0, "at": 9 * day, "repeat": 5},
        {"drug": "demethylase_inhibitor", "amount": 1.0, "at": 4 * day, "repeat": 10},
    ]
    return sn.Scenario(
        plugins=("biology", "immunity", *PACKAGES, "senescape-bh3-limit"),
        initial={"cycling": 2000},
        until=30 * day,
        every=day,
        sync=12.0,
        visits=7 * day,
        doses=doses,
        pulses=[{"drug": "doxorubicin", "concentration": 0.2, "start": day, "duration": day}],
        **more,
    )


def test_one_scenario_uses_all_of_them():
    result = sn.simulate(everything(), seed=1, replicates=2, threads=2)
    assert result.ledger.closes
    events = dict(
        zip([t.name for t in result.layout.transitions], result.events[:, -1].sum(axis=0).tolist(), strict=True)
    )

    def happened(pattern):
        return sum(n for name, n in events.items() if re.match(pattern, name))

    for pattern in ("bh3_mimetics", "t_cell", "nk_cell", "car_t", "dr5", "heterochromatin", "arrest", "senescence"):
        assert happened(pattern) > 0, pattern
    # What the adaptive plugin ordered beside the plan.
    planned = 5 * 2
    assert (result.doses["drug"] == "navitoclax").sum() > planned
    assert set(result.provenance["plugins"]) >= set(PACKAGES)


def test_their_order_changes_nothing():
    scenario = everything()
    other = sn.Scenario.model_validate({**scenario.model_dump(), "plugins": tuple(reversed(scenario.plugins))})
    one, two = (sn.simulate(each, seed=3, until=240.0) for each in (scenario, other))
    np.testing.assert_array_equal(np.sort(one.events[0, -1]), np.sort(two.events[0, -1]))
    np.testing.assert_array_equal(one.counts, two.counts)
