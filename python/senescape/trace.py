"""Trace a rule: call it once with stand-ins for the cell, the environment and the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from senescape.errors import SenescapeError, TraceError
from senescape.expr import Expr
from senescape.rules import RuleFunction
from senescape.source import trace_error
from senescape.suggest import did_you_mean

__all__ = ["Names", "trace"]


@dataclass(frozen=True, slots=True)
class Names:
    """What a model's rules can read."""

    fates: Sequence[str] = ()
    traits: Sequence[str] = ()
    marks: Sequence[str] = ()
    drugs: Sequence[str] = ()
    pools: Sequence[str] = ()


def trace(function: RuleFunction, names: Names, params: Mapping[str, str], owner: str, cell: bool = True) -> Expr:
    """Trace a rule into an expression.

    Parameters
    ----------
    function : callable
        The rule.
    names : Names
        What it can read.
    params : mapping of str to str
        The full names of its parameters by the names it uses.
    owner : str
        What the rule belongs to, for messages.
    cell : bool
        Whether it may read the cell. A pool's rate may not: it is called with (env, p).

    Raises
    ------
    TraceError
        If it cannot be traced; the message names the owner and shows the line and the rewrite.
    """
    environment, values = _Environment(names), _Params(params)
    try:
        result = function(_Cell(names), environment, values) if cell else function(environment, values)  # type: ignore[call-arg]
        return _checked(result, function)
    except TraceError as error:
        raise TraceError(f"{owner}: {error}") from None
    except SenescapeError:
        raise
    except Exception as error:
        place = _place(error, function)
        raise TraceError(
            f"{owner}: the rule raised {type(error).__name__}: {error}\n  at {place}\n"
            "  fix: a rule is traced by calling it once with stand-ins for cell, env and p; it must not raise"
        ) from error


def _checked(result: Any, function: RuleFunction) -> Expr:
    if result is None:
        raise trace_error(
            f"the rule {_name(function)} returned None", "return the value: a return statement is missing"
        )
    return Expr.of(result)


def _name(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", repr(function))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else str(name)


def _place(error: BaseException, function: RuleFunction) -> str:
    trace = error.__traceback__
    place = _name(function)
    while trace is not None:
        code = trace.tb_frame.f_code
        if code is getattr(function, "__code__", None):
            place = f"{code.co_filename}:{trace.tb_lineno}, in {code.co_name}"
        trace = trace.tb_next
    return place


class _StandIn:
    """Something a rule reads by attribute and must not change."""

    __slots__ = ()
    _what = "it"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise trace_error(
            f"the rule assigns to {self._what}.{name}",
            "a rule only computes; change traits with set={...} of a transition",
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise trace_error(f"the rule deletes {self._what}.{name}", "a rule only computes")


class _Cell(_StandIn):
    __slots__ = ("_names",)
    _what = "cell"

    def __init__(self, names: Names) -> None:
        object.__setattr__(self, "_names", names)

    def __getattr__(self, name: str) -> Any:
        names: Names = self._names
        if name in names.traits:
            return Expr("input", value={"trait": names.traits.index(name)})
        if name == "age":
            return Expr("input", value="age")
        if name == "mark":
            return _Items("cell.mark", names.marks, lambda i: Expr("input", value={"mark": i}), "mark")
        raise trace_error(
            f"the cell has no trait {name!r}{did_you_mean(name, [*names.traits, 'age'])}",
            f"add sn.Trait({name!r}, ...) to the model, or correct the name",
        )


class _Environment(_StandIn):
    __slots__ = ("_names",)
    _what = "env"

    def __init__(self, names: Names) -> None:
        object.__setattr__(self, "_names", names)

    def __getattr__(self, name: str) -> Any:
        names: Names = self._names
        match name:
            case "time":
                return Expr("input", value="time")
            case "drug":
                return _Items("env.drug", names.drugs, lambda i: Expr("input", value={"drug": i}), "drug")
            case "pool":
                return _Items("env.pool", names.pools, lambda i: Expr("input", value={"pool": i}), "pool")
            case "count":
                return _Items("env.count", names.fates, lambda i: Expr("input", value={"count": i}), "fate")
            case "sum" | "mean":
                return _Items(f"env.{name}", names.fates, lambda i: _OverFate(names, name, i), "fate")
        known = ["time", "drug", "pool", "count", "sum", "mean"]
        raise trace_error(f"env has no {name!r}{did_you_mean(name, known)}", f"env has: {', '.join(known)}")


class _OverFate(_StandIn):
    __slots__ = ("_fate", "_kind", "_names")
    _what = "env.mean[...]"

    def __init__(self, names: Names, kind: str, fate: int) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_fate", fate)

    def __getattr__(self, name: str) -> Expr:
        traits: Sequence[str] = object.__getattribute__(self, "_names").traits
        if name not in traits:
            raise trace_error(
                f"there is no trait {name!r}{did_you_mean(name, traits)}", "correct the name or add the trait"
            )
        return Expr("input", value={self._kind: {"fate": self._fate, "of": traits.index(name)}})


class _Items:
    """Something a rule reads by ``[name]``."""

    __slots__ = ("_kind", "_make", "_names", "_what")

    def __init__(self, what: str, names: Sequence[str], make: Callable[[int], Any], kind: str) -> None:
        self._what, self._names, self._make, self._kind = what, names, make, kind

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise trace_error(
                f"{self._what}[{name!r}]: the model has no such {self._kind}{did_you_mean(name, self._names)}",
                f"add the {self._kind} {name!r} to the model, or correct the name",
            )
        return self._make(list(self._names).index(name))

    def __getattr__(self, name: str) -> NoReturn:
        raise trace_error(f"{self._what}.{name} is written as an attribute", f"write {self._what}[{name!r}]")

    def __setitem__(self, name: object, value: object) -> NoReturn:
        raise trace_error(f"the rule assigns to {self._what}[{name!r}]", "a rule only computes")


class _Params(_StandIn):
    __slots__ = ("_full",)
    _what = "p"

    def __init__(self, full: Mapping[str, str]) -> None:
        object.__setattr__(self, "_full", dict(full))

    def __getattr__(self, name: str) -> Expr:
        if name not in self._full:
            raise trace_error(
                f"the rule has no parameter {name!r}{did_you_mean(name, self._full)}",
                f"add {name!r} to its params={{...}}",
            )
        return Expr("param", value=self._full[name])

    def __getitem__(self, name: str) -> Expr:
        return getattr(self, name)  # type: ignore[no-any-return]
