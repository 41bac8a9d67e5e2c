"""What cargo-mutants found, held against its targets: `make mutants` runs it, this reads `mutants.out`.

    python -m tools.rust_mutants [FOLDER]

A mutant that ends in an endless loop is one that is seen. Those that do not build say nothing.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

WITHOUT = {
    "random/stream.rs",
    "recording/event_counts.rs",
    "simulation/bounds.rs",
    "simulation/candidates.rs",
    "thinning/acceptance.rs",
    "thinning/scratch.rs",
    "thinning/stall.rs",
}
"""Files of the core in which no mutant may be missed: the generator, thinning and the ledger."""

CAUGHT = 0.9
"""The share of all that must be caught."""


def main() -> int:
    """Print the figures; 1 if a target is not met."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "mutants.out")
    found: dict[str, list[str]] = {
        kind: (folder / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
        for kind in ("caught", "timeout", "missed", "unviable")
    }
    files = Counter(
        (name.partition(":")[0].rpartition("src/")[2], kind) for kind, names in found.items() for name in names
    )
    for file in sorted({file for file, _ in files}):
        print(f"  {file:28}" + "".join(f" {kind} {files[file, kind]:4}" for kind in found))
    seen, missed = len(found["caught"]) + len(found["timeout"]), found["missed"]
    share = seen / max(1, seen + len(missed))
    worst = [name for name in missed if name.partition(":")[0].rpartition("src/")[2] in WITHOUT]
    for name in worst:
        print(f"  missed {name}")
    enough = share >= CAUGHT
    print(f"{'PASS' if enough else 'FAIL'}  caught, of {seen + len(missed)}: {share:.1%} (target {CAUGHT:.0%} or more)")
    print(f"{'FAIL' if worst else 'PASS'}  missed in the generator, thinning and the ledger: {len(worst)} (target 0)")
    return 0 if enough and not worst else 1


if __name__ == "__main__":
    sys.exit(main())
