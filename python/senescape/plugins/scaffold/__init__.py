"""Write the package of a new plugin: ``senescape new-plugin NAME --kind senolytic``."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template

from senescape.errors import PluginError

__all__ = ["KINDS", "new_plugin"]

KINDS = ("senolytic", "immunotherapy", "escape")
"""The kinds of plugin that there is a package for."""

_HERE = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,48}[a-z0-9]|[a-z]")
_COMMON = {"README.md": "README.md.template", "pyproject.toml": "pyproject.toml.template"}


def new_plugin(name: str, kind: str, parent: str | Path = ".") -> Path:
    """Write a package that can be installed and passes its own tests.

    Parameters
    ----------
    name : str
        Its name: small letters, digits, ``-`` and ``_``.
    kind : {"senolytic", "immunotherapy", "escape"}
        What its rule is.
    parent : path-like
        The directory in which the package's own is made.

    Returns
    -------
    Path
        The package's directory.

    Raises
    ------
    PluginError
        If the name cannot be a package's, the kind is unknown, or the directory is there already.
    """
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module) or module in ("senescape", "test", "tests"):
        raise PluginError(
            f"{name!r} cannot be a package's name; use small letters, digits, '-' and '_', such as 'my-senolytic'"
        )
    if kind not in KINDS:
        raise PluginError(f"there is no kind {kind!r}; choose one of {', '.join(KINDS)}")
    target = Path(parent) / name
    files = {
        **{target / path: source for path, source in _COMMON.items()},
        target / module / "__init__.py": f"{kind}.py.template",
        target / "tests" / f"test_{module}.py": f"test_{kind}.py.template",
    }
    try:
        target.mkdir(parents=True)
        for path, source in files.items():
            path.parent.mkdir(exist_ok=True)
            text = Template((_HERE / source).read_text(encoding="utf-8"))
            path.write_text(text.substitute(name=name, module=module, kind=kind), encoding="utf-8")
        (target / module / "py.typed").touch()
    except FileExistsError:
        raise PluginError(f"{target} is there already; choose another name, or remove it") from None
    except OSError as error:
        raise PluginError(f"{error.filename or target} cannot be written: {error.strerror}") from error
    return target
