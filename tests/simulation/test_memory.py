"""A limit on the memory of cells."""

import numpy as np
import pytest
import senescape as sn


def runaway():
    """It grows; replicates of few founders stay small for the horizons used here."""
    return sn.Model(
        fates=["a"],
        traits=[sn.Trait("x", sn.LogNormal(1.0, 0.3))],
        transitions=[sn.Division("a", lambda cell, env, p: 0.2 * cell.x / (0.5 + cell.x))],
    )


def test_a_runaway_population_ends_with_a_typed_error_that_says_what_to_do():
    with pytest.raises(
        sn.MemoryLimitError, match=r"max_memory = 20000000 bytes: replicate \d.* raise max_memory"
    ) as raised:
        sn.simulate(
            runaway(),
            initial={"a": 1000},
            until=500.0,
            seed=1,
            max_memory=20_000_000,
            max_cells=2**32 - 1,
            replicates=2,
        )
    assert len(raised.value.partial.replicate) == 0
    assert isinstance(raised.value, sn.SimulationError)


def crowded():
    return sn.Model(
        fates=["a"],
        transitions=[
            sn.Division("a", lambda cell, env, p: 0.05 * np.maximum(0.0, 1.0 - env.count["a"] / 20_000.0)),
            sn.Death("a", 0.005, "death"),
        ],
    )


def test_what_one_replicate_took_is_there_for_the_next(tmp_path):
    settings = {"initial": {"a": 1000}, "until": 240.0, "every": 12.0, "sync": 4.0, "seed": 3, "threads": 2}
    # Three times what a tumour takes: room for as many as there are threads.
    whole = sn.simulate(crowded(), **settings, replicates=40, max_memory=9_000_000)
    assert len(whole.replicate) == 40
    # A limit that was too low can be raised afterwards.
    path = tmp_path / "kept"
    with pytest.raises(sn.MemoryLimitError):
        sn.simulate(crowded(), **settings, replicates=40, max_memory=2_000_000, checkpoint=path)
    with pytest.raises(sn.MemoryLimitError):
        sn.resume(path)
    assert sn.resume(path, max_memory=9_000_000).sha256 == whole.sha256


def test_a_limit_that_is_not_reached_changes_nothing():
    settings = {"initial": {"a": 100}, "until": 30.0, "seed": 1, "replicates": 4}
    bare = sn.simulate(runaway(), **settings)
    assert sn.simulate(runaway(), **settings, max_memory=2**30).sha256 == bare.sha256
    for every in (0.01, 100.0):
        one = sn.simulate(runaway(), **settings, max_memory=2**30, sync=every if every > 1 else 5.0)
        assert one.counts.shape == bare.counts.shape


def test_what_a_large_replicate_took_is_given_back():
    """Each replicate alone fits; all of them, were nothing given back, would not."""
    settings = {"initial": {"a": 2000}, "until": 30.0, "seed": 1, "threads": 1}
    cells = int(sn.simulate(runaway(), **settings).counts[0, -1, 0])
    limit = int(cells * 100 * 2.5)
    assert len(sn.simulate(runaway(), **settings, replicates=10, max_memory=limit).replicate) == 10


@pytest.mark.parametrize("limit", [0, -1, 0.5, "2 GiB"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(sn.ModelError, match="max_memory"):
        sn.simulate(runaway(), initial={"a": 1}, until=1.0, max_memory=limit)
