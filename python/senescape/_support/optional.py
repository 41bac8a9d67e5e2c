"""Optional dependencies, with an error that names the extra."""

from __future__ import annotations

import importlib
from typing import Any

from senescape.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, extra: str) -> Any:
    """Import an optional module.

    Parameters
    ----------
    module : str
        The module to import.
    extra : str
        The extra of this package that brings it.

    Raises
    ------
    MissingExtraError
        If it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this needs {module!r}, which is not installed; run: pip install 'senescape[{extra}]'"
        ) from error
