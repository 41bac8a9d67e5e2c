"""Initial tumours from tables of single-cell measurements."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import senescape as sn
from senescape.cli.main import main
from senescape.plugins.registry import registered

pytestmark = pytest.mark.biology

N = 300


def shipped() -> Path:
    """The AnnData file that comes inside scanpy: 700 blood cells, 765 genes in `raw` as log1p, z-scores in `X`."""
    spec = importlib.util.find_spec("scanpy")
    if spec is None:
        pytest.skip("scanpy, whose data file this reads, is not installed")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "10x_pbmc68k_reduced.h5ad"


def opened():
    import anndata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return anndata.read_h5ad(shipped())


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "BCL2L1": rng.lognormal(1.0, 0.4, N),
            "MCL1": rng.lognormal(2.0, 0.6, N),
            "lamin": rng.random(N),
            "cluster": np.where(np.arange(N) % 3 == 0, "tumour", "stroma"),
            "batch": np.arange(N) % 2,
        }
    )
    frame.to_csv(tmp_path / "cells.csv", index=False)
    frame.to_csv(tmp_path / "cells.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "cells.parquet")
    return frame


def scenario(tmp_path, cells, cycling=N, more=""):
    path = tmp_path / "scenario.toml"
    path.write_text(f'initial = {{ cycling = {cycling} }}\nuntil = "2 d"\nevery = "1 d"\n{more}\n[cells]\n{cells}')
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_each_kind_of_table_reads_the_same(table, tmp_path, kind):
    found = sn.read_cells(
        tmp_path / f"cells.{kind}",
        {"bcl_xl": sn.Measured(column="BCL2L1", scale="median", times=1.2), "mcl1": "MCL1"},
        where={"cluster": "tumour", "batch": [0, 1]},
    )
    kept = table[table.cluster == "tumour"]
    assert np.allclose(found["bcl_xl"], 1.2 * kept.BCL2L1 / kept.BCL2L1.median(), rtol=1e-6)
    assert np.allclose(found["mcl1"], kept.MCL1, rtol=1e-6)
    assert found["mcl1"].dtype == np.float32


def test_founders_carry_what_was_measured(table, tmp_path):
    """Founders in the table's order, one each: seen where a plugin sees cells."""
    path = scenario(
        tmp_path,
        'file = "cells.parquet"\ntraits.mcl1 = "MCL1"\ntraits.bcl_xl = { column = "BCL2L1", scale = "mean" }\n',
        more="visits = [0.0]",
    )
    seen = {}

    class Look:
        @sn.hookimpl
        def senescape_visit(self, visit):
            seen["mcl1"] = np.array(visit.cells["cycling"].mcl1)
            seen["bcl_xl"] = np.array(visit.cells["cycling"].bcl_xl)

    one = sn.load(path)
    with registered("look-at-founders", Look()) as name:
        sn.simulate(one.model_copy(update={"plugins": ("biology", name)}), seed=1)
    assert np.array_equal(np.sort(seen["mcl1"]), np.sort(table.MCL1.to_numpy(np.float32)))
    assert np.allclose(np.corrcoef(seen["mcl1"], seen["bcl_xl"]), np.corrcoef(table.MCL1, table.BCL2L1), atol=1e-6)


@pytest.mark.parametrize("n", [100, 300, 1000])
def test_more_or_fewer_founders_than_rows_are_drawn_whole(table, tmp_path, n):
    path = scenario(tmp_path, 'file = "cells.csv"\nseed = 3\ntraits.mcl1 = "MCL1"\ntraits.bcl_xl = "BCL2L1"\n', n)
    founders = sn.load(path).founders
    rows = dict(zip(table.MCL1.to_numpy(np.float32).tolist(), table.BCL2L1.to_numpy(np.float32).tolist(), strict=True))
    drawn = list(zip(founders.columns["mcl1"].tolist(), founders.columns["bcl_xl"].tolist(), strict=True))
    assert len(drawn) == n
    assert all(rows[mcl1] == bcl_xl for mcl1, bcl_xl in drawn)
    times = np.unique(founders.columns["mcl1"], return_counts=True)[1]
    assert times.max() - times.min() <= 1 if n > N else times.max() == 1
    assert founders.columns["mcl1"].tolist() == sn.load(path).founders.columns["mcl1"].tolist()


def test_the_result_says_where_founders_came_from(table, tmp_path):
    path = scenario(tmp_path, 'file = "cells.csv"\ntraits.mcl1 = "MCL1"\n')
    made_by = sn.simulate(sn.load(path), seed=1).provenance
    assert made_by["cells"]["rows"] == N
    assert len(made_by["cells"]["sha256"]) == 64
    assert made_by["scenario"]["cells"]["file"].endswith("cells.csv")


def test_parameters_of_a_distribution_that_was_replaced_have_no_effect(table, tmp_path):
    more = "[parameters]\n'mcl1.initial.median' = 5.0\n'cycle.length' = 20.0"
    path = scenario(tmp_path, 'file = "cells.csv"\ntraits.mcl1 = "MCL1"\n', more=more)
    model = sn.load(path).model
    assert "mcl1.initial.median" not in model.parameters
    assert model.parameters["cycle.length"].value == 20.0


def test_what_is_measured_decides_who_dies(table, tmp_path):
    """The guard of a line with twice the MCL-1 holds more apoptosis off."""
    dead = []
    for times in (0.2, 2.0):
        cells = f'file = "cells.csv"\ntraits.mcl1 = {{ column = "MCL1", scale = "median", times = {times} }}\n'
        treated = "[[pulses]]\ndrug='doxorubicin'\nconcentration=0.3\nstart=0\nduration=24\n"
        path = scenario(tmp_path, cells, more="")
        text = path.read_text().replace('until = "2 d"', 'until = "15 d"') + treated
        path.write_text(text)
        result = sn.simulate(sn.load(path), replicates=4, seed=2)
        dead.append(result.ledger.deaths["apoptosis"])
    assert dead[0] > 1.3 * dead[1]


class TestAnnData:
    """The file inside scanpy, and one made here."""

    def test_genes_of_raw_are_read_back_from_logarithms(self):
        cells = opened()
        genes = [gene for gene in ("CST3", "FTL", "HLA-B") if gene in cells.raw.var_names]
        assert genes
        found = sn.read_cells(
            shipped(), {"mcl1": sn.Measured(column=tuple(genes), transform="expm1", scale="mean")}, layer="raw"
        )["mcl1"]
        values = np.expm1(np.asarray(cells.raw[:, genes].X.toarray(), dtype=np.float64)).mean(axis=1)
        assert np.allclose(found, values / values.mean(), rtol=1e-5)

    def test_annotations_choose_cells_and_are_traits(self):
        cells = opened()
        kind = cells.obs["bulk_labels"].value_counts().index[0]
        found = sn.read_cells(
            shipped(), {"depth": sn.Measured(column="percent_mito", scale="rank")}, where={"bulk_labels": kind}
        )["depth"]
        assert len(found) == (cells.obs["bulk_labels"] == kind).sum()
        assert 0 < found.min() <= found.max() < 1

    def test_a_scenario_runs_from_it(self, tmp_path):
        cells = (
            f"file = '{shipped()}'\nlayer = 'raw'\n"
            "traits.mcl1 = { column = 'FTL', transform = 'expm1', scale = 'mean' }\n"
        )
        result = sn.simulate(sn.load(scenario(tmp_path, cells)), seed=1)
        assert result.provenance["cells"]["rows"] == 700

    def test_scores_below_zero_are_no_levels(self, tmp_path):
        path = scenario(tmp_path, f"file = '{shipped()}'\ntraits.mcl1 = 'FTL'\n")
        with pytest.raises(sn.ModelError, match=r"trait 'mcl1' is -.* between 0 and inf"):
            sn.load(path).model  # noqa: B018

    def test_layers_missing_values_and_names_that_are_there_twice(self, tmp_path):
        import anndata

        x = np.array([[1.0, np.nan, 5.0], [2.0, 4.0, 6.0], [3.0, 8.0, 7.0]])
        cells = anndata.AnnData(x, obs=pd.DataFrame({"phase": ["G1", "S", "G1"]}, index=list("abc")))
        cells.var_names = ["A", "B", "B"]
        cells.layers["doubled"] = 2 * x
        cells.write_h5ad(tmp_path / "own.h5ad")
        assert sn.read_cells(tmp_path / "own.h5ad", {"a": "A"}, layer="doubled")["a"].tolist() == [2, 4, 6]
        with pytest.raises(sn.ScenarioError, match="several variables"):
            sn.read_cells(tmp_path / "own.h5ad", {"a": "B"})
        cells.var_names = ["A", "B", "C"]
        cells.write_h5ad(tmp_path / "own.h5ad")
        path = tmp_path / "own.h5ad"
        read = sn.read_cells(path, {"b": sn.Measured(column="B", missing="drop"), "c": "C"})
        assert read["b"].tolist() == [4, 8]
        assert read["c"].tolist() == [6, 7]
        assert sn.read_cells(path, {"b": sn.Measured(column="B", missing="median")})["b"].tolist() == [6, 4, 8]
        assert sn.read_cells(path, {"b": sn.Measured(column="B", missing=0.5)})["b"].tolist() == [0.5, 4, 8]
        with pytest.raises(sn.ScenarioError, match=r"missing in 1 of 3 cells, first in 'a'.*missing = 'drop'"):
            sn.read_cells(path, {"b": "B"})
        with pytest.raises(sn.ScenarioError, match=r"no layer 'doublet'.*did you mean 'doubled'"):
            sn.read_cells(path, {"b": "A"}, layer="doublet")
        with pytest.raises(sn.ScenarioError, match="no raw"):
            sn.read_cells(path, {"b": "A"}, layer="raw")


WRONG = {
    "no file": ('file = "cell.csv"\ntraits.mcl1 = "MCL1"', "no such file"),
    "another kind": ('file = "cells.xlsx"\ntraits.mcl1 = "MCL1"', "ends in '.xlsx'"),
    "a column that is not there": ('file = "cells.csv"\ntraits.mcl1 = "MCL2"', "no column 'MCL2'.*did you mean 'MCL1'"),
    "a trait that is not there": ('file = "cells.csv"\ntraits.mlc1 = "MCL1"', "trait 'mlc1'.*did you mean 'mcl1'"),
    "a text": ('file = "cells.csv"\ntraits.mcl1 = "cluster"', "column 'cluster'.*'tumour', which is no number"),
    "no traits": ('file = "cells.csv"\ntraits = {}', "cells.traits"),
    "an unknown key": ('file = "cells.csv"\ntraits.mcl1 = { column = "MCL1", scales = "mean" }', "no such key.*scale"),
    "an unknown scale": ('file = "cells.csv"\ntraits.mcl1 = { column = "MCL1", scale = "sd" }', "median"),
    "no such cells": ('file = "cells.csv"\ntraits.mcl1 = "MCL1"\nwhere = { cluster = "tumor" }', "there are: stroma"),
    "no such annotation": ('file = "cells.csv"\ntraits.mcl1 = "MCL1"\nwhere = { custer = "a" }', "mean 'cluster'"),
    "beyond a share": ('file = "cells.csv"\ntraits.chromatin_lock = "MCL1"', "between 0 and 1"),
    "a layer of a table": ('file = "cells.csv"\nlayer = "raw"\ntraits.mcl1 = "MCL1"', "for AnnData"),
    "an overflow": (
        'file = "cells.csv"\ntraits.mcl1 = { column = "MCL1", transform = "expm1", times = 1e38 }',
        "beyond single precision",
    ),
    "damaged": ('file = "damaged.parquet"\ntraits.mcl1 = "MCL1"', "cannot be read"),
    "damaged h5ad": ('file = "damaged.h5ad"\ntraits.mcl1 = "MCL1"', "cannot be read"),
    "empty": ('file = "empty.csv"\ntraits.mcl1 = "MCL1"', "has no cells"),
}


@pytest.mark.parametrize(("cells", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(table, tmp_path, capsys, cells, message):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no more than that")
    (tmp_path / "damaged.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n and nothing")
    (tmp_path / "empty.csv").write_text("MCL1\n")
    path = scenario(tmp_path, cells)
    with pytest.raises((sn.ScenarioError, sn.ModelError), match=f"(?s){message}"):
        sn.load(path).model  # noqa: B018
    assert main(["validate", str(path)]) == 2
    assert "cells" in capsys.readouterr().err


def test_another_number_of_founders_than_was_drawn_is_refused(table, tmp_path):
    path = scenario(tmp_path, 'file = "cells.csv"\ntraits.mcl1 = "MCL1"\n')
    with pytest.raises(sn.ModelError, match="300"):
        sn.simulate(sn.load(path), initial={"cycling": 50}, seed=1)


@pytest.mark.parametrize(
    ("text", "traits", "message"),
    [
        ("A,B\n1,2,3\n4,5,6\n", {"x": "A"}, "rows have more values than the first line has names"),
        ("A,A\n1,2\n3,4\n", {"x": "A"}, "'A' is the name of several columns"),
        ("A\n1\n2\nx\n", {"x": "A"}, "has 'x', which is no number"),
        (
            "A\n1e308\n1.5e308\n",
            {"x": {"column": "A", "scale": "mean"}},
            "the mean of A, read for the trait 'x', is inf",
        ),
        ("A\n1\n", {"x": {"column": "A", "low": 5, "high": 1}}, "low = 5 is above high = 1"),
        ("A\n1\n", {"x": {"column": "A", "missing": True}}, "missing"),
    ],
)
def test_tables_that_are_not_what_they_seem_are_refused(tmp_path, text, traits, message):
    path = tmp_path / "cells.csv"
    path.write_text(text)
    with pytest.raises(sn.ScenarioError, match=message):
        sn.read_cells(path, traits)


def test_a_name_beyond_what_files_may_have_is_told():
    with pytest.raises(sn.ScenarioError, match="cannot be read: File name too long"):
        sn.read_cells("a" * 300 + ".csv", {"x": "A"})
