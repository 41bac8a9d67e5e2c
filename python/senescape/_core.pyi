from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

class CoreError(Exception): ...
class ModelError(CoreError): ...
class RunError(CoreError): ...
class RuleError(CoreError): ...
class DrugError(CoreError): ...
class PoolError(CoreError): ...

class RateError(CoreError):
    rule: str
    fate: str
    time: float
    replicate: int
    kind: str

class MemoryLimitError(CoreError): ...
class InternalError(CoreError): ...

def check(model: str, run: str, columns: Sequence[NDArray[np.float32]]) -> None: ...
def listing(model: str, run: str, columns: Sequence[NDArray[np.float32]]) -> list[tuple[str, str]]: ...
def evaluate(
    nodes: str, roots: Sequence[int], params: Sequence[float], inputs: str, values: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]: ...
def enclose(
    nodes: str,
    roots: Sequence[int],
    params: Sequence[float],
    inputs: str,
    low: Sequence[NDArray[np.float32]],
    high: Sequence[NDArray[np.float32]],
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]: ...
def simulate(
    model: str,
    run: str,
    columns: Sequence[NDArray[np.float32]],
    progress: Callable[[int], object] | None = None,
    outside: object | None = None,
    checkpoint: Callable[[dict[str, Any]], object] | None = None,
    every: float = 0.0,
    states: Sequence[bytes] | None = None,
) -> dict[str, Any]: ...
