"""The chromatin lock: an opener and a stabiliser."""

import numpy as np
from escape_runs import events, pulse, senescent

MANY = 40_000


def test_an_opener_lets_deep_cells_out_while_it_is_there():
    without = senescent(cells=MANY, days=40)
    given = senescent([pulse("hdac_inhibitor", 5.0, 10, 14)], cells=MANY, days=40)
    during, after = ([events(each, "escape", since=day) for each in (without, given)] for day in (10, 16))
    assert during[1] > 1.5 * during[0]
    assert after[1] < 2 * after[0]
    assert after[0] > 100


def test_an_opener_does_nothing_where_there_is_no_depth():
    shallow = {"chromatin_lock.initial.a": 0.05, "chromatin_lock.initial.b": 50.0}
    escapes = [
        events(senescent(doses, days=5, **shallow), "escape") for doses in ((), [pulse("hdac_inhibitor", 5.0, 0, 5)])
    ]
    assert abs(escapes[1] - escapes[0]) < 5 * np.sqrt(sum(escapes))
    assert min(escapes) > 500


def test_a_stabiliser_closes_the_lock_for_good():
    given = senescent([pulse("demethylase_inhibitor", 5.0, 0, 10)], days=40)
    without = senescent(days=40)
    depth = [each.observables[0, -1, each.layout.observables.index("depth")] for each in (without, given)]
    assert depth[1] > depth[0] + 0.1
    # The drug left on day 10: what it built stays, and the two arms differ after that.
    assert events(given, "escape", since=10) < 0.5 * events(without, "escape", since=10)


def test_both_drugs_work_against_each_other():
    both = [pulse("demethylase_inhibitor", 5.0, 0, 10), pulse("hdac_inhibitor", 5.0, 10, 14)]
    opened = events(senescent(both[1:], cells=MANY), "escape", since=10)
    assert events(senescent(both, cells=MANY), "escape", since=10) < 0.7 * opened
