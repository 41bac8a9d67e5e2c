"""Write expressions out as a rule would."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from senescape.rules.expression import Expr

from senescape.rules.operations import SYMBOLS

__all__ = ["formula", "shown"]

_CALLS = {"min": "np.minimum", "max": "np.maximum", "where": "np.where"}

_MOST_SHOWN = 60
"""Characters of an expression in a message."""

_LONGEST_WHOLE = 2_000
"""Characters of a formula that is written in one piece."""

_LONGEST = 20_000
"""Characters, about, of a formula that is written in parts."""

_DEEPEST = 6
"""Operations within each other in a message, or in a part of a formula."""

_SMALL = 3
"""Operations within each other, the values that they begin with counted, in what is no part of its own."""


class _Parts:
    """The parts of a long formula, numbered in the order in which they are first met."""

    def __init__(self, expr: Expr) -> None:
        self.found: list[Expr] = []
        self._numbers: dict[int, int] = {}
        self._shared: set[int] = set()
        seen: set[int] = set()
        stack = [expr]
        while stack:
            top = stack.pop()
            if _is_leaf(top):
                continue
            if id(top) in seen:
                self._shared.add(id(top))
                continue
            seen.add(id(top))
            stack.extend(top.args)
        self.operations = len(seen)

    def name(self, expr: Expr, deep: bool) -> str | None:
        """Name a part that stands in several places, or too deep in a line; None for all others."""
        if id(expr) not in self._numbers:
            if expr.depth <= _SMALL or not (deep or id(expr) in self._shared):
                return None
            self.found.append(expr)
            self._numbers[id(expr)] = len(self.found)
        return f"part_{self._numbers[id(expr)]}"


def shown(expr: Expr) -> str:
    """Write the outermost operations of an expression, for messages."""
    text = _line(expr, _DEEPEST, _MOST_SHOWN)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def formula(expr: Expr) -> str:
    """Write an expression out as a rule would.

    A long one is written in parts: those that stand in several places once, those that nest deep by themselves. Of a very
    long one only the outermost parts are written.

    Parameters
    ----------
    expr : Expr
        The expression.

    Returns
    -------
    str
        One line, or more: ``"part_1 * part_1"``, ``"where part_1 = cell.depth + ..."``.
    """
    whole = _line(expr, None, _LONGEST_WHOLE)
    if len(whole) <= _LONGEST_WHOLE:
        return whole
    parts = _Parts(expr)
    lines = [_line(expr, _DEEPEST, _LONGEST, parts)]
    for number, part in enumerate(parts.found, 1):  # which grows meanwhile
        if sum(map(len, lines)) > _LONGEST:
            return "\n".join([*lines, f"and so on: {parts.operations:,} operations in all"])
        lines.append(f"where part_{number} = {_line(part, _DEEPEST, _LONGEST, parts)}")
    return "\n".join(lines)


def _is_leaf(expr: Expr) -> bool:
    return bool(expr.label) or not expr.args


def _line(expr: Expr, deepest: int | None, longest: int, parts: _Parts | None = None) -> str:
    """Write an expression in one line, which ends soon after `longest` characters."""
    out: list[str] = []
    length = 0
    # What is still to be written, the last first: texts, and expressions with the operations that they lie in.
    stack: list[str | tuple[Expr, int]] = [(expr, 0)]
    while stack and length <= longest:
        top = stack.pop()
        if isinstance(top, str):
            out.append(top)
            length += len(top)
            continue
        part, depth = top
        stack.extend(reversed(_pieces(part, depth, deepest, parts)))
    return "".join(out)


def _pieces(expr: Expr, depth: int, deepest: int | None, parts: _Parts | None) -> list[str | tuple[Expr, int]]:
    """Return one operation as texts and operands."""
    if expr.label:
        return [expr.label]
    if not expr.args:
        return [f"{expr.value:g}" if isinstance(expr.value, float) else str(expr.value)]
    deep = depth == deepest
    if depth and parts is not None and (name := parts.name(expr, deep)) is not None:
        return [name]
    if deep and parts is None:
        return ["..."]
    if expr.op in SYMBOLS:
        left, right = (_operand(each, depth + 1, deepest, parts) for each in expr.args)
        return [*left, f" {SYMBOLS[expr.op]} ", *right]
    if expr.op in ("neg", "not"):
        return ["-" if expr.op == "neg" else "~", *_operand(expr.args[0], depth + 1, deepest, parts)]
    pieces: list[str | tuple[Expr, int]] = [f"{_CALLS.get(expr.op, f'np.{expr.op}')}("]
    for each in expr.args:
        pieces += [(each, depth + 1), ", "]
    return [*pieces[:-1], ")"]


def _operand(expr: Expr, depth: int, deepest: int | None, parts: _Parts | None) -> list[str | tuple[Expr, int]]:
    """Return an operand of a symbol, in brackets where it is itself written with one."""
    if expr.label or expr.op not in SYMBOLS:
        return [(expr, depth)]
    if parts is not None and (name := parts.name(expr, depth == deepest)) is not None:
        return [name]
    return ["(", (expr, depth), ")"]
