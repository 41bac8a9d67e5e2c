"""Results: tables, xarray, files."""

import json
import zipfile

import numpy as np
import pytest
import senescape as sn
from senescape.results.result import Result

from ..models import RUN, everything


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


BARE = {"initial": {"cell": 100}, "until": 50.0, "seed": 7}
GROWTH = sn.Division("cell", hazard=0.1)


def cells(*transitions, **more):
    return sn.Model(fates=["cell"], transitions=[GROWTH, *transitions], **more)


def without_replicates():
    """What an error's ``partial`` may be."""
    run = sn.simulate(cells(), **BARE)
    arrays = {name: array if name == "drugs" else array[:0] for name, array in run._arrays.items()}
    return Result(arrays, run.time, run.replicate[:0], run.layout, run.provenance, run.engine)


RESULTS = {
    "no death, drug, pool or observable": lambda: sn.simulate(cells(), **BARE, every=10.0),
    "a death": lambda: sn.simulate(cells(sn.Death("cell", 0.11, cause="tumör ")), **BARE),
    "no transition": lambda: sn.simulate(sn.Model(fates=["cell"], transitions=[]), **BARE),
    "no observation": lambda: sn.simulate(cells(), **BARE, observe=[]),
    "no replicate": without_replicates,
    "ended early": lambda: sn.simulate(cells(), **BARE, every=10.0, replicates=3, relapse=sn.Relapse(above=200)),
    "ended before it was looked at": lambda: sn.simulate(
        cells(), **BARE, observe=[49.0], relapse=sn.Relapse(above=200)
    ),
    "visits": lambda: sn.simulate(
        cells(visits=[sn.VisitRule("look", lambda visit, p: None)], drugs=[sn.Drug("μ")]), **BARE, visits=[9.0]
    ),
    "everything": lambda: sn.simulate(everything(), **RUN, replicates=2, seed=5),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_netcdf_file_holds_the_whole_dataset(name, tmp_path):
    import xarray

    data = RESULTS[name]().to_xarray()
    data.to_netcdf(tmp_path / "run.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "run.nc", engine="scipy") as back:
        assert back.load().identical(data)
    assert "provenance" in back.attrs
    assert ("counts" in data) == (name not in ("no observation", "no replicate"))


def test_a_tumour_that_was_never_looked_at_has_no_nadir():
    outcomes = RESULTS["ended before it was looked at"]().outcomes
    assert outcomes["stop"].tolist() == ["relapsed"]
    assert outcomes["nadir"].tolist() == [-1]
    assert np.isnan(outcomes["nadir_time"]).all()


def test_a_pool_has_not_the_unit_of_a_drug_of_its_name():
    model = cells(drugs=[sn.Drug("x", unit="uM")], pools=[sn.Pool("x", 1.0, lambda env, p: 0.1)])
    data = sn.simulate(model, **BARE).to_xarray()
    assert json.loads(data["drugs"].attrs["units"]) == {"x": "uM"}
    assert json.loads(data["pools"].attrs["units"]) == {"x": ""}


@pytest.mark.parametrize(
    "fates",
    [
        ["time", "b"],
        ["replicate", "b"],
        ["deaths_x", "b"],
        ["time", "fate_time"],
        ["deaths_x", "fate_deaths_x"],
        ["fate_time", "fate_fate_time", "time"],
    ],
)
def test_each_fate_and_cause_has_a_column_of_its_own_in_pandas(fates):
    causes = ["x", "time", "deaths_x"]
    deaths = [sn.Death(fates[1], 0.1, cause=cause, name=cause) for cause in causes]
    model = sn.Model(fates=fates, transitions=[sn.Transition("t", fates[0], fates[1], 0.1), *deaths])
    result = sn.simulate(model, initial={fates[0]: 50}, until=20, seed=1, every=10, replicates=2)
    table = result.to_pandas()
    assert table.columns.is_unique
    assert len(table.columns) == 2 + len(fates) + len(causes)
    assert table["replicate"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["time"].tolist() == [0, 10, 20] * 2
    for i, fate in enumerate(fates):
        taken = fate in ("time", "replicate") or fate.startswith(("deaths_", "fate_"))
        assert table[f"fate_{fate}" if taken else fate].tolist() == result.counts[:, :, i].ravel().tolist()
    for i, cause in enumerate(causes):
        assert table[f"deaths_{cause}"].tolist() == result.deaths[:, :, i].ravel().tolist()


@pytest.mark.parametrize("name", ["run", "run.1", "run.NPZ", "run.npz"])
def test_a_result_is_opened_by_the_name_that_it_was_saved_under(result, tmp_path, name):
    result.save(tmp_path / name)
    assert sn.open_result(tmp_path / name).sha256 == result.sha256


def test_a_file_that_is_there_is_opened_itself(result, tmp_path):
    other = sn.simulate(cells(), **BARE)
    other.save(tmp_path / "run.npz")
    result.save(tmp_path / "elsewhere").rename(tmp_path / "run")
    assert sn.open_result(tmp_path / "run").sha256 == result.sha256
    with pytest.raises(sn.ResultError, match=r"there is no file .*lost, nor lost\.npz beside it"):
        sn.open_result(tmp_path / "lost")


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
