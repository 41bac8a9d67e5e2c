"""Trace a rule: call it, twice, with stand-ins for the cell, the environment and the parameters."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from senescape._support.suggest import did_you_mean
from senescape.errors import SenescapeError, TraceError
from senescape.rules.expression import Expr, Reader, numbered, size_of
from senescape.rules.rewrites import COMPILED
from senescape.rules.rule import RuleFunction
from senescape.rules.source_location import (
    Tracing,
    code_of,
    missing_error,
    note_refusal,
    raised_at,
    source_line,
    trace_error,
    tracing,
)

__all__ = ["Names", "Postponed", "trace"]

_MOST_OPERATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Names:
    """What a model's rules can read.

    Parameters
    ----------
    fates, traits, marks, drugs, pools, signals : sequence of str
        Names in the order of the model.
    signal : callable
        Gives what a signal of a name computes.
    """

    fates: Sequence[str] = ()
    traits: Sequence[str] = ()
    marks: Sequence[str] = ()
    drugs: Sequence[str] = ()
    pools: Sequence[str] = ()
    signals: Sequence[str] = ()
    signal: Callable[[str], Expr] | None = None


class Postponed(BaseException):
    """A rule reads a signal that is to be traced first; no error, and not for a rule to catch.

    Parameters
    ----------
    name : str
        The signal.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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

    Returns
    -------
    Expr
        What it computes.

    Raises
    ------
    TraceError
        If it cannot be traced; the message names the owner and shows the line and the rewrite.
    """
    try:
        _refuse_compiled(function)
        value = _called(function, names, params, cell)
        _refuse_change(value, function, lambda: _called(function, names, params, cell))
        return value
    except TraceError as error:
        told = TraceError(error.what, owner=owner, at=error.at, fix=error.fix, missing=error.missing)
        told.note = error.note
        raise told from None
    except SenescapeError:
        raise
    except Exception as error:
        raise TraceError(
            f"the rule raised {type(error).__name__}: {error}",
            owner=owner,
            at=raised_at(error, function),
            fix="a rule is traced by calling it with stand-ins for cell, env and p; it must not raise",
        ) from error


def _called(function: RuleFunction, names: Names, params: Mapping[str, str], cell: bool) -> Expr:
    """Call a rule with stand-ins; what it catches of what is refused ends it all the same."""
    environment, values = _Environment(names), _Params(params)
    with tracing(function) as traced:
        try:
            result = function(_Cell(names), environment, values) if cell else function(environment, values)
        except TraceError:
            raise
        except Exception:
            _raise_caught(traced)
            raise
        _raise_caught(traced)
        return _not_too_large(_checked(result, function), function)


def _raise_caught(traced: Tracing) -> None:
    error = traced.caught()
    if isinstance(error, TraceError):
        error.note = (
            "the rule catches this error (try, or contextlib.suppress). It would be compiled as if that always happened; to "
            "ask whether there is a name write 'name' in cell, or 'name' in env.drug"
        )
        raise error
    if error is not None:
        raise error


def _refuse_compiled(function: RuleFunction) -> None:
    for attribute, what, fix in (
        ("py_func", "compiled by Numba", "the engine compiles rules itself: remove @njit or @jit, or give {}.py_func"),
        ("pyfunc", "made by np.vectorize", "the engine runs a rule for every cell: give the plain function, {}.pyfunc"),
    ):
        plain = getattr(function, attribute, None)
        if callable(plain) and callable(function):
            code, name = code_of(plain), getattr(plain, "__name__", "rule")
            at = repr(plain) if code is None else source_line(code, code.co_firstlineno)
            shown = "the function" if name == "<lambda>" else name
            raise trace_error(f"the rule is {what}, which cannot be traced", fix.format(shown), at)


_PURE = (
    "use no random numbers, clocks or state that changes: a rule is traced when the model is made, and what it finds then "
    "would hold for every cell at every time. The engine draws when hazards strike; a random number of each cell's own is a "
    "trait, sn.Trait(name, sn.LogNormal(...)); the time is env.time"
)


def _refuse_change(value: Expr, function: RuleFunction, call: Callable[[], Expr]) -> None:
    """Call a rule again: it must be made of the very same operations."""
    try:
        again = call()
    except Exception as error:
        what = error.what if isinstance(error, SenescapeError) else str(error).partition("\n")[0]
        raise trace_error(
            f"the rule was called twice and raised {type(error).__name__} the second time only: {what}",
            _PURE,
            raised_at(error, function),
        ) from error
    if _same_at_once(value, again):
        return
    numbers = numbered(value, again)
    if numbers[id(value)] == numbers[id(again)]:
        return
    first, second = value, again
    # Down to where they begin to differ.
    while (first.op, len(first.args), repr(first.value)) == (second.op, len(second.args), repr(second.value)):
        first, second = next(
            (x, y) for x, y in zip(first.args, second.args, strict=True) if numbers[id(x)] != numbers[id(y)]
        )
    raise trace_error(
        f"the rule changes from call to call: where it first gave {_exactly(first)}, it then gave {_exactly(second)}",
        _PURE,
        _return_line(function),
    )


def _same_at_once(one: Expr, two: Expr) -> bool:
    """Tell whether two expressions are built alike, part by part; what they share, such as signals, is not looked at."""
    partner: dict[int, Expr] = {}
    stack = [(one, two)]
    while stack:
        x, y = stack.pop()
        if x is y or partner.get(id(x)) is y:
            continue
        if id(x) in partner or (x.op, len(x.args), repr(x.value)) != (y.op, len(y.args), repr(y.value)):
            return False
        partner[id(x)] = y
        stack.extend(zip(x.args, y.args, strict=True))
    return True


def _exactly(expr: Expr) -> str:
    """Return an expression for a message; a number with all its digits, of which the last may be what matters."""
    return repr(expr.value) if expr.op == "const" else str(expr)


def _checked(result: Any, function: RuleFunction) -> Expr:
    if isinstance(result, Expr):
        return result
    at = _return_line(function)
    if result is None:
        raise trace_error("the rule returned None", "return the value: a return statement is missing", at)
    try:
        return Expr.of(result)
    except TraceError as error:
        raise trace_error(f"the rule returned something else: {error.what}", error.fix, at) from None


def _not_too_large(value: Expr, function: RuleFunction) -> Expr:
    n = size_of(value)
    if n > _MOST_OPERATIONS:
        raise trace_error(
            f"the rule is made of {n:,} operations; at most {_MOST_OPERATIONS:,} are possible",
            "look for a loop that builds an expression: a rule is traced once, and its loops are unrolled",
            _return_line(function),
        )
    return value


def _return_line(function: RuleFunction) -> str:
    """Return the last line of a function that returns, as far as its byte code tells."""
    code = code_of(function)
    if code is None:
        return f"{function!r}, which has no source"
    line = code.co_firstlineno
    for each in dis.get_instructions(code):
        place = each.positions.lineno if each.positions else None
        if each.opname.startswith("RETURN") and place is not None:
            line = max(line, place)
    return source_line(code, line)


class _StandIn(Reader):
    """Something a rule reads by attribute and must not change."""

    __slots__ = ("_what",)
    _what: str

    def __str__(self) -> str:
        return self._what

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise trace_error(
            f"the rule assigns to {self._what}.{name}",
            "a rule only computes; change traits with set={...} of a transition",
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise trace_error(f"the rule deletes {self._what}.{name}", "a rule only computes")


class _Cell(_StandIn):
    __slots__ = ("_names",)
    _names: Names

    def __init__(self, names: Names) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_what", "cell")

    def example(self) -> str:
        return f"cell.{self._names.traits[0] if self._names.traits else 'age'}"

    def __getattr__(self, name: str) -> Any:
        _no_dunder(name, self)
        names = self._names
        if name in names.traits:
            return Expr("input", value={"trait": names.traits.index(name)}, label=f"cell.{name}")
        if name == "age":
            return Expr("input", value="age", label="cell.age")
        if name == "mark":
            return _Items(
                "cell.mark", names.marks, lambda i, label: Expr("input", value={"mark": i}, label=label), "mark"
            )
        if name == "signal":
            return _Items(
                "cell.signal", names.signals, lambda i, label: _signal(names, names.signals[i], label), "signal"
            )
        for kind, known, right in (
            ("mark", names.marks, f"cell.mark[{name!r}]"),
            ("signal", names.signals, f"cell.signal[{name!r}]"),
            ("drug", names.drugs, f"env.drug[{name!r}]"),
            ("pool", names.pools, f"env.pool[{name!r}]"),
        ):
            if name in known:
                raise missing_error(
                    f"the cell has no trait {name!r}, but there is a {kind} of that name", f"write {right}", ""
                )
        raise missing_error(
            f"the cell has no trait {name!r}{did_you_mean(name, [*names.traits, 'age', 'mark', 'signal'])}",
            f"add sn.Trait({name!r}, ...) to the model, or correct the name",
            name,
        )

    def __contains__(self, name: object) -> bool:
        # Known when the rule is traced, so a rule may ask what the model has.
        return name in ("age", "mark", "signal") or name in self._names.traits

    def __getitem__(self, name: object) -> NoReturn:
        raise trace_error(f"cell[{name!r}] is written as an item", f"write cell.{name}")


def _signal(names: Names, name: str, label: str) -> Expr:
    if names.signal is None:
        raise trace_error(
            f"{label} cannot be read here", "signals are of a model: give them as signals=[sn.Signal(...)]"
        )
    try:
        value = names.signal(name)
    except (SenescapeError, Postponed) as error:
        note_refusal(error)
        raise
    # The same operations under the name that the rule knows them by.
    return Expr(value.op, value.args, value.value, label)


_OF_ENV = ("time", "drug", "pool", "count", "sum", "mean")


class _Environment(_StandIn):
    __slots__ = ("_names",)
    _names: Names

    def __init__(self, names: Names) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_what", "env")

    def example(self) -> str:
        return "env.time"

    def __getattr__(self, name: str) -> Any:
        _no_dunder(name, self)
        names = self._names
        what = f"env.{name}"

        def reader(kind: str) -> Callable[[int, str], Expr]:
            return lambda i, label: Expr("input", value={kind: i}, label=label)

        match name:
            case "time":
                return Expr("input", value="time", label=what)
            case "drug":
                return _Items(what, names.drugs, reader("drug"), "drug")
            case "pool":
                return _Items(what, names.pools, reader("pool"), "pool")
            case "count":
                return _Items(what, names.fates, reader("count"), "fate")
            case "sum" | "mean":
                return _Items(what, names.fates, lambda i, label: _OverFate(names, name, i, label), "fate")
        raise missing_error(f"env has no {name!r}{did_you_mean(name, _OF_ENV)}", f"env has: {', '.join(_OF_ENV)}", "")

    def __contains__(self, name: object) -> bool:
        return name in _OF_ENV

    def __getitem__(self, name: object) -> NoReturn:
        raise trace_error(f"env[{name!r}] is not known", f"write env.drug[{name!r}] or env.pool[{name!r}]")


class _OverFate(_StandIn):
    __slots__ = ("_fate", "_kind", "_names")
    _names: Names
    _kind: str
    _fate: int

    def __init__(self, names: Names, kind: str, fate: int, what: str) -> None:
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_fate", fate)
        object.__setattr__(self, "_what", what)

    def example(self) -> str:
        return f"{self._what}.{self._names.traits[0] if self._names.traits else '<trait>'}"

    def __getattr__(self, name: str) -> Expr:
        _no_dunder(name, self)
        traits = self._names.traits
        if name not in traits:
            raise missing_error(
                f"{self._what}.{name}: there is no trait {name!r}{did_you_mean(name, traits)}",
                "correct the name or add the trait",
                name,
            )
        value = {self._kind: {"fate": self._fate, "of": traits.index(name)}}
        return Expr("input", value=value, label=f"{self._what}.{name}")

    def __contains__(self, name: object) -> bool:
        return name in self._names.traits

    def __getitem__(self, name: object) -> NoReturn:
        raise trace_error(f"{self._what}[{name!r}] is written as an item", f"write {self._what}.{name}")


class _Items(Reader):
    """Something a rule reads by ``[name]``."""

    __slots__ = ("_kind", "_make", "_names", "_what")

    def __init__(self, what: str, names: Sequence[str], make: Callable[[int, str], Any], kind: str) -> None:
        self._what, self._names, self._make, self._kind = what, names, make, kind

    def __str__(self) -> str:
        return self._what

    def example(self) -> str:
        return f"{self._what}[{self._names[0] if self._names else 'name'!r}]"

    def __getitem__(self, name: str) -> Any:
        if isinstance(name, Expr) or name not in self._names:
            shown = str(name) if isinstance(name, Expr) else repr(name)
            near = did_you_mean(str(name), self._names)
            error = trace_error(
                f"{self._what}[{shown}]: the model has no such {self._kind}{near}",
                f"add the {self._kind} {shown} to the model, or correct the name",
            )
            error.missing = str(name)
            raise error
        return self._make(self._names.index(name), f"{self._what}[{name!r}]")

    def __getattr__(self, name: str) -> NoReturn:
        _no_dunder(name, self)
        raise missing_error(f"{self._what}.{name} is written as an attribute", f"write {self._what}[{name!r}]", "")

    def __setitem__(self, name: object, value: object) -> NoReturn:
        raise trace_error(f"the rule assigns to {self._what}[{name!r}]", "a rule only computes")

    def __contains__(self, name: object) -> bool:
        # Known when the rule is traced, so a rule may ask what the model has.
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Params(_StandIn):
    __slots__ = ("_full",)
    _full: dict[str, str]

    def __init__(self, full: Mapping[str, str]) -> None:
        object.__setattr__(self, "_full", dict(full))
        object.__setattr__(self, "_what", "p")

    def example(self) -> str:
        return f"p.{next(iter(self._full), '<param>')}"

    def __getattr__(self, name: str) -> Expr:
        _no_dunder(name, self)
        if name not in self._full:
            raise missing_error(
                f"the rule has no parameter {name!r}{did_you_mean(name, self._full)}",
                f"add {name!r} to its params={{...}}, or correct the name",
                "",
            )
        return Expr("param", value=self._full[name], label=f"p.{name}")

    def __contains__(self, name: object) -> bool:
        return name in self._full

    def __getitem__(self, name: str) -> Expr:
        return getattr(self, name)  # type: ignore[no-any-return]


def _no_dunder(name: str, what: object) -> None:
    """Python asks objects for special names of its own accord; those are no mistake of a rule."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name in COMPILED:
        raise trace_error(f"{what} is given to a function compiled by Numba, which cannot be traced", COMPILED[name])
