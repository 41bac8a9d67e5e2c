"""The suite's report, where SENESCAPE_VERIFY_REPORT names a folder for it."""

import os
from pathlib import Path

import pytest

from ..conftest import SEED, VERIFY_N


@pytest.hookimpl
def pytest_sessionfinish(session):
    from .gates import COMPARED
    from .report import write

    if (folder := os.environ.get("SENESCAPE_VERIFY_REPORT")) and COMPARED:
        write(Path(folder), VERIFY_N, session.config.stash.get(SEED, 0), session.testsfailed)
