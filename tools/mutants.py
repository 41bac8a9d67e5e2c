"""One line of the package wrong at a time: which mistakes would its tests not tell? Results: docs/mutation-testing.md.

mutmut runs in a folder under build/, a module with its tests at a time, so that a mistake costs seconds.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TESTS = {
    "units": ["support/test_units"],
    "results/ledger": ["results/test_ledger"],
    "results/axes": ["results/test_results", "simulation/test_checkpoint_parts"],
    "experiments/recovery": ["experiments/test_recovery"],
    "model/distributions": ["model/test_distributions"],
    "model/drugs": ["model/test_drugs_api"],
    "trials/survival": ["trials/test_trials"],
    "trials/cohort": ["trials/test_cohort"],
    "_support/archive": ["support/test_reading"],
    "_support/atomic": ["support/test_reading"],
    "simulation/run_document": ["simulation/test_run", "simulation/test_refusals"],
    "simulation/checkpoint": ["simulation/test_checkpoint_parts", "simulation/test_checkpoint"],
    "simulation/resume": ["simulation/test_resume", "simulation/test_checkpoint"],
}
"""The files that test a module."""

SHOW = """
import sys
from mutmut.__main__ import show
for name in sys.argv[1:]:
    show.callback(name)
"""
"""In one process: it takes seconds to start."""


def mutate(module: str) -> Counter:
    """Run mutmut on a module and print what survived."""
    place = ROOT / "build" / "mutants-python" / module.replace("/", ".")
    shutil.rmtree(place / "mutants", ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    # mutmut takes "src." off the name of a module and nothing else.
    for name, target in {"src": "python", "tests": "tests", "tools": "tools"}.items():
        (place / name).unlink(missing_ok=True)
        (place / name).symlink_to(ROOT / target)
    chosen = [f"tests/{name}.py" for name in TESTS[module]]
    own = f'only_mutate = ["src/senescape/{module}.py"]\npytest_add_cli_args_test_selection = {chosen}\n'
    config = (ROOT / "pyproject.toml").read_text().replace("[tool.mutmut]\n", f"[tool.mutmut]\n{own}")
    (place / "pyproject.toml").write_text(config)
    mutmut = [sys.executable, "-m", "mutmut"]
    ran = subprocess.run(
        [*mutmut, "run", "--max-children", "1"], cwd=place, capture_output=True, text=True, check=False
    )
    found = subprocess.run([*mutmut, "results", "--all", "true"], cwd=place, capture_output=True, text=True, check=True)
    ends = dict(line.strip().rsplit(": ", 1) for line in found.stdout.splitlines() if ": " in line)
    if not ends or "not checked" in ends.values():
        raise SystemExit(f"mutmut did not end well:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
    left = [name for name, end in ends.items() if end != "killed"]
    subprocess.run([sys.executable, "-c", SHOW, *left], cwd=place, check=True)
    return Counter(ends.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"with or without the room, of {', '.join(TESTS)}; all by default")
    short = {module.rpartition("/")[2]: module for module in TESTS}
    chosen = [short.get(module, module) for module in parser.parse_args().modules] or list(TESTS)
    if unknown := set(chosen) - set(TESTS):
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}")
    rows = [(module, mutate(module)) for module in chosen]
    for module, ends in rows:
        others = ", ".join(f"{n} {end}" for end, n in ends.items() if end != "killed")
        print(f"{module}: {sum(ends.values())} mutants, {ends['killed']} killed, {others or 'none survived'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
