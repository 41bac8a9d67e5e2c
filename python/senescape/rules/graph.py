"""The graph of a model: expressions as the list of nodes that the engine compiles, equal ones once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from senescape.errors import ModelError
from senescape.rules.expression import Expr

__all__ = ["GraphBuilder"]


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
