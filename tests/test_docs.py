"""The code in README and guides runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "docs/plugins.md"]


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{page}, block {number}", "exec"), names)
    # What a page shows as a test is a test.
    for name, function in list(names.items()):
        if name.startswith("test_"):
            function()


def test_toml_blocks_are_valid_scenarios():
    import tomllib

    import senescape as sn

    text = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        sn.Scenario.model_validate(tomllib.loads(block))


def test_every_hook_stands_in_the_guide():
    from senescape.hookspecs import Hooks

    guide = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    missing = [hook for hook in vars(Hooks) if hook.startswith("senescape_") and f"`{hook}`" not in guide]
    assert not missing
