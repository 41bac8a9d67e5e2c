"""The code in README and guides runs as it stands."""

import re
import sys
from pathlib import Path

import pytest

from tests import guide

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "docs/plugins.md",
    "docs/cells.md",
    "docs/experiments.md",
    "docs/trials.md",
    "docs/checkpoints.md",
]


@pytest.mark.biology
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


def test_the_guide_is_walked_as_it_stands(tmp_path):
    """From an empty folder to an installed, tested plugin; what it prints is what the guide shows."""
    steps = guide.steps_of((ROOT / "docs/first-senolytic.md").read_text(encoding="utf-8"))
    folder = tmp_path / "empty"
    folder.mkdir()
    printed = guide.walk(steps, folder, guide.fresh_environment(tmp_path / "venv"))
    for step, text in zip(steps, printed, strict=True):
        if step.shown is None:
            assert not text.strip(), f"line {step.line} prints what the guide does not show:\n{text}"
        else:
            assert guide.agrees(step.shown, text), f"line {step.line} prints:\n{text}\nthe guide shows:\n{step.shown}"


def test_a_walk_finds_what_is_wrong(tmp_path):
    blocks = {"python": ["# a/b.py\nx = 2", "y = 3", "print(y)"], "sh": ["python a/b.py"], "text": ["4"]}
    order = [("python", 0), ("sh", 0), ("python", 1), ("python", 2), ("text", 0)]
    page = "".join(f"```{kind}\n{blocks[kind][i]}\n```\n" for kind, i in order)
    steps = guide.steps_of(page)
    assert [(step.kind, step.shown) for step in steps] == [
        ("file", None), ("sh", None), ("python", None), ("python", "4\n"),
    ]  # fmt: skip
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    assert [text.strip() for text in guide.walk(steps, tmp_path, env)] == ["", "", "", "3"]
    assert not guide.agrees("4\n", "3\n")
    assert guide.agrees("2 passed in ...\n", "2 passed in 0.31s\n")
    for broken in ("```python\n1 / 0\n```\n", "```sh\nfalse\ntrue\n```\n"):
        with pytest.raises(AssertionError, match="line 1"):
            guide.walk(guide.steps_of(broken), tmp_path, env)


@pytest.mark.parametrize(
    "page", ["docs/plugins.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("plugins/*/README.md"))]
)
def test_toml_blocks_are_valid_scenarios(page):
    import tomllib

    import senescape as sn

    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        sn.Scenario.model_validate(tomllib.loads(block))


def test_every_hook_stands_in_the_guide():
    from senescape.plugins.hookspecs import Hooks

    guide = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    missing = [hook for hook in vars(Hooks) if hook.startswith("senescape_") and f"`{hook}`" not in guide]
    assert not missing
