"""The ledger of barriers: every cell is counted once, where it went."""

from dataclasses import replace

import numpy as np
import pytest
from senescape.results.ledger import Ledger, TransitionInfo

# Counts are powers of two, so that a sum says what is in it. "dish" holds two fates, the others one.
EVENTS = {
    TransitionInfo("grow", "a", "division", "a", None, None): 1,
    TransitionInfo("arrest", "a", "move", "b", None, None): 2,
    TransitionInfo("escape", "b", "move", "a", None, "hold"): 4,
    TransitionInfo("deepen", "b", "move", "c", None, None): 8,
    TransitionInfo("return", "c", "move", "b", None, "deep"): 16,
    TransitionInfo("lysis", "b", "death", None, "drug", "hold"): 32,
    TransitionInfo("more lysis", "b", "death", None, "drug", "hold"): 64,
    TransitionInfo("clear", "b", "death", None, "immune", "hold"): 128,
    TransitionInfo("age", "b", "death", None, "age", None): 256,
    TransitionInfo("bud", "b", "division", "b", None, None): 512,
    TransitionInfo("give off", "a", "division", "b", None, None): 1024,
    TransitionInfo("slip", "b", "division", "a", None, None): 2048,
    TransitionInfo("starve", "a", "death", None, "age", None): 4096,
    TransitionInfo("purge", "c", "death", None, "drug", "deep"): 8192,
    TransitionInfo("wash b", "b", "death", None, "wash", "dish"): 0,
    TransitionInfo("wash c", "c", "death", None, "wash", "dish"): 0,
}
GIVEN = {
    "transitions": list(EVENTS),
    "fates": ["a", "b", "c"],
    "barriers": ["hold", "deep", "dish"],
    "causes": ["drug", "immune", "age", "wash"],
    "initial": np.array([100_000, 5000, 20_000]),
    "events": np.array(list(EVENTS.values())),
    "final": np.array([98_979, 5038, 11_800]),
}


def test_a_barrier_counts_who_came_and_where_they_went():
    hold, deep, dish = Ledger.from_counts(**GIVEN).rows
    assert (hold.barrier, hold.met) == ("hold", 5000 + 2 + 16 + 512 + 2 * 1024)
    assert hold.removed == {"drug": 32 + 64, "immune": 128}
    assert (hold.elsewhere, hold.through, hold.held) == (256, 4 + 8 + 2048, 5038)
    assert (deep.barrier, deep.met, deep.removed) == ("deep", 20_000 + 8, {"drug": 8192})
    assert (deep.elsewhere, deep.through, deep.held) == (0, 16, 11_800)
    # What moves between its two fates neither meets it nor gets through.
    assert (dish.barrier, dish.met, dish.removed) == ("dish", 25_000 + 2 + 512 + 2 * 1024, {"wash": 0})
    assert (dish.elsewhere, dish.through, dish.held) == (32 + 64 + 128 + 256 + 8192, 4 + 2048, 5038 + 11_800)


def test_the_whole_tumour_is_counted():
    ledger = Ledger.from_counts(**GIVEN)
    assert ledger.deaths == {"drug": 32 + 64 + 8192, "immune": 128, "age": 256 + 4096, "wash": 0}
    assert (ledger.started, ledger.born) == (125_000, 1 + 512 + 1024 + 2048)
    assert (ledger.died, ledger.alive) == (sum(ledger.deaths.values()), 98_979 + 5038 + 11_800)
    assert ledger.closes


@pytest.mark.parametrize("change", [1, -1])
def test_one_cell_too_many_does_not_close(change):
    ledger = Ledger.from_counts(**GIVEN)
    for field in ("started", "born", "died", "alive"):
        assert not replace(ledger, **{field: getattr(ledger, field) + change}).closes
    for field in ("met", "elsewhere", "through", "held"):
        row = replace(ledger["hold"], **{field: getattr(ledger["hold"], field) + change})
        assert not row.closes
        assert not replace(ledger, rows=(row, *ledger.rows[1:])).closes
    assert not replace(ledger["hold"], removed={"drug": 96, "immune": 128 + change}).closes


@pytest.mark.parametrize("name", ["initial", "events", "final"])
def test_counts_of_another_model_are_refused(name):
    with pytest.raises(ValueError, match="zip"):
        Ledger.from_counts(**{**GIVEN, name: GIVEN[name][:-1]})


def test_a_barrier_is_found_by_name():
    ledger = Ledger.from_counts(**GIVEN)
    assert ledger["deep"] is ledger.rows[1]
    with pytest.raises(KeyError, match="no barrier 'skin'; the model has: hold, deep, dish"):
        ledger["skin"]
    with pytest.raises(KeyError, match="the model has: none"):
        replace(ledger, rows=())["skin"]


def test_it_prints_as_a_table():
    assert str(Ledger.from_counts(**GIVEN)).splitlines() == [
        "barrier     met  removed  elsewhere    held  through  removed by",
        "hold      7,578      224        256   5,038    2,060  drug 96, immune 128",
        "deep     20,008    8,192          0  11,800       16  drug 8,192",
        "dish     27,562        0      8,672  16,838    2,052  -",
        "all cells: 125,000 at the start + 3,585 born = 115,817 alive + 12,768 dead",
    ]
