"""The mistakes of `make power` can still be made: their lines are in the engine."""

import pytest

from tools.seeded_bugs import BUGS, CORE, ROOT


@pytest.mark.parametrize("name", BUGS)
def test_the_line_is_there_once(name):
    bug = BUGS[name]
    assert (ROOT / CORE / bug.file).read_text(encoding="utf-8").count(bug.old) == 1
    assert bug.new != bug.old
