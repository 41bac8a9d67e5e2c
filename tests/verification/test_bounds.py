"""No hazard exceeds its bound: random rules in the engine, which ends a run at the first that does."""

import pytest

from tools.random_rules import run_one


@pytest.mark.statistical
def test_random_rules_stay_within_their_bounds(fresh_seed):
    seen = sum(run_one(fresh_seed + i, cells=500) for i in range(40))
    # Enough to mean something; `make bounds` looks at a thousand million.
    assert seen > 500_000
