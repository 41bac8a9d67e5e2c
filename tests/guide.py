"""Walk a guide: run its blocks in order in a fresh folder, and hold what they print against what it shows.

A block of `sh` is run by the shell. A block whose first line is a comment with a file's name is written to that file. Any other
block of `python` goes on in one session, which ends at the next block of `sh`. A block of `text` is what the block before it
prints; `...` in it stands for anything.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(sh|python|toml|text)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
_COMMANDS = {
    "senescape": "from senescape.cli.main import main; raise SystemExit(main())",
    "pytest": "import pytest; raise SystemExit(pytest.main())",
}
_MARK = "-- what the next block prints --"


@dataclass
class Step:
    """A block that does something, and what the guide says it prints."""

    kind: str
    text: str
    line: int
    shown: str | None = None


def steps_of(text: str) -> list[Step]:
    """The blocks of a guide."""
    steps: list[Step] = []
    for found in _BLOCK.finditer(text):
        kind, block = found.groups()
        if kind == "text":
            steps[-1].shown = block
        else:
            steps.append(Step("file" if _FILE.match(block) else kind, block, text[: found.start()].count("\n") + 1))
    return steps


def fresh_environment(folder: Path) -> dict[str, str]:
    """A virtual environment of its own beside this one's packages, with the commands, and pip kept off the network."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    for name, code in _COMMANDS.items():
        command = folder / "bin" / name
        command.write_text(f"#!{python}\n{code}\n")
        command.chmod(0o755)
    # The one that comes with Python may be too old to build with; the outer one is not.
    subprocess.run([python, "-m", "pip", "uninstall", "-qy", "setuptools"], check=True, capture_output=True)
    # With the .pth files in them, by which packages are installed where they lie.
    outer = [path for path in sys.path if path.endswith("site-packages")]
    own = next((folder / "lib").glob("python*/site-packages"))
    (own / "outer.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in outer))
    return {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        # pip reads this one the other way round: 0 is --no-build-isolation.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def walk(steps: list[Step], folder: Path, env: dict[str, str]) -> list[str]:
    """What each step prints. A step that fails is an error that names its line."""
    out: list[str] = []
    session: list[str] = []
    for number, step in enumerate(steps):
        if step.kind == "file":
            path = folder / _FILE.match(step.text)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
            out.append("")
            continue
        if step.kind == "sh":
            session = []
            command = ["sh", "-ec", step.text]
        else:
            # The session so far is run again: a new process for each block keeps what it prints apart.
            script = folder / f".session-{number}.py"
            script.write_text("\n".join([*session, f"print({_MARK!r})", step.text]))
            session.append(step.text)
            command = ["python", str(script)]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"line {step.line}:\n{step.text}\n{done.stdout}{done.stderr}"
        out.append(done.stdout.rpartition(f"{_MARK}\n")[2])
    return out


def agrees(shown: str, printed: str) -> bool:
    """Whether a step printed what the guide shows, but for spaces at the ends of lines."""
    left, right = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (shown, printed))
    return doctest.OutputChecker().check_output(left + "\n", right + "\n", doctest.ELLIPSIS)
