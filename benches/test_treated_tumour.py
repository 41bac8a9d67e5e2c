"""The treated tumour under pytest-benchmark: `pytest benches` (see `make bench`). One thread, the same cells for each tool."""

import pytest

from benches.peers.treated_tumour import cells, make_numba, run_numpy
from benches.workload_a import run_senescape, tumour

CELLS = 200_000


@pytest.fixture(scope="module")
def traits():
    return cells(CELLS, seed=1)


@pytest.fixture
def tool(request, traits):
    if request.param == "senescape":
        model = tumour(traits)
        return lambda: run_senescape(model, CELLS, 1)
    if request.param == "numba":
        run_numba = make_numba()
        run_numba(cells(10, seed=1), 0)
        return lambda: run_numba(traits, 1)
    return lambda: run_numpy(traits, 1)


@pytest.mark.benchmark(group="treated tumour, 200,000 cells, 30 days")
@pytest.mark.parametrize("tool", ["senescape", "numba", "numpy"], indirect=True)
def test_treated_tumour(benchmark, tool):
    counts = benchmark.pedantic(tool, rounds=5, warmup_rounds=1)
    # A fine step gives about these; far more than its noise would be a wrong answer, fast.
    assert counts == pytest.approx([158_833, 24_700, 880], rel=0.2)
    assert counts[0] == pytest.approx(158_833, rel=0.01)
