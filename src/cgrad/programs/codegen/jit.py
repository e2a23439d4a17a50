"""Machine code of programs, by LLVM: the extra ``pip install 'pycgrad[native]'``.

The code does what the interpreter does, to the bit: its formulas are those of the op table, its functions are the
core's own, and LLVM is given no leave to reassociate or contract. (Only the sign of a nan is not defined, as in C.)
What was a loop before it was recorded becomes a loop again (``programs.codegen.reroll``), so code for a million
operations may take milliseconds to make; straight code is cut into functions, so that it takes time in proportion to
its size.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ... import errors
from ..._optable import OPS
from ..._program import FUNCTION_ADDRESSES, GRAPH_OPS, Executable
from ..locks import Lock, hold_over_forks
from .emission import FunctionText
from .layout import PIECE, Layout
from .llvm import Llvm
from .program import ProgramWriter
from .reroll import MAX_PERIOD, prepare, reroll

CHUNK = 30_000  # nodes that LLVM holds at once
LEVEL = 2  # of LLVM's code generation, 0 to 3
QUICK = 20_000  # nodes beyond which level 0 is taken: code made 4 times, run 0.6 to 0.8 times as fast
ROWS = {op.name for op in OPS}

_lock = Lock()
_binding: Any = None


class Machine:
    """Machine code of a graph: ``address`` of a C function ``int32 (const double *in, double *out, double *work)``.

    It returns 0, or k + 1 if guard k fails; ``out`` is then incomplete. ``work`` is the number of
    doubles that it needs there. The arrays must not overlap. The code needs no GIL, and lives as long as this object.
    """

    __slots__ = ("address", "work", "blocks", "_engines", "_kept")

    def __init__(self, address: int, work: int, blocks: int, engines: list[Any], kept: list[Any]) -> None:
        self.address, self.work, self.blocks = address, work, blocks
        self._engines, self._kept = engines, kept

    def __call__(self, inputs: Any, outputs: Any, work: Any) -> int:
        """Run it on float64 arrays: for tests."""
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p]*3)
        return int(kind(self.address)(inputs.ctypes.data, outputs.ctypes.data, work.ctypes.data))


def install(executable: Executable) -> None:
    """Let machine code do from now on what an executable does. Raises ImportError as ``binding`` does."""
    machine = compile_native(GRAPH_OPS, executable.graph.columns(), executable.outputs,
                             [(node, expected) for node, expected, _ in executable.guards.tolist()], FUNCTION_ADDRESSES)
    executable.use_native(machine, machine.address, machine.work)


def binding() -> Any:
    """llvmlite's binding, ready for this processor. Raises ImportError, which names the extra, without llvmlite."""
    global _binding
    with _lock:
        if _binding is None:
            try:
                found = importlib.import_module("llvmlite.binding")
            except ImportError as error:
                raise errors.no_native() from error
            found.initialize_native_target()
            found.initialize_native_asmprinter()
            hold_over_forks(importlib.import_module("llvmlite.binding.ffi").lib._lock)  # held in each of its calls
            _binding = found
        return _binding


def features(llvm: Any) -> frozenset[str]:
    """The features of this processor."""
    found = {name for name, there in llvm.get_host_cpu_features().items() if there}
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):
        found.add("neon")
    return frozenset(found)


def compile_native(names: Sequence[str], columns: Mapping[str, Any], outputs: Any,
                   guards: Sequence[tuple[int, int]], functions: Mapping[str, int], *, level: int = LEVEL,
                   piece: int = PIECE, loops: bool = True) -> Machine:
    """Machine code of a graph: its ``columns``, opcodes named by ``names``, the nodes that are ``outputs``.

    ``guards`` are pairs of a node and its outcome (0 or 1), in order of evaluation, and are checked as soon as the node
    is computed. ``functions`` are the addresses of the functions that formulas name; with one for ``sincos`` (whose
    results must have the bits of ``sin`` and ``cos``) pairs of these are computed by one call. Raises ImportError,
    which names the extra, without llvmlite.
    """
    llvm = binding()
    numbered = [(int(node), int(expected), k) for k, (node, expected) in enumerate(guards, 1)]
    code = prepare(names, columns, outputs, numbered, "sincos" in functions)
    frames = reroll(code, MAX_PERIOD if loops else 0)
    language = Llvm(names, functions, features(llvm))
    layout = Layout(code, frames, [name in ROWS and language.cheap(name) for name in names], piece)
    texts = ProgramWriter(layout, language, "piece").write("entry")
    builder = Builder(llvm, language, level)
    address = builder.build(texts)
    return Machine(address, layout.size, len(texts), builder.engines, language.kept)


class Builder:
    """Functions as text, made to machine code, a chunk of them at a time."""

    def __init__(self, llvm: Any, language: Llvm, level: int) -> None:
        self.llvm, self.head, self.level = llvm, language.head(), level
        for name, address in language.lowering.symbols.values():
            llvm.add_symbol(name, address)
        self.engines: list[Any] = []
        self.known: dict[str, int] = {}  # addresses of functions

    def build(self, texts: Sequence[FunctionText]) -> int:
        """Compile functions, and return the address of the last."""
        *others, entry = texts
        wide = [text for text in others if text.wide]
        others = [text for text in others if not text.wide]
        best: list[FunctionText] = []
        quick: list[FunctionText] = []
        nodes = 0
        for text in sorted(others, key=lambda one: -one.blocks):  # what runs most often first
            nodes += text.nodes
            (best if nodes <= QUICK else quick).append(text)
        chunk: list[FunctionText] = []
        for text in quick:
            chunk.append(text)
            if sum(text.nodes for text in chunk) >= CHUNK:
                self.compile(chunk, 0)
                chunk = []
        if chunk:
            self.compile(chunk, 0)
        if wide:
            self.compile(wide, self.level, vectors=True)
        self.compile([*best, entry], self.level)
        return self.known[entry.name]

    def compile(self, texts: Sequence[FunctionText], level: int, vectors: bool = False) -> None:
        """Functions to machine code; those known are called by their addresses."""
        llvm = self.llvm
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=level, jit=True)
        text = "".join([self.head, *(text.text for text in texts)])
        if self.known:
            text = re.sub(r"@(piece\d+)\(ptr %in", self.by_address, text)
        module = llvm.parse_assembly(text)
        if vectors:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            options.slp_vectorization = True
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        self.engines.append(engine)
        self.known |= {text.name: int(engine.get_function_address(text.name)) for text in texts}

    def by_address(self, found: re.Match[str]) -> str:
        if found[1] not in self.known:
            return found[0]
        return f"inttoptr (i64 {self.known[found[1]]} to ptr)(ptr %in"
