"""Results: tables, xarray, files."""

import json
import zipfile

import numpy as np
import pytest
import senescape as sn

from .models import RUN, everything


@pytest.fixture(scope="module")
def result():
    return sn.simulate(everything(), **RUN, replicates=3, seed=5)


def test_xarray_has_named_dimensions_and_units(result):
    data = result.to_xarray()
    assert data["counts"].dims == ("replicate", "time", "fate")
    assert data["deaths"].dims == ("replicate", "time", "cause")
    assert data["events"].dims == ("replicate", "time", "transition")
    assert data["drugs"].dims == ("time", "drug")
    assert data["time"].attrs["units"] == "h"
    assert data["counts"].sel(fate="cycling").isel(time=0).values.tolist() == [200] * 3
    assert json.loads(data.attrs["provenance"])["run"]["seed"] == 5


def test_pandas_has_a_row_for_each_replicate_and_time(result):
    table = result.to_pandas()
    assert list(table.columns[:4]) == ["replicate", "time", "cycling", "senescent"]
    assert len(table) == 3 * len(result.time)
    assert len(result.outcomes.to_pandas()) == 3


def test_a_saved_result_comes_back_the_same(result, tmp_path):
    path = result.save(tmp_path / "run")
    back = sn.open_result(path)
    for name in ("counts", "events", "pools", "observables", "drugs", "first_event"):
        np.testing.assert_array_equal(getattr(result, name), getattr(back, name))
    assert str(back.ledger) == str(result.ledger)
    assert back.provenance == json.loads(json.dumps(result.provenance))
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_and_foreign_files_are_plain_errors(result, tmp_path):
    path = result.save(tmp_path / "run.npz")
    whole = path.read_bytes()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:cut])
        with pytest.raises(sn.ResultError):
            sn.open_result(path)
    with pytest.raises(sn.ResultError, match="there is no file"):
        sn.open_result(tmp_path / "none.npz")
    np.savez(path, header=np.array(["x"], dtype=object))
    with pytest.raises(sn.ResultError):
        sn.open_result(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "hello")
    with pytest.raises(sn.ResultError):
        sn.open_result(path)
    with pytest.raises(sn.ResultError, match="cannot be written"):
        result.save(tmp_path / "no" / "such" / "place.npz")


def arrays_of(path):
    with np.load(path) as file:
        return {each: file[each] for each in file.files}


@pytest.mark.parametrize(
    ("name", "value"), [("counts", -2), ("events", -2), ("total_counts", -1), ("total_events", -1)]
)
def test_fewer_than_no_cells_are_a_plain_error(result, tmp_path, name, value):
    path = result.save(tmp_path / "run.npz")
    arrays = arrays_of(path)
    arrays[name].flat[0] = value
    np.savez(path, **arrays)
    with pytest.raises(sn.ResultError, match=f"{name} has {value}"):
        sn.open_result(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["layout"].update(initial=[]),
        lambda header: header["layout"].update(initial=[2**70] * len(header["layout"]["fates"])),
        lambda header: header["layout"].update(causes=[]),
        lambda header: header["layout"]["transitions"][0].__setitem__(1, "dead"),
        lambda header: header["layout"]["transitions"][0].__setitem__(2, "vanish"),
        lambda header: header["profile"]["costs"][0].update(cells=None),
        lambda header: header["profile"]["costs"][0].update(what=[[]]),
        lambda header: header["profile"]["costs"][0].update(seconds=""),
    ],
)
def test_names_and_costs_that_stand_for_nothing_are_a_plain_error(result, tmp_path, change):
    path = result.save(tmp_path / "run.npz")
    arrays = arrays_of(path)
    header = json.loads(str(arrays["header"]))
    change(header)
    np.savez(path, **{**arrays, "header": np.asarray(json.dumps(header))})
    with pytest.raises(sn.ResultError, match="holds one that cannot be"):
        sn.open_result(path)


def test_drugs_are_right_continuous(result):
    chemo = result.drugs[:, 0]
    assert chemo[result.time == 24.0] == 1.0
    assert chemo[result.time == 48.0] == 0.0


def test_tables_read_well(result):
    text = str(result.ledger)
    assert "barrier" in text
    assert "senolysis" in text
    assert "replicate" in str(result.outcomes)
    with pytest.raises(KeyError, match="no column 'x'"):
        result.outcomes["x"]
