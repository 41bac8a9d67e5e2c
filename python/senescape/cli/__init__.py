"""The command line, ``senescape``."""

from senescape.cli.main import main

__all__ = ["main"]
