"""What the project promises under faults, measured: each part prints its figure, its target, and PASS or FAIL.

    python -m tools.trust [PART ...] [--scale 1.0] [--seed N]

Parts: hashes, resume, sigint, sigkill, corruption, disk, rates, memory, limit, forged, hostile, machine. `--scale 0.1` runs a
tenth of the trials.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import senescape as sn
from senescape.simulation.checkpoint import MAGIC, read_checkpoint
from senescape.simulation.run_document import run_document
from senescape.simulation.simulate import execute

from tests.bad_rates import cases as bad_rates
from tests.models import RUN as SHORT
from tests.models import everything
from tools.random_rules import random_model, settings_of

RUN: dict[str, Any] = {**SHORT, "initial": {"cycling": 1500, "senescent": 2500}, "until": sn.days(120)}
"""Long enough to be stopped on its way."""

PARTS: dict[str, Callable[[Trials], Iterator[Figure]]] = {}


class Figure:
    """A figure with its target."""

    def __init__(self, what: str, value: float, target: str, passed: bool) -> None:
        self.what, self.value, self.target, self.passed = what, value, target, passed

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.what}: {self.value:g} (target {self.target})"


class Trials:
    """How many trials there are, where files go, and where chance comes from."""

    def __init__(self, scale: float, seed: int, folder: Path) -> None:
        self.scale, self.folder = scale, folder
        self.rng = np.random.default_rng(seed)

    def n(self, full: int) -> int:
        """So many trials, by the scale; at least one."""
        return max(1, round(full * self.scale))


def part(function: Callable[[Trials], Iterator[Figure]]) -> Callable[[Trials], Iterator[Figure]]:
    """Make a part of a function, under its name."""
    PARTS[function.__name__] = function
    return function


@part
def hashes(trials: Trials) -> Iterator[Figure]:
    """One SHA-256 over threads, blocks of cells, and ranges run apart."""
    n, same = trials.n(20), 0
    for _ in range(n):
        model, settings = random_model(trials.rng), settings_of(trials.rng)
        seed = int(trials.rng.integers(2**40))

        def run(threads: int = 1, block: int = 4096, first: int = 0, replicates: int = 6) -> sn.Result:
            document = run_document(model, settings, replicates, first, seed, threads, 1e-4)  # noqa: B023
            return execute(model, {**document, "block": block}, progress=False)  # noqa: B023

        whole = run()
        found = {whole.sha256}
        found |= {run(threads=threads).sha256 for threads in (2, 3, 4, 8)}
        found |= {run(block=block).sha256 for block in (1, 7, 64, 1000)}
        parts = [run(first=0, replicates=2), run(first=2, replicates=1), run(first=3, replicates=3)]
        merged = all(
            np.array_equal(
                np.concatenate([getattr(each, name) for each in parts]), getattr(whole, name), equal_nan=True
            )
            for name in ("counts", "events", "pools", "observables", "first_event")
        )
        same += len(found) == 1 and merged
    yield Figure(f"models with one hash, of {n}", same, "all", same == n)


CHILD = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import senescape as sn
from tools.trust import RUN, everything
seed, path, threads, replicates = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = everything()
sn.simulate(model, **{**RUN, "until": 24.0}, replicates=1, seed=1)
print("on", flush=True)
try:
    kept = {"checkpoint": path, "checkpoint_every": 0.02}
    result = sn.simulate(model, **RUN, replicates=replicates, seed=seed, threads=threads, **kept)
    print("done", flush=True)
except KeyboardInterrupt as stop:
    heard = time.time()
    partial = getattr(stop, "partial", None)
    again = sn.simulate(model, **{**RUN, "until": 24.0}, replicates=1, seed=1)
    print(json.dumps({"heard": heard, "kept": None if partial is None else len(partial.replicate),
                      "usable": len(again.replicate) == 1}), flush=True)
"""


def child(*arguments: object) -> subprocess.Popen[str]:
    """A process that runs a tumour and tells when it is on."""
    given = [sys.executable, "-c", CHILD, *map(str, arguments)]
    process = subprocess.Popen(given, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    return process


def stop_at_random(trials: Trials, path: Path, seed: int, threads: int, latest: float, by_kill: bool) -> None:
    """Begin a run and stop it: killed in a process of its own, which takes long to start, or within this one."""
    moment = trials.rng.uniform(0.0, latest)
    if by_kill:
        process = child(seed, path, threads, 12)
        time.sleep(moment)
        process.kill()
        process.communicate()
        return
    late = time.monotonic() + moment

    def look(finished: int) -> None:
        if time.monotonic() > late:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        settings = {**RUN, "replicates": 12, "seed": seed, "threads": threads, "progress": look}
        sn.simulate(everything(), **settings, checkpoint=path, checkpoint_every=0.02)


@part
def resume(trials: Trials) -> Iterator[Figure]:
    """Killed (SIGKILL) at random moments, resumed on as many threads or others: the same to the bit."""
    n, same, begun = trials.n(1000), 0, 0
    seed = int(trials.rng.integers(2**40))
    started = time.monotonic()
    whole = sn.simulate(everything(), **RUN, replicates=12, seed=seed, threads=2).sha256
    # Moments from the first on to where most of it is done.
    latest = max(0.3, 0.9 * (time.monotonic() - started))
    path = trials.folder / "resume"
    for i in range(n):
        threads = int(trials.rng.integers(1, 4))
        path.unlink(missing_ok=True)
        # A moment before there is a file is none to resume from: another, then.
        while not path.exists():
            stop_at_random(trials, path, seed, threads, latest, by_kill=i % 10 == 0)
        begun += bool(read_checkpoint(path).states)
        other = threads if i % 2 else threads + 1
        same += sn.resume(path, threads=other, progress=False).sha256 == whole
    yield Figure(f"resumed to the bit, of {n} stopped at random moments", same, "all", same == n)
    yield Figure("of them with tumours on their way", begun, "a third or more", begun >= n / 3)


@part
def sigint(trials: Trials) -> Iterator[Figure]:
    """Ctrl-C at random moments: heard soon, finished replicates kept, the module usable."""
    n, heard, usable, kept, waits = trials.n(200), 0, 0, 0, []
    for _ in range(n):
        (trials.folder / "sigint").unlink(missing_ok=True)
        # So many that none is over before the signal comes.
        process = child(int(trials.rng.integers(2**40)), trials.folder / "sigint", 2, 100)
        time.sleep(trials.rng.uniform(0.0, 0.3))
        sent = time.time()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[0].strip()
        try:
            said = json.loads(told)
        except json.JSONDecodeError:
            continue
        heard += 1
        usable += said["usable"]
        kept += said["kept"] is not None
        waits.append(said["heard"] - sent)
    yield Figure(f"KeyboardInterrupt, of {n}", heard, "all", heard == n)
    yield Figure("the module usable afterwards", usable, "all", usable == n)
    yield Figure("with what had finished", kept, "all that had begun", kept >= 0.9 * n)
    p99 = float(np.quantile(waits, 0.99)) * 1000
    yield Figure("99% are heard within (ms)", p99, "200", p99 <= 200)


@part
def sigkill(trials: Trials) -> Iterator[Figure]:
    """Killed while a checkpoint is written: the old file or the new one, whole."""
    path = trials.folder / "sigkill"
    sn.simulate(everything(), **{**RUN, "until": 48.0}, replicates=2, seed=1, checkpoint=path, keep_cells=True)
    code = (
        "import sys, pathlib\nfrom senescape._support.atomic import write_whole\n"
        "path = pathlib.Path(sys.argv[1])\ncontent = path.read_bytes()\nprint('on', flush=True)\n"
        "while True: write_whole(path, [content[i:i + 4096] for i in range(0, len(content), 4096)])\n"
    )
    n, whole = trials.n(1000), 0
    for _ in range(n):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(trials.rng.uniform(0.0, 0.02))
        process.kill()
        process.communicate()
        whole += read_checkpoint(path).complete
    yield Figure(f"whole after SIGKILL, of {n}", whole, "all", whole == n)


@part
def corruption(trials: Trials) -> Iterator[Figure]:
    """Every truncation, and random bit flips: told, none loads in silence."""
    path = trials.folder / "corruption"
    settings = {**RUN, "until": 48.0, "initial": {"cycling": 20}}
    sn.simulate(everything(), **settings, replicates=1, seed=1, checkpoint=path, keep_cells=True)
    content = path.read_bytes()
    damaged = trials.folder / "damaged"

    def told(changed: bytes) -> bool:
        damaged.write_bytes(changed)
        try:
            read_checkpoint(damaged)
        except sn.CheckpointError:
            return True
        return False

    cuts = range(0, len(content), max(1, round(1 / trials.scale)))
    found = sum(told(content[:cut]) for cut in cuts)
    yield Figure(f"truncations told, of {len(cuts)}", found, "all", found == len(cuts))
    n, found = trials.n(10_000), 0
    for bit in trials.rng.integers(8 * len(content), size=n).tolist():
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        found += told(bytes(changed))
    yield Figure(f"bit flips told, of {n}", found, "all", found == n)


@part
def disk(trials: Trials) -> Iterator[Figure]:
    """The disk is full after so many bytes: a typed error, and the former checkpoint intact."""
    folder = trials.folder / "full"
    folder.mkdir()
    path = folder / "disk"
    settings = {**RUN, "until": 48.0, "replicates": 2, "seed": 1}
    sn.simulate(everything(), **settings, checkpoint=path)
    before, size = path.read_bytes(), path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    n, typed, intact = trials.n(150), 0, 0
    try:
        for limit in trials.rng.integers(0, size - 1, size=n).tolist():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                sn.simulate(everything(), **settings, checkpoint=path)
            except sn.CheckpointError:
                typed += 1
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            intact += path.read_bytes() == before
    finally:
        signal.signal(signal.SIGXFSZ, former)
    yield Figure(f"typed errors on a full disk, of {n}", typed, "all", typed == n)
    yield Figure("former checkpoint intact", intact, "all", intact == n)
    left = [each.name for each in folder.iterdir() if each.name.endswith(".part")]
    yield Figure("files left behind", len(left), "0", not left)


@part
def rates(trials: Trials) -> Iterator[Figure]:
    """Bad rates at the start, late, from a drug, in a pool, from a plugin: typed errors that name the rule, soon."""
    total, typed, named, slowest = 0, 0, 0, 0.0
    for case in bad_rates():
        begun = time.monotonic()
        told = case.told()
        seconds = time.monotonic() - begun
        total += 1
        typed += case.sound or told is not None
        named += case.sound or (told is not None and case.name in told)
        if not case.sound and (told is None or case.name not in told or seconds > 2):
            print(f"    {case.what}: {told} ({seconds:.1f} s)")
        slowest = max(slowest, seconds)
    yield Figure(f"typed errors for bad rates, of {total}", typed, "all", typed == total)
    yield Figure("that name the rule", named, "all", named == total)
    yield Figure("slowest (s)", slowest, "2", slowest < 2)


@part
def memory(trials: Trials) -> Iterator[Figure]:
    """Many short runs, and what stays resident."""
    model = sn.Model(fates=["a"], transitions=[sn.Division("a", 0.02), sn.Death("a", 0.02, "death")])

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def run(n: int) -> None:
        for i in range(n):
            sn.simulate(model, initial={"a": 50}, until=10.0, every=5.0, seed=i, threads=1, progress=False)

    run(500)
    before = resident()
    n = trials.n(10_000)
    run(n)
    grown = resident() - before
    yield Figure(f"resident memory that {n} short runs add (MiB)", grown, "4", grown <= 4)


RUNAWAY = """
import json, re, sys
import senescape as sn
model = sn.Model(
    fates=["a"],
    traits=[sn.Trait(f"x{i}", sn.LogNormal(1.0, 0.3), inherit=sn.copy()) for i in range(4)],
    transitions=[sn.Division("a", lambda cell, env, p: 0.2 * cell.x0 / (0.5 + cell.x1) + 0.0 * (cell.x2 + cell.x3))],
)
def resident():
    # Not ru_maxrss: that of a child is at least what its parent's was.
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sn.simulate(model, initial={"a": 10}, until=5.0, seed=1)
before = resident()
limit, threads = int(sys.argv[1]), int(sys.argv[2])
try:
    sn.simulate(model, initial={"a": 1000}, until=1e4, every=1e3, seed=1, max_memory=limit, threads=threads,
                replicates=3, max_cells=2**32 - 1)
    print("no error")
except sn.MemoryLimitError as error:
    print(json.dumps({"grown": resident() - before, "partial": len(error.partial.replicate), "text": str(error)}))
"""


@part
def limit(trials: Trials) -> Iterator[Figure]:
    """A runaway population under `max_memory`: a typed error, and a peak near the limit."""
    for size, threads in ((200, 1), (500, 1), (500, 2), (1000, 1), (1500, 2)):
        given = [sys.executable, "-c", RUNAWAY, str(size * 2**20), str(threads)]
        told = subprocess.run(given, capture_output=True, text=True, timeout=600, check=False).stdout
        try:
            said = json.loads(told)
        except json.JSONDecodeError:
            yield Figure(f"typed error at {size} MiB, {threads} threads ({told.strip()})", 0, "1", False)
            continue
        share = said["grown"] / (size * 2**20)
        yield Figure(f"peak, of a limit of {size} MiB on {threads} threads", share, "0.9 to 1.1", 0.9 <= share <= 1.1)


@part
def forged(trials: Trials) -> Iterator[Figure]:
    """Checkpoints with right checksums and wrong states: an error or a run, soon; no panic, no crash."""
    import hashlib
    import io

    path = trials.folder / "forged"
    settings = {**RUN, "until": 48.0, "initial": {"cycling": 20}}
    sn.simulate(everything(), **settings, replicates=1, seed=1, checkpoint=path, keep_cells=True)
    with np.load(io.BytesIO(path.read_bytes()[len(MAGIC) + 32 :])) as file:
        parts = {name: file[name] for name in file.files}
    n, fine, slowest = trials.n(2000), 0, 0.0
    for _ in range(n):
        state = parts["state_bytes"].copy()
        for _ in range(int(trials.rng.integers(1, 4))):
            state[trials.rng.integers(len(state))] = trials.rng.integers(256)
        packed = io.BytesIO()
        np.savez(packed, **{**parts, "state_bytes": state})
        path.write_bytes(MAGIC + hashlib.sha256(packed.getvalue()).digest() + packed.getvalue())
        begun = time.monotonic()
        try:
            sn.resume(path, until=60.0, threads=1, progress=False)
            fine += 1
        except sn.SenescapeError as error:
            fine += "panick" not in str(error)
        slowest = max(slowest, time.monotonic() - begun)
    yield Figure(f"forged states without a panic, of {n}", fine, "all", fine == n)
    yield Figure("slowest (s)", slowest, "2", slowest < 2)


@part
def hostile(trials: Trials) -> Iterator[Figure]:
    """Scenarios, results and checkpoints that are not meant well: no code runs, nothing hangs or eats memory."""
    from tests.hostile.files import seen
    from tests.hostile.watching import BYTES, SECONDS

    folder = trials.folder / "hostile"
    folder.mkdir()
    found = list(seen(folder.resolve()))
    faults = [f"{kind} {name!r}: {each.fault}" for kind, name, each in found if each.fault]
    yield Figure(
        f"hostile files with a fault, of {len(found)}" + "".join(f"\n    {x}" for x in faults),
        len(faults),
        "0",
        not faults,
    )
    yield Figure("files", len(found), "200 or more", len(found) >= 200)
    slowest = max(each.seconds for *_, each in found)
    yield Figure("slowest (s)", slowest, f"{SECONDS:g}", slowest <= SECONDS)
    most = max(each.grown for *_, each in found)
    yield Figure("most memory (MiB)", most / 2**20, f"{BYTES / 2**20:g}", most <= BYTES)


@part
def machine(trials: Trials) -> Iterator[Figure]:
    """Runs, pauses, futures and trials in any order (hypothesis): conservation, the same to the bit, lineages."""
    from tests.verification.machine import Machine, run_machine

    n = trials.n(10_000)
    done = run_machine(n)
    steps = sum(done.values())
    yield Figure(
        f"steps without a fault ({', '.join(f'{k}: {v}' for k, v in done.items())})", steps, f"{n}", steps >= n
    )
    paused = Machine.on_their_way
    yield Figure("pauses with tumours on their way", paused, "some", paused > 0)


def main() -> int:
    """Run parts; 1 if one fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    seed = secrets.randbits(40) if given.seed is None else given.seed
    print(f"seed {seed}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in given.parts or PARTS:
            begun = time.monotonic()
            print(f"{name}: {(PARTS[name].__doc__ or '').strip()}", flush=True)
            for figure in PARTS[name](Trials(given.scale, seed, Path(folder))):
                print(f"  {figure}", flush=True)
                failed += not figure.passed
            print(f"  ({time.monotonic() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
