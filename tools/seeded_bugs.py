"""Whether the tests have power: mistakes are made on purpose in a copy of the project, one at a time; each must be caught.

    python -m tools.seeded_bugs [NAME ...] [--list]

Each mistake is a change of one line of the engine. The copy is built, and the engine's tests run until one fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = "rust/senescape-core/src"

TESTS = (
    "tests/verification",
    "tests/simulation/test_engine.py",
    "tests/simulation/test_batches.py",
    "tests/simulation/test_checkpoint.py",
    "tests/trials/test_trials.py",
    "tests/rules/test_trace_engine.py",
    "tests/model/test_distributions.py",
    "tests/model/test_drugs_api.py",
)
"""What looks for mistakes: the statistical suite first."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake.

    Attributes
    ----------
    what : str
        In words.
    file, old, new : str
        The line and what is made of it.
    """

    what: str
    file: str
    old: str
    new: str


BUGS = {
    "constant-rate": Bug(
        "a constant rate is 1% low", "simulation/candidates.rs",
        "self.scratch.acceptance.add_hazards([*hazard; LANES]);",
        "self.scratch.acceptance.add_hazards([*hazard * 0.99; LANES]);"),
    "varying-rate": Bug(
        "a rate that varies is 1% low", "simulation/candidates.rs",
        "self.scratch.acceptance.add_hazards(values.output(output).map(f64::from));",
        "self.scratch.acceptance.add_hazards(values.output(output).map(|h| f64::from(h) * 0.99));"),
    "low-bound": Bug(
        "bounds are too low by 1%", "simulation/bounds.rs", "        self.scratch.acceptance.bounds = bounds;",
        "        self.scratch.acceptance.bounds = bounds.map(|b| b * 0.99);"),
    "reused-draw": Bug(
        "a draw is used twice after a candidate that came to nothing", "simulation/candidates.rs",
        "            table.draws[row] += 1;\n            let fraction", "            let fraction"),
    "adjacent-seeds": Bug(
        "adjacent seeds share cells", "random/stream.rs",
        "let counter = [seed as u32,", "let counter = [(seed >> 1) as u32,"),
    "adjacent-replicates": Bug(
        "a replicate of one seed is that of the next", "random/stream.rs",
        "let counter = [seed as u32, (seed >> 32) as u32, replicate as u32, (replicate >> 32) as u32];",
        "let sum = seed.wrapping_add(replicate);\n"
        "        let counter = [sum as u32, (sum >> 32) as u32, 0, 0];"),
    "daughters-alike": Bug(
        "both daughters have one key", "random/stream.rs", "mix(mother.wrapping_add((which + 1).wrapping_mul(GOLDEN))",
        "mix(mother.wrapping_add((0 * which + 1).wrapping_mul(GOLDEN))"),
    "late-daughter": Bug(
        "a daughter skips the rest of its epoch", "simulation/events.rs",
        "            self.scratch.daughter.since = now;\n            self.scratch.daughter.entered = now;",
        "            self.scratch.daughter.since = self.env.end;\n            self.scratch.daughter.entered = now;"),
    "age-kept": Bug(
        "age goes on in a new fate", "simulation/events.rs",
        "        self.scratch.daughter.entered = now;\n        self.scratch.daughter.level",
        "        self.scratch.daughter.level"),
    "flow-end": Bug(
        "a flow is followed to the middle of its step only", "population/flow/mod.rs",
        "        relax(&fate.flows, &hours_between(begun, to), &mut self.last);",
        "        relax(&fate.flows, &hours_between(from, &centre), &mut self.last);"),
    "lost-at-edge": Bug(
        "events in the last twentieth of a window are lost", "thinning/acceptance.rs",
        "        let used_up = candidate < ends[lane];",
        "        let used_up = candidate < ends[lane] - 0.05 * (ends[lane] - now[lane]);\n"
        "        let left = if candidate < ends[lane] && !used_up { 1.0 } else { left };"),
    "ar1-spread": Bug(
        "daughters vary too little", "simulation/events.rs", "libm::sqrt(1.0 - rho * rho)", "(1.0 - rho)"),
    "normal-spread": Bug(
        "normal numbers have a standard deviation of 0.98", "random/stream.rs", "        radius * libm::cos",
        "        0.98 * radius * libm::cos"),
    "pools-stand-still": Bug(
        "cells see pools as they were at the start of the epoch", "environment/mod.rs",
        "                let s = self.elapsed(times);\n                self.pools.fill(pool, &s[..n], &mut out[..n]);",
        "                let s = self.elapsed(times).map(|s| 0.0 * s);\n"
        "                self.pools.fill(pool, &s[..n], &mut out[..n]);"),
    "no-trend": Bug(
        "aggregates stand still over an epoch", "simulation/coupling.rs",
        "let end = extrapolated(is, self.coupling.slopes[i] * length);",
        "let end = extrapolated(is, 0.0 * self.coupling.slopes[i] * length);"),
    "wrong-row": Bug(
        "events are booked at the next observation", "recording/event_counts.rs",
        "self.row = timeline.next_observation[epoch] as usize * model.transitions.len();",
        "self.row = (timeline.next_observation[epoch] as usize + 1).min(self.events.len() / model.transitions.len() - 1) "
        "* model.transitions.len();"),
    "drug-decay": Bug(
        "drugs decay 1% too fast", "kinetics/drug/segment.rs",
        "let mut sum = if level == 0.0 { 0.0 } else { level * exp_f64(-mode.rate * s) };",
        "let mut sum = if level == 0.0 { 0.0 } else { level * exp_f64(-1.01 * mode.rate * s) };"),
    "threshold": Bug(
        "first thresholds have a mean of 0.99", "random/stream.rs",
        "columnar(self.key, cells, &[0; LANES], Purpose::Birth.word(), thresholds, &mut unused);\n"
        "        exponential(thresholds);",
        "columnar(self.key, cells, &[0; LANES], Purpose::Birth.word(), thresholds, &mut unused);\n"
        "        exponential(thresholds);\n        thresholds.iter_mut().for_each(|t| *t *= 0.99);"),
    "order-of-rows": Bug(
        "dropping rows changes their order", "population/table.rs",
        "let living: Vec<u32> = (0..self.rows() as u32)", "let living: Vec<u32> = (0..self.rows() as u32).rev()"),
    "state-without-thresholds": Bug(
        "a kept tumour forgets how far its cells were", "simulation/restore.rs",
        "            table.restore(from, self.env.timeline.top_level());",
        "            table.restore(from, self.env.timeline.top_level());\n"
        "            table.threshold.iter_mut().for_each(|t| *t *= 0.999);"),
}  # fmt: skip


def build(copy: Path, target: Path, venv: Path) -> str:
    """Build the copy into its environment; what went wrong, or nothing."""
    # Soon built rather than soon run.
    fast = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
    env = {**os.environ, **fast, "VIRTUAL_ENV": str(venv), "CARGO_TARGET_DIR": str(target)}
    given = [sys.executable, "-m", "maturin", "develop", "--release", "--skip-install"]
    done = subprocess.run(given, cwd=copy, env=env, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr[-2000:]


def caught(copy: Path) -> tuple[bool, str]:
    """Whether a test of the copy fails, and which."""
    env = {**os.environ, "PYTHONPATH": str(copy / "python")}
    given = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(given, cwd=copy, env=env, capture_output=True, text=True, check=False, timeout=1800)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode == 1, failed[0] if failed else done.stdout[-300:]


def main() -> int:
    """Make each mistake; 1 if one is not caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--list", action="store_true", help="list them")
    given = parser.parse_args()
    if given.list:
        for name, bug in BUGS.items():
            print(f"{name:26} {bug.what}")
        return 0
    names = given.names or list(BUGS)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        ignored = shutil.ignore_patterns("target", ".venv", ".git", "*.so", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for name in names:
            bug, begun = BUGS[name], time.monotonic()
            file = copy / CORE / bug.file
            text = file.read_text(encoding="utf-8")
            if text.count(bug.old) != 1:
                print(f"FAIL  {name}: its line is there {text.count(bug.old)} times in {bug.file}; write it anew")
                missed.append(name)
                continue
            file.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
            broken = build(copy, Path(folder) / "target", Path(sys.prefix))
            good, which = (False, f"does not build: {broken}") if broken else caught(copy)
            file.write_text(text, encoding="utf-8")
            print(
                f"{'PASS' if good else 'FAIL'}  {name}: {bug.what} ({time.monotonic() - begun:.0f} s; {which})",
                flush=True,
            )
            if not good:
                missed.append(name)
    print(f"{len(names) - len(missed)} of {len(names)} mistakes caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
