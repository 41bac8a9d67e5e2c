"""How much memory there is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["available"]

_UNKNOWN = 2**40
"""Where no one tells: no limit that matters."""


def available() -> int:
    """Return bytes that this process may still take: the least of what the machine, its container and its own limit leave.

    Where none of them tells, as outside of Linux, it is what is installed, or else a number larger than that.
    """
    return max(min(_machine(), _container(), _own()), 0)


def _machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN


def _container() -> int:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return _UNKNOWN
        return int(limit) - int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _UNKNOWN


def _own() -> int:
    if sys.platform == "win32":
        return _UNKNOWN
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return _UNKNOWN
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return soft // 2
    # Half: gaps that an allocator leaves count against this limit as memory does.
    return (soft - pages * resource.getpagesize()) // 2
