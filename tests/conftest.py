"""Shared by all tests."""

import os
import time

import pytest

VERIFY_N = int(os.environ.get("SENESCAPE_VERIFY_N", "4000"))


SEED = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def fresh_seed(pytestconfig) -> int:
    """A seed from the clock, printed with every failure: statistical tests never choose theirs."""
    seed = int(os.environ.get("SENESCAPE_SEED", time.time_ns() % 2**40))
    print(f"SENESCAPE_SEED={seed}")
    pytestconfig.stash[SEED] = seed
    return seed
