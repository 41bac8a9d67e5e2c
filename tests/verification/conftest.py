"""The suite's report, where SENESCAPE_VERIFY_REPORT names a folder for it."""

import os
from pathlib import Path

import pytest

from ..conftest import SEED, VERIFY_N
from .gates import COMPARED


@pytest.hookimpl
def pytest_sessionfinish(session):
    folder = os.environ.get("SENESCAPE_VERIFY_REPORT")
    if folder and COMPARED:
        # Drawing takes a while to import.
        from .report import write

        write(Path(folder), VERIFY_N, session.config.stash.get(SEED, 0), session.testsfailed)
