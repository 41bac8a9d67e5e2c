"""Archives: what we write we read, whatever it holds; and memory is looked at before it is taken."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import senescape as sn
from senescape.memory import available
from senescape.reading import DamagedError, unpack
from senescape.writing import pack

ARRAYS = {
    "numbers": {"a": np.arange(5.0), "b": np.array([[1, -2], [3, 4]], dtype=np.int64)},
    "by column": {"a": np.asfortranarray(np.arange(6.0).reshape(2, 3))},
    "texts": {"header": np.array('{"x": "\u00e4"}'), "empty": np.array(""), "many": np.array(["a", "bcd"])},
    "nothing": {"a": np.zeros((0, 3)), "b": np.zeros((2, 0, 4), dtype=np.uint8), "c": np.array(3.0)},
    "truths": {"a": np.array([True, False]), "b": np.zeros(3, dtype=np.float32)},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_packed_is_unpacked(name):
    arrays = ARRAYS[name]
    content = pack(arrays)
    again = unpack(io.BytesIO(content))
    assert list(again) == list(arrays)
    with np.load(io.BytesIO(content)) as numpy:
        for each, array in arrays.items():
            for read in (again[each], numpy[each]):
                assert (read.dtype, read.shape) == (array.dtype, array.shape)
                assert np.array_equal(read, array)


def test_what_packs_too_well_is_still_read():
    # What is all zeros packs a thousandfold, which would be taken for a bomb.
    arrays = {
        "zeros": np.zeros(12_000_000),
        "few": np.zeros(200_000),
        "header": np.array("[" + "1," * 3_000_000 + "1]"),
    }
    content = pack(arrays)
    again = unpack(io.BytesIO(content))
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())
    assert len(content) < 30_000_000
    bomb = io.BytesIO()
    np.savez_compressed(bomb, a=np.zeros(12_000_000))
    with pytest.raises(DamagedError, match="claims to unpack"):
        unpack(bomb)


def test_a_part_that_is_damaged_is_told():
    content = bytearray(pack({"a": np.random.default_rng(1).random(1000)}))
    content[500] ^= 1
    with pytest.raises(DamagedError):
        unpack(io.BytesIO(bytes(content)))


def test_a_result_that_would_not_fit_is_refused_before_it_runs():
    model = sn.Model(fates=["a"], transitions=[sn.Death("a", 0.1, "x")])
    with pytest.raises(sn.ModelError, match=r"2,147,483,647 replicates at 101 times would take .* GiB"):
        sn.simulate(model, initial={"a": 10}, until=10.0, seed=1, replicates=2**31 - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")
def test_memory_that_is_left_is_known():
    assert 2**26 < available() < 2**50
    # A limit of the process counts, and a run that would pass it ends in good order, though it named none itself.
    code = """
import json, resource, senescape as sn
from senescape.memory import available
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
model = sn.Model(
    fates=["a"],
    traits=[sn.Trait(f"x{i}", sn.LogNormal(1.0, 0.3)) for i in range(4)],
    transitions=[sn.Division("a", lambda cell, env, p: 0.2 * cell.x0 / (0.5 + cell.x1) + 0.0 * (cell.x2 + cell.x3))],
)
left = available()
try:
    sn.simulate(model, initial={"a": CELLS}, until=1e4, every=1e3, seed=1, max_cells=2**32 - 1, sync=1.0, threads=1)
except sn.MemoryLimitError as error:
    print(json.dumps({"left": left, "text": str(error)}))
"""
    for cells in (1000, 100_000_000):
        given = [sys.executable, "-c", code.replace("CELLS", str(cells))]
        done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=120)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert "max_memory" in said["text"]
        assert said["left"] < 2**30
