# The types of the compiled part of programs.
from collections.abc import Callable
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from ._core import Trace

_Array: TypeAlias = NDArray[np.float64]
_Line: TypeAlias = tuple[str, int, str]  # file, line, function
_Nodes: TypeAlias = NDArray[np.int32]

__all__ = [
    "GRAPH_OPS",
    "FUNCTION_ADDRESSES",
    "Graph",
    "graph_of_trace",
    "graph_between",
    "reverse_sweep",
    "forward_sweep",
    "Executable",
    "Places",
    "Batch",
    "replay",
    "lanes_available",
    "Clock",
    "Usage",
    "FastCall",
    "EagerCalls",
    "FastCallable",
    "PLAIN",
    "Read",
    "Reads",
    "may_replace",
    "chooses",
    "nan_check",
]

GRAPH_OPS: tuple[str, ...]
FUNCTION_ADDRESSES: dict[str, int]

@final
class Graph:
    inputs: int
    def __len__(self) -> int: ...
    def columns(self) -> dict[str, Any]: ...
    @staticmethod
    def of(columns: Any) -> Graph: ...

def graph_of_trace(
    trace: Trace, outputs: list[Any]
) -> tuple[Graph, _Nodes, list[tuple[int, int, _Line]], list[Any]]: ...
def graph_between(
    trace: Trace, outs: list[Any], ins: list[Any], cut: list[Any] | None
) -> tuple[Graph, list[int], list[Any], dict[int, Any]] | None: ...
def reverse_sweep(
    g: Graph, outputs: Any, wrt: Any, seeded: bool, careful: bool = True
) -> tuple[Graph, _Nodes, int]: ...
def forward_sweep(g: Graph, outputs: Any, wrt: Any, careful: bool = True) -> tuple[Graph, _Nodes, int]: ...
def specialised(
    g: Graph, outputs: Any, guards: Any, inputs: Any
) -> tuple[Graph, Any, list[tuple[int, int]]] | None: ...
def chooses(g: Graph, later: bool = False) -> bool: ...
def nan_check(g: Graph, nodes: Any) -> int | None: ...

@final
class Executable:
    graph: Graph
    outputs: _Nodes
    guards: NDArray[np.int32]
    constants: int
    inputs: int
    results: int
    machine: object
    runs: int
    fast_runs: int
    ask_at: int
    @property
    def size(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def instructions(self) -> int: ...
    def __new__(cls, graph: Graph, outputs: Any, guards: Any = ()) -> Self: ...
    def listing(self, lanes: bool = False) -> list[tuple[Any, ...]]: ...
    def histogram(self) -> dict[str, int]: ...
    def use_native(self, machine: object, address: int, work: int) -> None: ...

def replay(executable: Executable, inputs: _Array, results: _Array) -> int: ...
def lanes_available() -> tuple[str, ...]: ...

@final
class Places:
    size: int
    def __new__(cls, addresses: NDArray[np.int64], strides: NDArray[np.int64], held: object) -> Self: ...
    @staticmethod
    def same(numbers: _Array) -> Places: ...

@final
class Batch:
    executable: Executable
    points: int
    piece: int
    pieces: int
    failed: NDArray[np.int32]
    def __new__(
        cls,
        executable: Executable,
        points: int,
        sources: tuple[Places, ...],
        targets: Places | None,
        kind: str = "",
        index: NDArray[Any] | None = None,
        start: int = 0,
    ) -> Self: ...
    def run(self, k: int) -> _Array | None: ...
    def close(self) -> None: ...
    def left(self) -> list[tuple[NDArray[np.int64], int]]: ...

PLAIN: set[type]
def may_replace(x: object, y: object) -> bool: ...

@final
class Read:
    owner: object
    key: Any
    text: str
    absent: bool
    where: str
    @property
    def kind_name(self) -> str: ...
    @property
    def value(self) -> Any: ...
    def __init__(
        self, kind: str, owner: object, key: Any, expected: Any, text: str, absent: bool = False, where: str = ""
    ) -> None: ...
    def copy(self) -> Read: ...

@final
class Reads:
    reads: list[Read]
    def __init__(self, reads: list[Read]) -> None: ...
    def __len__(self) -> int: ...
    def copy(self) -> Reads: ...
    def bind(self, captured: list[Any]) -> None: ...
    def filled(self) -> list[Any]: ...
    def hold(self, captured: list[Any]) -> bool: ...

@final
class Clock:
    now: int

@final
class Usage:
    clock: Clock
    uses: int
    last: int
    def __init__(self, clock: Clock) -> None: ...
    def note(self) -> None: ...

@final
class FastCall:
    executable: Executable
    def __init__(
        self,
        executable: Executable,
        usage: Usage,
        arguments: tuple[Any, ...],
        captured: list[Any],
        shapes: tuple[Any, ...],
        conditions: list[Any],
        reads: Reads | None,
        value: Any,
        gradients: tuple[Any, ...] | None,
        many: bool,
    ) -> None: ...

@final
class EagerCalls:
    def __init__(
        self, function: Callable[..., Any], tape: Callable[[], object], usage: Usage, calls: int
    ) -> None: ...

@disjoint_base
class FastCallable:
    eager_calls: EagerCalls | None
    fast_calls: dict[Any, list[FastCall]]
    def remember(self, kind: Any, call: FastCall) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def grad(self, *args: Any, argnums: Any = None, captured: Any = None, **kwargs: Any) -> Any: ...
    def value_and_grad(self, *args: Any, argnums: Any = None, captured: Any = None, **kwargs: Any) -> Any: ...
