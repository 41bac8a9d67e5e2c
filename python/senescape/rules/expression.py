"""Expressions: what a traced rule becomes.

An :class:`Expr` looks like a NumPy array to a rule, but records what is done to it. A :class:`GraphBuilder` writes
expressions as the list of nodes that the engine compiles, equal ones once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from senescape.rules.formula import shown
from senescape.rules.operations import BINARY, BITWISE, BOOLEAN, KEEPS_BOOLEAN, UNARY
from senescape.rules.rewrites import COMPILED, FUNCTIONS, METHODS, OF_CONDITIONS
from senescape.rules.source_location import trace_error

__all__ = ["Expr", "Reader", "hill", "inputs_of", "numbered", "size_of", "where"]

_DEEPEST = 50_000
"""Operations within each other: more are a loop that may have no end."""

_KNOWN = "operators, np.where, np.minimum, np.maximum, np.clip, np.exp, np.log, np.sqrt, np.tanh, sn.hill and the like"


class Expr(np.lib.mixins.NDArrayOperatorsMixin):
    """A recorded value.

    Parameters
    ----------
    op : str
        ``"const"``, ``"param"``, ``"input"``, ``"where"`` or the name of a function of the engine.
    args : tuple of Expr
        Operands.
    value : object
        A constant's number (a bool keeps being one), a parameter's full name, or an input.
    label : str
        How the rule wrote it, for messages.

    Attributes
    ----------
    boolean : bool
        Whether its values are conditions: on arrays it would be of dtype bool.
    depth : int
        How many operations lie within each other in it.
    """

    __slots__ = ("args", "boolean", "depth", "label", "op", "value")
    # Comparisons build expressions, so equality cannot be what a hash needs: identity is used instead.
    __hash__ = object.__hash__

    op: str
    args: tuple[Expr, ...]
    value: Any
    label: str
    boolean: bool
    depth: int

    def __init__(self, op: str, args: tuple[Expr, ...] = (), value: Any = None, label: str = "") -> None:
        put = object.__setattr__
        put(self, "op", op)
        put(self, "args", args)
        put(self, "value", value)
        put(self, "label", label)
        # Both are asked of operands alone: an expression may be deeper than Python's stack.
        put(self, "boolean", _is_boolean(op, args, value))
        put(self, "depth", 1 + max([x.depth for x in args], default=0))
        if self.depth > _DEEPEST:
            _refuse(
                f"{_DEEPEST:,} operations within each other",
                "look for a loop without end: a rule is traced once, and its loops are unrolled",
            )

    @classmethod
    def constant(cls, value: Any) -> Expr:
        """Record a number."""
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise trace_error(f"the constant {number} is not finite", "use a finite number")
        return cls("const", value=bool(value) if isinstance(value, bool | np.bool_) else number)

    @classmethod
    def of(cls, value: Any) -> Expr:
        """Record whatever stands beside an expression in a rule."""
        if isinstance(value, Expr):
            return value
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
            return cls.constant(value)
        if isinstance(value, np.ndarray | list | tuple):
            raise trace_error(
                f"an array of shape {np.shape(value)} stands in a rule",
                "a rule sees one cell at a time; give per-cell numbers as a trait: sn.Trait(name, initial=array)",
            )
        if isinstance(value, Reader):
            raise trace_error(f"{value} stands where a number should", f"say which one: {value.example()}")
        raise trace_error(
            f"{type(value).__name__} {value!r} is not a number", "use numbers and what cell, env and p give"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _name_of(ufunc)
        if method != "__call__":
            _refuse(f"{name}.{method}", "a rule sees one cell at a time; combine values with operators")
        if kwargs.get("out") is not None:
            _refuse(
                f"{name} with out=, or an operator like +=, on a value of the cell",
                "it would change the cell itself; write x = x + ... instead of x += ...",
            )
        if kwargs:
            _refuse(f"{name} with {', '.join(kwargs)}=", "leave the argument out")
        operands = tuple(Expr.of(x) for x in inputs)
        flags = all(x.boolean for x in operands)
        if ufunc in BITWISE and not flags:
            _refuse("&, | or ~ on numbers", "use it on comparisons, in parentheses: (a > 1) & (b < 2)")
        if flags and ufunc in OF_CONDITIONS:
            _refuse(f"{name} of conditions", OF_CONDITIONS[ufunc])
        if flags and ufunc in UNARY and UNARY[ufunc] not in ("not", "abs"):
            # NumPy computes these in half precision.
            _refuse(f"{name} of a condition", "make a number of it first: np.where(c, 1.0, 0.0)")
        if ufunc is np.positive:
            return operands[0]
        if ufunc is np.heaviside:
            x, half = operands
            # NaN stays NaN by way of the sign, and the engine's bounds stay within the two steps.
            return where(x == 0, half, 0.5 * (np.sign(x) + 1.0))
        if ufunc in UNARY:
            return Expr(UNARY[ufunc], operands)
        if ufunc in BINARY:
            return Expr(BINARY[ufunc], operands)
        _refuse(name, FUNCTIONS.get(ufunc.__name__, f"a rule may use {_KNOWN}"))

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        replacement = _FUNCTIONS.get(function)
        if replacement is None:
            name = getattr(function, "__name__", str(function))
            _refuse(f"np.{name}", FUNCTIONS.get(name, f"a rule may use {_KNOWN}"))
        try:
            return replacement(*args, **kwargs)
        except TypeError:
            _refuse(
                f"np.{function.__name__} with these arguments", "leave out what is not a value: out=, where=, dtype="
            )

    def __bool__(self) -> NoReturn:
        if self.op in ("and", "or", "not") or self.boolean:
            fix = f"use np.where({self}, a, b)"
        else:
            fix = f"use np.where({self} != 0, a, b)"
        _refuse(
            f"a branch on {self} (if, and, or, not, min, max, a chained comparison)",
            f"{fix}; write (a > 1) & (b < 2) for 'and', | for 'or', ~ for 'not', np.minimum for min, np.maximum for max",
        )

    def __float__(self) -> NoReturn:
        _refuse(f"float({self})", "leave float() out: values are numbers already; instead of math.exp(x) use np.exp(x)")

    def __complex__(self) -> NoReturn:
        _refuse(f"complex({self})", "a rule computes with real numbers")

    def __int__(self) -> NoReturn:
        _refuse(f"int({self})", f"use np.floor({self})")

    def __index__(self) -> NoReturn:
        _refuse(f"{self} as an index", "use np.where")

    def __round__(self, digits: int | None = None) -> NoReturn:
        _refuse(f"round({self})", f"use np.floor({self} + 0.5)")

    def __trunc__(self) -> NoReturn:
        _refuse(f"math.trunc({self})", f"use np.sign(x) * np.floor(np.abs(x)) with x = {self}")

    def __floor__(self) -> NoReturn:
        _refuse(f"math.floor({self})", f"use np.floor({self})")

    def __ceil__(self) -> NoReturn:
        _refuse(f"math.ceil({self})", f"use np.ceil({self})")

    def __len__(self) -> NoReturn:
        _refuse(f"len({self})", "a rule sees one cell at a time; for the number of cells read env.count[fate]")

    def __iter__(self) -> NoReturn:
        _refuse(f"a loop over {self}", "a rule sees one cell at a time: write it for one, it runs for all")

    def __contains__(self, item: object) -> NoReturn:
        _refuse(f"'in {self}'", "compare with ==, and join comparisons with |")

    def __getitem__(self, index: object) -> NoReturn:
        _refuse(f"an index into {self}", "a rule sees one cell at a time; use np.where for masks")

    def __setitem__(self, index: object, value: object) -> NoReturn:
        _refuse(f"an assignment into {self}", f"write x = np.where(mask, new, {self})")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse(f"an assignment to {self}.{name}", "a rule only computes")

    def __getattr__(self, name: str) -> NoReturn:
        # A slot is asked for here only while it is empty.
        if name.startswith("__") or name in Expr.__slots__:
            raise AttributeError(name)
        if name in COMPILED:
            _refuse(f"a function compiled by Numba, which is given {self},", COMPILED[name])
        fix = METHODS.get(name, FUNCTIONS.get(name, "a value of the cell is a plain number; use NumPy functions on it"))
        _refuse(f"{self}.{name}", fix)

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        _refuse(f"a conversion of {self} to an array", f"combine values with operators; a rule may use {_KNOWN}")

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Expr:
        # Neither it nor what it is made of changes.
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # One list, operands first: pickle would follow operands of operands as deep as they go.
        places: dict[int, int] = {}
        rows = []
        for part in _operands_first(self):
            places[id(part)] = len(places)
            rows.append((part.op, tuple(places[id(x)] for x in part.args), part.value, part.label))
        return _from_rows, (rows,)

    def __str__(self) -> str:
        return shown(self)

    def __repr__(self) -> str:
        return f"<Expr {self}>"


def _is_boolean(op: str, args: tuple[Expr, ...], value: Any) -> bool:
    match op:
        case "const":
            return isinstance(value, bool)
        case "input":
            return isinstance(value, dict) and "mark" in value
        case "where":
            return args[1].boolean and args[2].boolean
    return op in BOOLEAN or (op in KEEPS_BOOLEAN and all(x.boolean for x in args))


def _from_rows(rows: list[tuple[str, tuple[int, ...], Any, str]]) -> Expr:
    """Make an expression of its parts, operands first, as pickles hold it."""
    made: list[Expr] = []
    for op, args, value, label in rows:
        made.append(Expr(op, tuple(made[i] for i in args), value, label))
    return made[-1]


class Reader:
    """Something between ``cell`` or ``env`` and a value, such as ``env.drug``: refused where a number should stand."""

    __slots__ = ()

    def example(self) -> str:
        """Show how a value is read from it."""
        return f"{self}[...]"


def _name_of(ufunc: np.ufunc) -> str:
    # A ufunc does not tell its module, so NumPy is asked whether it is one of its own.
    return f"np.{ufunc.__name__}" if getattr(np, ufunc.__name__, None) is ufunc else ufunc.__name__


def _refuse(what: str, fix: str) -> NoReturn:
    raise trace_error(f"{what} cannot be traced", fix)


def where(condition: Any, *choices: Any) -> Expr:
    """Record ``np.where``: the first choice where the condition holds, else the second."""
    if len(choices) != 2:
        _refuse("np.where with one argument", "give both values: np.where(condition, a, b)")
    return Expr("where", (Expr.of(condition), *map(Expr.of, choices)))


def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Expr:
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    out = Expr.of(x)
    if low is not None:
        out = Expr("max", (out, Expr.of(low)))
    if high is not None:
        out = Expr("min", (out, Expr.of(high)))
    return out


def _full_like(x: Any, fill_value: Any, dtype: Any = None) -> Expr:
    return Expr.of(fill_value)


_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.where: where,
    np.clip: _clip,
    np.zeros_like: lambda x, dtype=None: Expr.constant(0.0),
    np.ones_like: lambda x, dtype=None: Expr.constant(1.0),
    np.full_like: _full_like,
}


def hill(x: Any, k: Any, n: Any = 1.0) -> Any:
    """Hill function ``x**n / (k**n + x**n)``, of arrays or in a rule.

    Parameters
    ----------
    x : array-like
        A concentration or level, >= 0.
    k : array-like
        The half-point, > 0, in the unit of `x`.
    n : array-like
        The exponent, > 0.

    Returns
    -------
    ndarray or expression
        From 0 to 1; one half where ``x == k``.

    Examples
    --------
    >>> float(hill(1.0, 1.0, 4))
    0.5
    >>> hill(np.array([0.0, 0.3, 3.0]), k=0.3, n=2).round(2).tolist()
    [0.0, 0.5, 0.99]
    """
    if not any(isinstance(value, Expr) for value in (x, k, n)):
        x, k = _as_floats(x, k)
    # A literal exponent of 1 needs no power: NumPy and the engine then do the very same operations.
    if isinstance(n, int | float) and n == 1:
        return x / (k + x)
    raised = x**n
    return raised / (k**n + raised)


def _as_floats(x: Any, k: Any) -> tuple[Any, Any]:
    """Turn whole numbers into floats, which do not overflow; Python's numbers take the precision of what they meet."""
    if isinstance(x, int | float) and isinstance(k, int | float):
        return np.float64(x), np.float64(k)
    both = [float(v) if isinstance(v, int | float) else np.asarray(v) for v in (x, k)]
    left, right = (v if isinstance(v, float) or v.dtype.kind == "f" else v.astype(np.float64) for v in both)
    return left, right


def _parts(expr: Expr) -> Iterator[Expr]:
    """Return everything an expression is made of, each once."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        top = stack.pop()
        if id(top) not in seen:
            seen.add(id(top))
            yield top
            stack.extend(top.args)


def _operands_first(*exprs: Expr) -> Iterator[Expr]:
    """Return everything that expressions are made of, each once, after its operands."""
    done: set[int] = set()
    stack = list(reversed(exprs))
    while stack:
        top = stack[-1]
        missing = [x for x in top.args if id(x) not in done]
        if id(top) in done or not missing:
            stack.pop()
            if id(top) not in done:
                done.add(id(top))
                yield top
        else:
            stack.extend(missing)


def numbered(*exprs: Expr) -> dict[int, int]:
    """Give a number to everything that expressions are made of, by id: the same to what computes the same.

    Parameters
    ----------
    *exprs : Expr
        The expressions. The caller keeps them as long as the numbers.
    """
    known: dict[tuple[Any, ...], int] = {}
    numbers: dict[int, int] = {}
    for part in _operands_first(*exprs):
        # repr tells -0.0 from 0.0, and True from 1.0.
        key = (part.op, tuple(numbers[id(x)] for x in part.args), repr(part.value))
        numbers[id(part)] = known.setdefault(key, len(known))
    return numbers


def size_of(expr: Expr) -> int:
    """Count what an expression is made of."""
    return sum(1 for _ in _parts(expr))


def inputs_of(expr: Expr) -> list[Any]:
    """List what an expression reads, each once: ``"age"``, ``{"trait": 0}`` and so on."""
    return list({repr(part.value): part.value for part in _parts(expr) if part.op == "input"}.values())
