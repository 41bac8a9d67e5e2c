"""The whole corpus, as files; on its own: opens each and tells what is wrong.

python -m tests.hostile.files [NAME ...]
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import senescape as sn
from senescape.simulation.checkpoint import MAGIC

from tests.hostile import archives, scenarios
from tests.hostile.watching import Seen, watch
from tests.models import RUN, everything


def corpus(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Write the files into a folder: kind, name and path of each."""

    def written(kind: str, ending: str, number: int, content: str | bytes) -> Path:
        path = folder / f"{kind}{number}{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    (folder / "evil").mkdir()
    (folder / "evil" / "__init__.py").write_text("open('marker', 'w')")
    (folder / "evil" / "plugin.py").write_text("import senescape\nopen('marker', 'w')")
    for i, (name, text) in enumerate(scenarios.corpus(folder)):
        yield "scenario", name, written("scenario", ".toml", i, text)

    settings = {**RUN, "until": 24.0, "every": 12.0, "initial": {"cycling": 20}, "replicates": 2, "seed": 1}
    path = folder / "good.checkpoint"
    sn.simulate(everything(), **settings, checkpoint=path, keep_cells=True).save(folder / "good.npz")
    with np.load(folder / "good.npz") as file:
        good = {name: file[name] for name in file.files}
    for i, (name, content) in enumerate(archives.results(good)):
        yield "result", name, written("result", ".npz", i, content)
    with np.load(io.BytesIO(path.read_bytes()[len(MAGIC) + 32 :])) as file:
        good = {name: file[name] for name in file.files}
    for i, (name, content) in enumerate(archives.checkpoints(good)):
        yield "checkpoint", name, written("kept", ".checkpoint", i, content)
    (folder / "pipe").unlink(missing_ok=True)
    for kind in ("result", "checkpoint"):
        for device in ("/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/mem", "pipe.toml", "."):
            yield kind, device, folder / device


def seen(folder: Path, names: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Seen]]:
    """Open each file of the corpus, or those whose names hold one of some texts."""
    for kind, name, path in corpus(folder):
        if not names or any(each in f"{kind} {name}" for each in names):
            yield kind, name, watch(kind, path)


def main() -> int:
    """Tell of each file that is not refused as it should be."""
    wrong, all_seen = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for kind, name, found in seen(Path(folder).resolve(), tuple(sys.argv[1:])):
            all_seen.append(found)
            wrong += found.fault is not None
            if found.fault is not None or sys.argv[1:]:
                print(f"{kind} {name!r}: {found.fault or (found.outcome, found.text[:500])}", flush=True)
    refused = sum(found.outcome == "refused" for found in all_seen)
    print(f"{len(all_seen)} files, {refused} refused, {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
