"""A part of what `make trust PARTS=machine` does at length; and that cells which descend from nobody are seen."""

import numpy as np
import pytest

from tests.verification.lineages import Living, daughters, founders, unexplained
from tests.verification.machine import run_machine


@pytest.mark.biology
def test_runs_pauses_futures_and_trials_in_any_order():
    done = run_machine(150, each=30)
    assert sum(done.values()) >= 150


def test_cells_that_descend_from_nobody_are_seen():
    first = founders(3)
    grown = daughters(daughters(first.keys))
    clones = np.tile(first.clones, 4)
    some = [0, 4, 7, 11]
    fine = Living(grown[some], clones[some])
    assert unexplained(fine, first) == ""
    assert "another clone" in unexplained(Living(fine.keys, (fine.clones + 1) % 3), first)
    assert "one lineage key" in unexplained(Living(fine.keys[[0, 0]], fine.clones[[0, 0]]), first)
    strangers = Living(fine.keys ^ np.uint64(1), fine.clones)
    assert "descend from none" in unexplained(strangers, first, deepest=6)
    assert "no cell was met" in unexplained(strangers, first)
    assert "own ancestors" in unexplained(fine, Living(first.keys[[0, 0, 1, 2]], first.clones[[0, 0, 1, 2]]))
