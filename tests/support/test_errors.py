import inspect

import pytest
import senescape as sn
from senescape import errors

from ..bad_rates import cases


def test_one_root():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert {kind.__name__ for kind in kinds} == set(errors.__all__)
    assert all(issubclass(kind, sn.SenescapeError) for kind in kinds)


def test_what_is_caught_together():
    assert issubclass(sn.TraceError, sn.RuleError)
    assert issubclass(sn.RuleError, sn.ModelError)
    assert issubclass(sn.UnitError, sn.ModelError)
    assert issubclass(sn.MissingExtraError, ImportError)


def test_a_failed_run_may_hold_what_had_finished():
    assert sn.SimulationError("x").partial is None


@pytest.mark.parametrize("name", sn.__all__)
def test_public_names_are_there(name):
    if name in ("Scenario", "load", "presets", "hookimpl"):
        pytest.importorskip("pydantic")
    assert getattr(sn, name) is not None


def test_all_is_sorted_and_unique():
    assert len(set(sn.__all__)) == len(sn.__all__)
    assert sn.__dir__() == sn.__all__


def test_import_is_light():
    import subprocess
    import sys

    heavy = ("pydantic", "pluggy", "pandas", "xarray", "matplotlib", "scipy")
    code = f"import sys, senescape; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.what)
def test_a_rate_that_is_none_or_beyond_reason_is_told(case):
    told = case.told()
    assert case.sound or case.name in told
