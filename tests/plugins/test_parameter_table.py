"""The table of all parameters, and the page that is written from it."""

from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from senescape.plugins.assembly import assemble
from senescape.plugins.parameter_table import to_markdown
from senescape.plugins.registry import own_plugins

pytestmark = pytest.mark.biology

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_every_parameter_of_the_model_is_in_it_and_no_other():
    table = sn.parameters()
    model = assemble(own_plugins())
    assert set(table["name"]) == set(model.parameters)
    for name, value in zip(table["name"], table["value"], strict=True):
        assert model.parameters[name].value == value


def test_every_default_says_where_it_comes_from():
    table = sn.parameters()
    for name, source in zip(table["name"], table["source"], strict=True):
        assert len(source) > 15, f"{name}: {source!r} says no source and no reason"
    assert np.all(table["low"] <= table["value"])
    assert np.all(table["value"] <= table["high"])
    assert 0 < table["assumed"].sum() < table.rows


def test_a_rule_that_reads_a_parameter_is_named():
    table = sn.parameters("biology")
    assert set(table["plugin"]) == {"biology"}
    row = list(table["name"]).index("cycle.length")
    assert table["used_by"][row] == "cycle, division, mitotic_catastrophe"
    assert len(table.to_pandas()) == table.rows


def test_the_page_is_the_code_s():
    assert PAGE.read_text(encoding="utf-8") == to_markdown(), "run `make parameters`"


@pytest.mark.parametrize("name", ["biolgy", 3])
def test_a_plugin_that_is_not_there_is_refused(name):
    with pytest.raises(sn.PluginError, match=str(name)):
        sn.parameters(name)
