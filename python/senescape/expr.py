"""Expressions: what a traced rule becomes.

An :class:`Expr` looks like a NumPy array to a rule, but records what is done to it. A :class:`GraphBuilder` writes
expressions as the list of nodes that the engine compiles, equal ones once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError
from senescape.source import trace_error

__all__ = ["Expr", "GraphBuilder", "hill"]

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

_BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})
"""Operations whose values are 0 or 1."""

_BITWISE = frozenset({np.invert, np.bitwise_and, np.bitwise_or})

_HINTS = {
    "remainder": "write x - np.floor(x / y) * y",
    "floor_divide": "write np.floor(x / y)",
    "fmax": "use np.maximum",
    "fmin": "use np.minimum",
    "tan": "write np.sin(x) / np.cos(x)",
    "sinh": "write (np.exp(x) - np.exp(-x)) / 2",
    "cosh": "write (np.exp(x) + np.exp(-x)) / 2",
    "isnan": "a rule should not make NaN; bound its inputs instead",
    "sum": "a rule sees one cell at a time; read env.sum[fate], env.mean[fate] or env.count[fate]",
    "mean": "a rule sees one cell at a time; read env.mean[fate].trait",
    "max": "for the greater of two values use np.maximum",
    "min": "for the lesser of two values use np.minimum",
    "select": "nest np.where",
    "piecewise": "nest np.where",
    "interp": "write the pieces with np.where or np.clip",
}

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
        A constant's number, a parameter's full name, or an input.
    """

    __slots__ = ("args", "op", "value")
    op: str
    args: tuple[Expr, ...]
    value: Any
    # Comparisons build expressions, so equality cannot be what a hash needs: identity is used instead.
    __hash__ = object.__hash__

    def __init__(self, op: str, args: tuple[Expr, ...] = (), value: Any = None) -> None:
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "value", value)

    @classmethod
    def constant(cls, value: float) -> Expr:
        """A number."""
        number = float(value)
        if not math.isfinite(number):
            raise trace_error(f"the constant {number} is not finite", "use a finite number")
        return cls("const", value=number)

    @classmethod
    def of(cls, value: Any) -> Expr:
        """An expression from whatever stands beside one in a rule."""
        if isinstance(value, Expr):
            return value
        if isinstance(value, bool | int | float | np.bool_ | np.number):
            return cls.constant(float(value))
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return cls.constant(float(value))
        if isinstance(value, np.ndarray | list | tuple):
            raise trace_error(
                f"an array of shape {np.shape(value)} stands in a rule",
                "a rule sees one cell at a time; give per-cell numbers as a trait: sn.Trait(name, initial=array)",
            )
        raise trace_error(
            f"{type(value).__name__} {value!r} is not a number", "use numbers and what cell, env and p give"
        )

    @property
    def boolean(self) -> bool:
        """Whether its values are 0 or 1."""
        return self.op in _BOOLEAN or (self.op == "input" and isinstance(self.value, dict) and "mark" in self.value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            _refuse(f"np.{ufunc.__name__}.{method}", "a rule sees one cell at a time")
        if kwargs.get("out") is not None:
            _refuse(
                f"np.{ufunc.__name__} with out=, or an operator like +=, on a value of the cell",
                "write x = x + ... instead",
            )
        if kwargs:
            _refuse(f"np.{ufunc.__name__} with {', '.join(kwargs)}=", "leave the argument out")
        operands = tuple(Expr.of(x) for x in inputs)
        if ufunc in _BITWISE and not all(x.boolean or x.op == "const" for x in operands):
            _refuse("&, | or ~ on numbers", "use it on comparisons, in parentheses: (a > 1) & (b < 2)")
        if ufunc is np.positive:
            return operands[0]
        if ufunc is np.heaviside:
            x, half = operands
            return where(x < 0, 0.0, where(x > 0, 1.0, half))
        if ufunc in _UNARY:
            return Expr(_UNARY[ufunc], operands)
        if ufunc in _BINARY:
            return Expr(_BINARY[ufunc], operands)
        _refuse(f"np.{ufunc.__name__}", _HINTS.get(ufunc.__name__, f"a rule may use {_KNOWN}"))

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        replacement = _FUNCTIONS.get(function)
        if replacement is None:
            name = getattr(function, "__name__", str(function))
            _refuse(f"np.{name}", _HINTS.get(name, f"a rule may use {_KNOWN}"))
        return replacement(*args, **kwargs)

    def __bool__(self) -> bool:
        _refuse(
            "a branch on a value of the cell (if, and, or, not, min, max, a chained comparison)",
            "use np.where(condition, a, b); &, | and ~ with parentheses for conditions; np.minimum and np.maximum",
        )

    def __float__(self) -> float:
        _refuse(
            "float() of a value of the cell", "leave it out: values are numbers already; for math.exp(x) use np.exp(x)"
        )

    def __int__(self) -> int:
        _refuse("int() of a value of the cell", "use np.floor")

    def __index__(self) -> int:
        _refuse("a value of the cell as an index", "use np.where")

    def __round__(self, digits: int | None = None) -> NoReturn:
        _refuse("round() of a value of the cell", "use np.floor(x + 0.5)")

    def __len__(self) -> int:
        _refuse("len() of a value of the cell", "a rule sees one cell at a time")

    def __iter__(self) -> Any:
        _refuse("a loop over a value of the cell", "a rule sees one cell at a time")

    def __getitem__(self, index: object) -> NoReturn:
        _refuse("an index into a value of the cell", "a rule sees one cell at a time; use np.where for masks")

    def __setitem__(self, index: object, value: object) -> NoReturn:
        _refuse("an assignment into a value of the cell", "write x = np.where(mask, new, x)")

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        _refuse("a conversion of a value of the cell to an array", f"a rule may use {_KNOWN}")

    def __repr__(self) -> str:
        return f"<Expr {self.op}>"


def _refuse(what: str, fix: str) -> NoReturn:
    raise trace_error(f"{what} cannot be traced", fix)


def where(condition: Any, x: Any = None, y: Any = None) -> Expr:
    """`x` where the condition holds, else `y`."""
    if x is None or y is None:
        _refuse("np.where with one argument", "give both values: np.where(condition, a, b)")
    return Expr("where", (Expr.of(condition), Expr.of(x), Expr.of(y)))


def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **other: Any) -> Expr:
    if other:
        _refuse(f"np.clip with {', '.join(other)}=", "leave the argument out")
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    out = Expr.of(x)
    if low is not None:
        out = Expr("max", (out, Expr.of(low)))
    if high is not None:
        out = Expr("min", (out, Expr.of(high)))
    return out


_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.where: where,
    np.clip: _clip,
    np.zeros_like: lambda x, **_: Expr.constant(0.0),
    np.ones_like: lambda x, **_: Expr.constant(1.0),
    np.full_like: lambda x, value, **_: Expr.of(value),
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
        The exponent.

    Examples
    --------
    >>> float(hill(1.0, 1.0, 4))
    0.5
    """
    if not any(isinstance(value, Expr) for value in (x, k, n)):
        x, k = np.asarray(x), np.asarray(k)
    # A literal exponent of 1 needs no power: NumPy and the engine then do the very same operations.
    if isinstance(n, int | float) and n == 1:
        return x / (k + x)
    raised = x**n
    return raised / (k**n + raised)


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
        """The number of an expression's node."""
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
        key = (expr.op, args, repr(expr.value))
        if key not in self._known:
            self.nodes.append(self._node(expr, args))
            self._known[key] = len(self.nodes) - 1
        return self._known[key]

    def _node(self, expr: Expr, args: tuple[int, ...]) -> dict[str, Any]:
        match expr.op:
            case "const":
                return {"op": "const", "value": expr.value}
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
