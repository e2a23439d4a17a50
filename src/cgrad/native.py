"""Machine code of programs, by LLVM: the extra ``pip install 'pycgrad[native]'``.

The code does what the interpreter does, to the bit: its formulas are those of the op table, its functions are the
core's own, and LLVM is given no leave to reassociate or contract. What was a loop before it was recorded becomes a
loop again (``_native.reroll``), so code for a million operations may take milliseconds to make; straight code is cut
into functions, so that what is left takes time in proportion to its size.
"""

from __future__ import annotations

import ctypes
import importlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from . import errors
from ._native.formulas import Lowering
from ._native.layout import PIECE, Layout
from ._native.program import Writer
from ._native.reroll import MAX_PERIOD, prepare, reroll

__all__ = ["Machine", "available", "compile_native"]

CHUNK = 30_000  # nodes that LLVM holds at once
LEVEL = 2  # of LLVM's code generation, 0 to 3; its passes over the intermediate language are not run
ATTRIBUTES = ("attributes #0 = { nounwind willreturn memory(none) }\nattributes #1 = { nounwind }\n"
              "attributes #2 = { nounwind willreturn memory(argmem: write) }\n")

_lock = threading.Lock()
_llvm: Any = None


class Machine:
    """Machine code of a graph: ``address`` of a C function ``int32 (const double *in, double *out, double *work)``.

    It returns 0, or k + 1 for guard k that came out otherwise; ``out`` is then incomplete. ``work`` is the number of
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


def available() -> bool:
    """Whether llvmlite is installed.

    >>> available() in (True, False)
    True
    """
    try:
        llvm()
    except ImportError:
        return False
    return True


def llvm() -> Any:
    """llvmlite's binding, ready for this processor."""
    global _llvm
    with _lock:
        if _llvm is None:
            try:
                binding = importlib.import_module("llvmlite.binding")
            except ImportError as error:
                raise errors.no_native() from error
            binding.initialize_native_target()
            binding.initialize_native_asmprinter()
            _llvm = binding
        return _llvm


def features(binding: Any) -> frozenset[str]:
    """What the processor can do."""
    found = {name for name, there in binding.get_host_cpu_features().items() if there}
    if binding.get_default_triple().startswith(("aarch64", "arm64")):
        found.add("neon")
    return frozenset(found)


def compile_native(names: Sequence[str], columns: Mapping[str, Any], outputs: Any,
                   guards: Sequence[tuple[int, int]], functions: Mapping[str, int], *, level: int = LEVEL,
                   piece: int = PIECE, loops: bool = True) -> Machine:
    """Machine code of a graph: its ``columns``, opcodes named by ``names``, the nodes that are ``outputs``.

    ``guards`` are pairs of a node and how it came out (0 or 1), in order of evaluation, and are checked as soon as
    the node is computed. ``functions`` gives the addresses of the functions that formulas name; with one for
    ``sincos`` (which must give the bits of ``sin`` and ``cos``) pairs of these are computed by one call.
    Without llvmlite: an ImportError that names the extra.
    """
    binding = llvm()
    code = prepare(names, columns, outputs, guards, "sincos" in functions)
    frames = reroll(code, MAX_PERIOD if loops else 0)
    layout = Layout(code, frames, piece)
    lowering = Lowering(functions, features(binding))
    writer = Writer(layout, names, lowering)
    writer.write()
    builder = Builder(binding, lowering, level)
    engines, address = builder.build(writer.texts)
    return Machine(address, layout.size, len(writer.texts), engines, writer.kept)


class Builder:
    """Functions as text, made to machine code, a chunk of them at a time."""

    def __init__(self, binding: Any, lowering: Lowering, level: int) -> None:
        self.binding, self.lowering = binding, lowering
        for name, address in lowering.symbols.values():
            binding.add_symbol(name, address)
        self.head = "".join([*lowering.declared.values(), ATTRIBUTES])
        target = binding.Target.from_default_triple()
        self.machine = lambda: target.create_target_machine(
            cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=level, jit=True)

    def build(self, texts: Sequence[tuple[str, str, int]]) -> tuple[list[Any], int]:
        """Engines that hold the code, and the address of the last function."""
        engines, chunk, nodes = [], [], 0
        known: dict[str, int] = {}
        for name, text, size in texts[:-1]:
            chunk.append((name, text))
            nodes += size
            if nodes >= CHUNK:
                engines.append(self.engine("".join(text for _, text in chunk), {}))
                known |= {name: engines[-1].get_function_address(name) for name, _ in chunk}
                chunk, nodes = [], 0
        name, text, _ = texts[-1]
        engines.append(self.engine("".join([*(text for _, text in chunk), text]), known))
        return engines, int(engines[-1].get_function_address(name))

    def engine(self, text: str, known: Mapping[str, int]) -> Any:
        """Compile functions; those ``known`` are called by their addresses."""
        calls = [f"declare i32 @{name}(ptr, ptr, ptr)\n" for name in known]
        module = self.binding.parse_assembly("".join([self.head, *calls, text]))
        engine = self.binding.create_mcjit_compiler(module, self.machine())
        for name, address in known.items():
            engine.add_global_mapping(module.get_function(name), address)
        engine.finalize_object()
        return engine
