"""Rules and their parameters."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from senescape._support.frozen_dict import FrozenDict
from senescape._support.suggest import did_you_mean
from senescape.errors import RuleError
from senescape.rules.parameter import Param, as_params
from senescape.rules.source_location import code_of

__all__ = ["Rule", "RuleFunction", "as_rule"]

RuleFunction = Callable[..., Any]
"""A rule: a function of the cell, the environment and the parameters (of a pool: of the last two)."""

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """A function of (cell, env, p) and its parameters.

    Parameters
    ----------
    function : callable
        The rule as its author wrote it; it runs on NumPy arrays too.
    params : dict of str to Param or float
        What ``p`` holds.
    reads_cell : bool
        Whether it takes the cell. The rate of a pool does not: it is a function of (env, p).
    traced : bool
        Whether it is compiled. If not, it is called with NumPy columns at the start of every epoch (the slow path).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> rule = Rule(lambda cell, env, p: p.k * cell.depth, {"k": Param(2.0)})
    >>> cell = SimpleNamespace(depth=np.array([1.0, 3.0]))
    >>> rule.evaluate(cell, None).tolist()
    [2.0, 6.0]
    """

    function: RuleFunction
    params: Mapping[str, Param] = field(default_factory=dict)
    reads_cell: bool = True
    traced: bool = True

    def __post_init__(self) -> None:
        wanted = "(cell, env, p)" if self.reads_cell else "(env, p)"
        if inspect.iscoroutinefunction(self.function) or inspect.isgeneratorfunction(self.function):
            raise RuleError(f"{self.name} must return what it computes; write it without async and yield")
        if not callable(self.function):
            raise RuleError(f"{self.function!r} is neither a number nor a function of {wanted}")
        try:
            inspect.signature(self.function).bind(*[None] * (3 if self.reads_cell else 2))
        except TypeError:
            raise RuleError(
                f"{self.name} must be a function of {wanted}; it takes {_signature(self.function)}"
            ) from None
        except ValueError:
            pass  # a builtin without a signature: tracing will tell
        object.__setattr__(self, "params", FrozenDict(as_params(self.params, self.name)))

    @property
    def name(self) -> str:
        """Return the function's name."""
        return str(getattr(self.function, "__name__", None) or type(self.function).__name__)

    @property
    def source(self) -> str | None:
        """Return the text of the function, or None where it has no text (typed at a prompt, or built in)."""
        try:
            return textwrap.dedent(inspect.getsource(self.function))
        except (OSError, TypeError):
            return None

    @property
    def digest(self) -> str:
        """Return SHA-256 of what the rule computes: its text, and the numbers, texts and functions that it closes over."""
        found = hashlib.sha256()
        _fingerprint(self.function, found, _DEEPEST)
        return found.hexdigest()

    def evaluate(self, cell: Any, env: Any = None, p: Any = None) -> np.ndarray[Any, Any]:
        """Call the rule on NumPy arrays.

        Parameters
        ----------
        cell, env : object
            What the rule reads: :class:`senescape.rules.arrays.Cells` and
            :class:`senescape.rules.arrays.Environment`, or anything with the same attributes. `cell` is not used by the rate
            of a pool.
        p : mapping of str to float or object, optional
            Parameter values. A mapping changes some of the defaults; an object with attributes stands for all.

        Returns
        -------
        ndarray
            What the rule returns, as an array.

        Raises
        ------
        RuleError
            If it returns nothing or something that holds no numbers, or if a name in `p` is unknown.
        """
        if p is None or isinstance(p, Mapping):
            p = self.values(p)
        result = self.function(cell, env, p) if self.reads_cell else self.function(env, p)
        if result is None:
            raise RuleError(f"the rule {self.name} returned None; a return statement is missing")
        if isinstance(result, np.ma.MaskedArray) and np.ma.getmaskarray(result).any():
            raise RuleError(f"the rule {self.name} returned masked values; fill them: np.ma.filled(x, 0.0)")
        array = np.asarray(result)
        if array.dtype.kind not in "biuf":
            raise RuleError(f"the rule {self.name} returned {result!r}; it must return numbers")
        return array

    def values(self, changed: Mapping[str, float] | None = None) -> Any:
        """Give what the rule knows as ``p``: its parameters' values as attributes.

        Parameters
        ----------
        changed : mapping of str to float, optional
            Values instead of the defaults.

        Raises
        ------
        RuleError
            If a name is unknown.
        ModelError
            If a value is out of its parameter's range.
        """
        from senescape.rules.arrays import Values

        params = dict(self.params)
        for name, value in (changed or {}).items():
            if name not in params:
                raise RuleError(f"the rule {self.name} has no parameter {name!r}{did_you_mean(name, params)}")
            params[name] = params[name].at(value, f"parameter {name!r} of the rule {self.name}")
        # NumPy's own numbers: of Python's, ~(p.k > 1) would be -2, and a division by zero would raise.
        return Values({name: np.float64(param.value) for name, param in params.items()})


def as_rule(
    value: Any, params: Mapping[str, Param | float] | None, owner: str, reads_cell: bool = True, traced: bool = True
) -> Rule:
    """Make a rule of a function, checked to take what it is given.

    Parameters
    ----------
    value : callable or Rule
        The rule. A :class:`Rule` may have parameters of its own; those in `params` win.
    params : mapping, optional
        Its parameters.
    owner : str
        What it belongs to, for messages.
    reads_cell : bool
        Whether it is called with (cell, env, p), or with (env, p).
    traced : bool
        Whether it is compiled; False takes the slow path.

    Raises
    ------
    RuleError
        If it is no such function.
    """
    try:
        if isinstance(value, Rule):
            if value.reads_cell != reads_cell:
                wanted = "(cell, env, p)" if reads_cell else "(env, p): a pool sees no single cell"
                raise RuleError(f"the rule {value.name} must be a function of {wanted}")
            traced = value.traced and traced
            if not params and traced == value.traced:
                return value
            return replace(value, params={**value.params, **as_params(params, owner)}, traced=traced)
        return Rule(value, as_params(params, owner), reads_cell, traced)
    except RuleError as error:
        raise RuleError(f"{owner}: {error}") from None


def _signature(function: RuleFunction) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "other arguments"


def _fingerprint(value: Any, found: Any, depth: int) -> None:
    """Feed what tells one rule from another; never an address, which differs from run to run."""
    if isinstance(value, bool | int | float | str | bytes | type(None)):
        found.update(f"{type(value).__name__}:{value!r};".encode())
    elif isinstance(value, np.ndarray):
        found.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list):
        for each in value:
            _fingerprint(each, found, depth - 1)
    elif callable(value) and depth > 0 and (code := code_of(value)) is not None:
        try:
            found.update(textwrap.dedent(inspect.getsource(code)).encode())
        except (OSError, TypeError):
            found.update(code.co_code + repr([c for c in code.co_consts if not inspect.iscode(c)]).encode())
        _fingerprint(getattr(value, "__defaults__", None), found, depth - 1)
        for name, cell in zip(code.co_freevars, getattr(value, "__closure__", None) or (), strict=False):
            found.update(name.encode())
            try:
                _fingerprint(cell.cell_contents, found, depth - 1)
            except ValueError:
                continue  # a name that is not yet bound
        if hasattr(value, "func"):
            _fingerprint(value.args, found, depth - 1)
            _fingerprint(tuple(sorted(value.keywords.items())), found, depth - 1)
    else:
        found.update(type(value).__qualname__.encode())
