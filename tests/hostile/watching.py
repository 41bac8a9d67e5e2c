"""Open a file in a process of its own and look on: what it runs, how long it takes, how much memory."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import senescape as sn
from senescape.simulation.simulate import check

WRONG = frozenset(
    {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "socket.connect"}
)
"""What Python tells its auditors when a file has code run."""

SECONDS, BYTES = 2.0, 256 * 2**20


def open_scenario(path: str) -> None:
    """As ``senescape validate``; what is valid is run for a moment too."""
    scenario = sn.load(path)
    check(scenario)
    short = scenario.model_copy(update={"until": min(scenario.until, 24.0)})
    sn.simulate(short, replicates=1, seed=1, threads=1, progress=False, max_memory=2**26)


def open_result(path: str) -> None:
    """Read it, and look at all of it."""
    result = sn.open_result(path)
    str(result.ledger), str(result.outcomes), str(result.profile), repr(result)
    result.to_pandas()


def open_checkpoint(path: str) -> None:
    """Go on from it."""
    sn.resume(path, progress=False)


OPENERS: dict[str, Callable[[str], None]] = {
    "scenario": open_scenario,
    "result": open_result,
    "checkpoint": open_checkpoint,
}


@dataclass
class Seen:
    """What was seen while a file was opened."""

    outcome: str
    text: str
    seconds: float
    grown: int
    ran: list[str]

    @property
    def fault(self) -> str | None:
        """What is wrong with it, if anything is."""
        if self.outcome == "crash":
            return f"crash: {self.text}"
        if self.outcome == "other":
            return f"an error of no type of ours: {self.text}"
        if "internal error" in self.text or "panic" in self.text:
            return f"panic: {self.text}"
        if self.ran:
            return f"code ran: {self.ran}"
        if self.grown > BYTES:
            return f"{self.grown / 2**20:.0f} MiB"
        return None


def watch(kind: str, path: Path) -> Seen:
    """Open a file in a child, with its folder as the current one, and look on."""
    reader, writer = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            _child(kind, path, writer)
        finally:
            os._exit(9)
    os.close(writer)
    with os.fdopen(reader) as told:
        said = told.read()
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - begun
    if not said:
        return Seen("crash", f"status {status}", seconds, usage.ru_maxrss * 1024, [])
    return Seen(**{**json.loads(said), "seconds": seconds})


def _child(kind: str, path: Path, writer: int) -> None:
    signal.alarm(20)
    os.chdir(path.parent)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    sys.path.insert(0, "")
    ran: list[str] = []

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if event in WRONG or (written and ".checkpoint" not in str(arguments[0])):
            ran.append(f"{event} {arguments[:1]!r:.100}")

    # What is imported the first time counts as the package's own, not as the file's.
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    sys.addaudithook(audit)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome, text = "fine", ""
    try:
        OPENERS[kind](str(path))
    except sn.SenescapeError as error:
        outcome, text = "refused", str(error)
    except BaseException as error:
        outcome, text = "other", f"{type(error).__name__}: {error}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if Path("marker").exists():
        ran.append("a file was made")
    said = {"outcome": outcome, "text": text[:2000], "grown": grown, "ran": [*ran], "seconds": 0.0}
    with os.fdopen(writer, "w") as file:
        json.dump(said, file)
    os._exit(0)
