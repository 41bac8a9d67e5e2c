"""Expressions: what a traced rule becomes.

An :class:`Expr` looks like a NumPy array to a rule, but records what is done to it. A :class:`GraphBuilder` writes
expressions as the list of nodes that the engine compiles, equal ones once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError
from senescape.hints import FUNCTIONS, METHODS, OF_CONDITIONS
from senescape.source import trace_error

__all__ = ["Expr", "GraphBuilder", "Reader", "formula", "hill", "inputs_of", "size_of", "where"]

_UNARY: dict[np.ufunc, str] = {
    np.negative: "neg",
    np.absolute: "abs",
    np.fabs: "abs",
    np.sqrt: "sqrt",
    np.cbrt: "cbrt",
    np.square: "square",
    np.reciprocal: "reciprocal",
    np.exp: "exp",
    np.exp2: "exp2",
    np.expm1: "expm1",
    np.log: "log",
    np.log2: "log2",
    np.log10: "log10",
    np.log1p: "log1p",
    np.sin: "sin",
    np.cos: "cos",
    np.tanh: "tanh",
    np.floor: "floor",
    np.ceil: "ceil",
    np.sign: "sign",
    np.logical_not: "not",
    np.invert: "not",
}

_BINARY: dict[np.ufunc, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.minimum: "min",
    np.maximum: "max",
    np.power: "pow",
    np.float_power: "pow",
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
    np.equal: "eq",
    np.not_equal: "ne",
    np.logical_and: "and",
    np.bitwise_and: "and",
    np.logical_or: "or",
    np.bitwise_or: "or",
}

_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "pow": "**",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
    "and": "&",
    "or": "|",
}

_CALLS = {"min": "np.minimum", "max": "np.maximum", "where": "np.where"}

_BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})
"""Operations whose values are 0 or 1."""

_KEEPS_BOOLEAN = frozenset({"mul", "min", "max", "abs"})
"""Operations that make a condition of conditions, in NumPy too."""

_BITWISE = frozenset({np.invert, np.bitwise_and, np.bitwise_or})

_MOST_SHOWN = 60
_DEEPEST = 200

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
    """

    __slots__ = ("args", "label", "op", "value")
    # Comparisons build expressions, so equality cannot be what a hash needs: identity is used instead.
    __hash__ = object.__hash__

    op: str
    args: tuple[Expr, ...]
    value: Any
    label: str

    def __init__(self, op: str, args: tuple[Expr, ...] = (), value: Any = None, label: str = "") -> None:
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "label", label)

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

    @property
    def boolean(self) -> bool:
        """Whether its values are conditions: on arrays it would be of dtype bool."""
        match self.op:
            case "const":
                return isinstance(self.value, bool)
            case "input":
                return isinstance(self.value, dict) and "mark" in self.value
            case "where":
                return self.args[1].boolean and self.args[2].boolean
        return self.op in _BOOLEAN or (self.op in _KEEPS_BOOLEAN and all(x.boolean for x in self.args))

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
        if ufunc in _BITWISE and not flags:
            _refuse("&, | or ~ on numbers", "use it on comparisons, in parentheses: (a > 1) & (b < 2)")
        if flags and ufunc in OF_CONDITIONS:
            _refuse(f"{name} of conditions", OF_CONDITIONS[ufunc])
        if flags and ufunc in _UNARY and _UNARY[ufunc] not in ("not", "abs"):
            # NumPy computes these in half precision.
            _refuse(f"{name} of a condition", "make a number of it first: np.where(c, 1.0, 0.0)")
        if ufunc is np.positive:
            return operands[0]
        if ufunc is np.heaviside:
            x, half = operands
            # NaN stays NaN by way of the sign, and the engine's bounds stay within the two steps.
            return where(x == 0, half, 0.5 * (np.sign(x) + 1.0))
        if ufunc in _UNARY:
            return Expr(_UNARY[ufunc], operands)
        if ufunc in _BINARY:
            return Expr(_BINARY[ufunc], operands)
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
        if name.startswith("__"):
            raise AttributeError(name)
        fix = METHODS.get(name, FUNCTIONS.get(name, "a value of the cell is a plain number; use NumPy functions on it"))
        _refuse(f"{self}.{name}", fix)

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        _refuse(f"a conversion of {self} to an array", f"combine values with operators; a rule may use {_KNOWN}")

    def __str__(self) -> str:
        text = _show(self, 6)
        return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."

    def __repr__(self) -> str:
        return f"<Expr {self}>"


class Reader:
    """Something between ``cell`` or ``env`` and a value, such as ``env.drug``: refused where a number should stand."""

    __slots__ = ()

    def example(self) -> str:
        """Show how a value is read from it."""
        return f"{self}[...]"


def _show(expr: Expr, depth: int) -> str:
    """The expression as one would write it."""
    if expr.label:
        return expr.label
    if expr.op in ("const", "param", "input"):
        return f"{expr.value:g}" if isinstance(expr.value, float) else str(expr.value)
    if depth == 0:
        return "..."
    args = [_show(x, depth - 1) for x in expr.args]
    if expr.op in _SYMBOLS:
        left, right = (f"({a})" if x.op in _SYMBOLS else a for a, x in zip(args, expr.args, strict=True))
        return f"{left} {_SYMBOLS[expr.op]} {right}"
    if expr.op in ("neg", "not"):
        sign = "-" if expr.op == "neg" else "~"
        return f"{sign}({args[0]})" if expr.args[0].op in _SYMBOLS else f"{sign}{args[0]}"
    return f"{_CALLS.get(expr.op, f'np.{expr.op}')}({', '.join(args)})"


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
    """Whole numbers become floats, which do not overflow; Python's numbers take the precision of what they meet."""
    if isinstance(x, int | float) and isinstance(k, int | float):
        return np.float64(x), np.float64(k)
    both = [float(v) if isinstance(v, int | float) else np.asarray(v) for v in (x, k)]
    left, right = (v if isinstance(v, float) or v.dtype.kind == "f" else v.astype(np.float64) for v in both)
    return left, right


def formula(expr: Expr) -> str:
    """Write an expression out as a rule would, whole."""
    return _show(expr, _DEEPEST)


def _parts(expr: Expr) -> Iterator[Expr]:
    """Everything an expression is made of, each once."""
    seen: set[int] = set()
    stack = [expr]
    while stack:
        top = stack.pop()
        if id(top) not in seen:
            seen.add(id(top))
            yield top
            stack.extend(top.args)


def size_of(expr: Expr) -> int:
    """Count what an expression is made of."""
    return sum(1 for _ in _parts(expr))


def inputs_of(expr: Expr) -> list[Any]:
    """List what an expression reads, each once: ``"age"``, ``{"trait": 0}`` and so on."""
    found: list[Any] = []
    for part in _parts(expr):
        if part.op == "input" and part.value not in found:
            found.append(part.value)
    return found


class GraphBuilder:
    """Writes expressions as one list of nodes in which equal ones stand once.

    Parameters
    ----------
    parameters : iterable of str
        Full names of the parameters, in the order of the document.
    """

    def __init__(self, parameters: Iterable[str]) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._parameters = {name: i for i, name in enumerate(parameters)}
        self._known: dict[tuple[Any, ...], int] = {}
        # Keeps every expression seen alive, so that an id is never given out twice.
        self._placed: dict[int, tuple[Expr, int]] = {}

    def add(self, expr: Expr) -> int:
        """Write an expression; return the number of its node."""
        stack = [expr]
        while stack:
            top = stack[-1]
            if id(top) in self._placed:
                stack.pop()
                continue
            missing = [x for x in top.args if id(x) not in self._placed]
            if missing:
                stack.extend(missing)
                continue
            self._placed[id(top)] = (top, self._place(top))
            stack.pop()
        return self._placed[id(expr)][1]

    def _place(self, expr: Expr) -> int:
        args = tuple(self._placed[id(x)][1] for x in expr.args)
        # A bool is a number to the engine; repr tells -0.0 from 0.0.
        value = float(expr.value) if expr.op == "const" else expr.value
        key = (expr.op, args, repr(value))
        if key not in self._known:
            self.nodes.append(self._node(expr, args))
            self._known[key] = len(self.nodes) - 1
        return self._known[key]

    def _node(self, expr: Expr, args: tuple[int, ...]) -> dict[str, Any]:
        match expr.op:
            case "const":
                return {"op": "const", "value": float(expr.value)}
            case "param":
                if expr.value not in self._parameters:
                    raise ModelError(f"a rule reads the parameter {expr.value!r}, which the model does not have")
                return {"op": "param", "index": self._parameters[expr.value]}
            case "input":
                return {"op": "input", "input": expr.value}
            case "where":
                return {"op": "where", "c": args[0], "x": args[1], "y": args[2]}
        if len(args) == 1:
            return {"op": "unary", "f": expr.op, "x": args[0]}
        return {"op": "binary", "f": expr.op, "x": args[0], "y": args[1]}
