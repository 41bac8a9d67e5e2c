"""What names, groups and gaps of tables of cells are read as."""

import warnings

import numpy as np
import pandas as pd
import pytest
import senescape as sn
from senescape._support.suggest import did_you_mean


def text(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def parquet(path, frame):
    frame.to_parquet(path)
    return path


def annotated(path, **columns):
    import anndata

    obs = pd.DataFrame(columns, index=[f"c{i}" for i in range(len(next(iter(columns.values()))))])
    anndata.AnnData(np.arange(1.0, len(obs) + 1).reshape(-1, 1), obs=obs).write_h5ad(path)
    return path


GROUPS = "drug,M\nNone,1\nDox,2\nNA,3\nnull,4\n,5\n"
NUMBERED = "cl,M\n01,1\n2,2\n,3\n"
TRUTHS = "s,M\nTrue,1\nFalse,2\n,3\n"


@pytest.mark.parametrize(
    ("content", "where", "wanted"),
    [
        (GROUPS, {"drug": "None"}, [1]),
        (GROUPS, {"drug": "NA"}, [3]),
        (GROUPS, {"drug": ["null", "Dox"]}, [2, 4]),
        (GROUPS, {"drug": "nan"}, None),
        (GROUPS, {"drug": ""}, None),
        (NUMBERED, {"cl": "01"}, [1]),
        (NUMBERED, {"cl": "1"}, None),
        (NUMBERED, {"cl": 1}, [1]),
        (NUMBERED, {"cl": "2"}, [2]),
        (NUMBERED, {"cl": 2.0}, [2]),
        (NUMBERED, {"cl": float("nan")}, None),
        (TRUTHS, {"s": True}, [1]),
        (TRUTHS, {"s": "False"}, [2]),
        ("g,M\ncafe\u0301,1\nbar,2\n", {"g": "caf\u00e9"}, [1]),
    ],
)
def test_groups_of_a_text_file_are_its_texts(tmp_path, content, where, wanted):
    path = text(tmp_path / "cells.csv", content)
    if wanted is None:
        with pytest.raises(sn.ScenarioError, match=r"no cell has .*there are: "):
            sn.read_cells(path, {"m": "M"}, where=where)
    else:
        assert sn.read_cells(path, {"m": "M"}, where=where)["m"].tolist() == wanted


@pytest.mark.parametrize(
    ("column", "asked", "wanted"),
    [
        ([1.0, None, 2.0], "1", [1]),
        ([1.0, None, 2.0], 2, [3]),
        (pd.array([1, None, 2], dtype="Int64"), "2", [3]),
        (np.array([0.1, 0.2, 0.2], dtype=np.float32), 0.2, [2, 3]),
        (pd.array([True, None, False], dtype="boolean"), True, [1]),
        (pd.array([True, None, False], dtype="boolean"), "False", [3]),
        (pd.Categorical(["1", None, "2"]), 1, [1]),
        (pd.Categorical(["None", None, "nan"]), "nan", [3]),
        (["a", None, "b"], "nan", None),
        (["a", None, "b"], "None", None),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "h5ad"])
def test_groups_of_typed_tables(tmp_path, kind, column, asked, wanted):
    if kind == "parquet":
        path = parquet(tmp_path / "cells.parquet", pd.DataFrame({"g": column, "0": [1.0, 2.0, 3.0]}))
    else:
        path = annotated(tmp_path / "cells.h5ad", g=pd.Categorical(column) if isinstance(column, list) else column)
    if wanted is None:
        with pytest.raises(sn.ScenarioError, match="there are: a, b"):
            sn.read_cells(path, {"m": "0"}, where={"g": asked})
    else:
        assert sn.read_cells(path, {"m": "0"}, where={"g": asked})["m"].tolist() == wanted


@pytest.mark.parametrize(
    "column",
    [
        pd.array([True, None, False], dtype="boolean"),
        pd.array([1, None, 0], dtype="Int64"),
        pd.Categorical([1, None, 0]),
        pd.Categorical(["1", None, "0"]),
        [1.0, None, 0.0],
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "h5ad"])
def test_a_gap_is_a_missing_value_whatever_the_type(tmp_path, kind, column):
    if kind == "parquet":
        path = parquet(tmp_path / "cells.parquet", pd.DataFrame({"s": column}))
    else:
        path = annotated(tmp_path / "cells.h5ad", s=column)
    assert sn.read_cells(path, {"m": sn.Measured(column="s", missing="drop")})["m"].tolist() == [1, 0]
    assert sn.read_cells(path, {"m": sn.Measured(column="s", missing=0.5)})["m"].tolist() == [1, 0.5, 0]
    with pytest.raises(sn.ScenarioError, match="missing in 1 of 3 cells"):
        sn.read_cells(path, {"m": "s"})


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.csv", "MCL1,MCL1\n1,2\n", "MCL1.1", r"no column 'MCL1\.1' \(did you mean 'MCL1'\?\)"),
        ("a.csv", ",A\nc1,2\n", "Unnamed: 0", "no column 'Unnamed: 0'"),
        ("a.csv", "A;B\n1,5;2,0\n3,5;4,0\n", "A", "'A;B', where semicolons separate the names; .csv needs commas"),
        ("a.csv", "A\tB\n1\t2\n", "B", "tabs separate the names"),
        ("a.tsv", "A,B\n1,2\n", "B", "commas separate the names; .tsv needs tabs"),
        ("a.csv", "# made today\nA,B\n1,2\n", "A", "the first line is '# made today'; take comments out"),
        ("a.csv", "A,B\n1,5,2,5\n", "A", "more values than the first line has names.*with a decimal point"),
        ("a.tsv", "A\tB\n1,5\t2,5\n", "A", "has '1,5', which is no number; write numbers with a decimal point"),
        ("a.csv", "\u00b5M\n1\n", "\u03bcM", r"did you mean '\u00b5M', written '\\xb5M'"),
        ("a.csv", "cafe\u0301,caf\u00e9\n1,2\n", "cafe\u0301\u0301", "no column"),
        ("a.csv", "A\n1e39\n1\n", "A", "trait 'm' of cell '0' is 1e"),
    ],
)
def test_names_that_a_text_file_lacks_are_explained(tmp_path, name, content, column, message):
    with pytest.raises(sn.ScenarioError, match=message):
        sn.read_cells(text(tmp_path / name, content), {"m": column})


def test_names_are_those_of_the_file(tmp_path):
    path = text(tmp_path / "a.csv", "A,A,A.1,cafe\u0301\n1,2,3,4\n")
    assert sn.read_cells(path, {"m": "A.1", "n": "caf\u00e9"}) == {"m": [3], "n": [4]}
    path = parquet(tmp_path / "a.parquet", pd.DataFrame({0: [1.0, 2.0]}, index=pd.Index(["x", "y"], name="cell")))
    assert sn.read_cells(path, {"m": "0"}, where={"cell": "y"})["m"].tolist() == [2]
    with pytest.raises(sn.ScenarioError, match=r"no column 'cel' \(did you mean 'cell'\?\)"):
        sn.read_cells(path, {"m": "0"}, where={"cel": "y"})


def test_a_folder_is_no_file(tmp_path):
    pd.DataFrame({"M": [1.0, 2.0], "c": ["a", "b"]}).to_parquet(tmp_path / "parts.parquet", partition_cols=["c"])
    with pytest.raises(sn.ScenarioError, match="is a folder; give one file"):
        sn.read_cells(tmp_path / "parts.parquet", {"m": "M"})


@pytest.mark.parametrize("values", [pd.to_datetime(["2024-01-01", None]), pd.to_timedelta(["1d", None])])
def test_times_are_no_numbers(tmp_path, values):
    path = parquet(tmp_path / "cells.parquet", pd.DataFrame({"t": values}))
    with pytest.raises(sn.ScenarioError, match="which is no number"):
        sn.read_cells(path, {"m": sn.Measured(column="t", missing="drop")})


def test_columns_of_lists_choose_no_cells(tmp_path):
    path = parquet(tmp_path / "cells.parquet", pd.DataFrame({"g": [["a"], ["b"]], "M": [1.0, 2.0]}))
    with pytest.raises(sn.ScenarioError, match="whose values are lists"):
        sn.read_cells(path, {"m": "M"}, where={"g": "a"})


def test_genes_elsewhere_and_of_an_annotations_name(tmp_path):
    import anndata

    warnings.simplefilter("ignore")  # of cells' names that are there twice
    whole = anndata.AnnData(np.arange(9.0).reshape(3, 3), obs=pd.DataFrame({"B": [7.0, 8.0, 8.0]}, index=list("xxy")))
    whole.var_names = ["A", "B", "C"]
    whole.obs.index.name = "barcode"
    whole.raw = whole.copy()
    part = whole[:, :2].copy()
    part.write_h5ad(tmp_path / "cells.h5ad")
    path = tmp_path / "cells.h5ad"
    with pytest.raises(sn.ScenarioError, match="no column 'C' in layer 'X'; it is in 'raw': give layer = 'raw'"):
        sn.read_cells(path, {"m": "C"})
    assert sn.read_cells(path, {"m": "C"}, layer="raw")["m"].tolist() == [2, 5, 8]
    with pytest.raises(sn.ScenarioError, match="'B' is the name of a variable and of an annotation"):
        sn.read_cells(path, {"m": "B"})
    assert sn.read_cells(path, {"m": "A"}, where={"B": 8})["m"].tolist() == [3, 6]
    assert sn.read_cells(path, {"m": "A"}, where={"barcode": "x"})["m"].tolist() == [0, 3]


def test_a_file_of_annotations_alone(tmp_path):
    import anndata

    obs = pd.DataFrame({"s": [1.0, 2.0]}, index=["a", "b"])
    anndata.AnnData(obs=obs).write_h5ad(tmp_path / "cells.h5ad")
    assert sn.read_cells(tmp_path / "cells.h5ad", {"m": "s"})["m"].tolist() == [1, 2]


def test_suggestions_tell_letters_apart_that_look_the_same():
    assert did_you_mean("\u03bcM", ["\u00b5M"]) == " (did you mean '\u00b5M', written '\\xb5M'?)"
    assert did_you_mean("cel", ["cell"]) == " (did you mean 'cell'?)"
