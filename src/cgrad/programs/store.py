"""Programs outside of the process: in pickles, and in files.

Both hold a graph by the *names* of its operations, so that these may be numbered otherwise in another version, and
what comes back is looked at as if anybody had written it: each index, each size. A pickle leaves structures,
constants, captured leaves and the function itself to pickle. A file has no pickle inside: reading one imports nothing
and runs nothing.

    8 bytes   MAGIC
    uint32    the format's version
    uint32    CRC-32 of all that follows
    uint64    bytes of the description
    uint64    bytes of the arrays
    the description, JSON: names, structures, lines of guards, lengths of the arrays
    the arrays, little-endian: the numbers of captured leaves, float64; then for each path
        op        uint8    a node's place in the path's table of operations
        operand   int32    operands node by node (of a constant its place among consts, of an input none)
        consts    float64
        outputs   int32    nodes
        guard     int32    nodes of the guards
        line      int32    their places among the lines
        expected  uint8    0 or 1
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import secrets
import struct
import sys
import types
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from .._core import Tensor, Value, plain
from .._optable import OPS
from .._program import GRAPH_OPS, Graph
from . import pytree
from .pytree import Shape
from .pytree_json import dims_in, shape_in, shape_out

Array = np.ndarray[Any, Any]
Leaf = Value | Tensor
Line = tuple[str, int, str]  # file, line, function

MAGIC = b"\x89cgrad\r\n"  # what mends line ends or drops the eighth bit spoils it
VERSION = 1
HEAD = struct.Struct("<8sIIQQ")
CHECKED_FROM = 16  # where the bytes begin that the checksum is of
ARRAYS = {"op": "u1", "operand": "<i4", "consts": "<f8", "outputs": "<i4", "guard": "<i4", "line": "<i4",
          "expected": "u1"}
ARITY = {"input": 0, "const": 1, **{op.name: op.arity for op in OPS}}
PLAIN = {op.name: [k for k, partial_ in enumerate(op.d) if partial_ is None] for op in OPS if None in op.d}
FORMER = {op.former: op.name for op in OPS if op.former}
COMPARISONS = frozenset(op.name for op in OPS if op.comparison)
KINDS = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD")
BACKENDS = ("auto", "interpreter", "native")


class Parts(NamedTuple):
    """What a program is made of: the arguments of ``Program``."""

    name: str
    names: tuple[str, ...]
    key: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    out: Shape
    graph: Graph
    outputs: Array
    guards: Sequence[Any]  # (node, expected, line)
    captured: Sequence[Leaf]
    captured_shapes: Sequence[tuple[int, ...]]
    reason: str
    backend: str


class Stored(NamedTuple):
    """What a file holds: a function's paths, and what of the function is known without its code."""

    name: str
    static: tuple[str, ...]
    signature: inspect.Signature | None
    backend: str
    max_paths: int
    paths: list[Parts]


# ---- a path taken apart ----------------------------------------------------------------------------

def taken_apart(parts: Parts) -> dict[str, Any]:
    """A path as plain objects and arrays."""
    fields = parts._asdict()
    lines: dict[Line, int] = {}
    guards = fields.pop("guards")
    fields["guard"] = np.array([node for node, _, _ in guards], np.int32)
    fields["expected"] = np.array([expected for _, expected, _ in guards], np.uint8)
    fields["line"] = np.array([lines.setdefault(line, len(lines)) for _, _, line in guards], np.int32)
    columns = fields.pop("graph").columns()
    op = columns["op"]
    present = np.flatnonzero(np.bincount(op, minlength=len(GRAPH_OPS)))
    place = np.zeros(len(GRAPH_OPS), np.uint8)
    place[present] = np.arange(len(present))
    table = [(GRAPH_OPS[k], ARITY[GRAPH_OPS[k]]) for k in present]
    arity = np.array([n for _, n in table], np.int64)[place[op]]
    start = np.cumsum(arity) - arity
    operand = np.empty(int(arity.sum()), np.int32)
    for k, name in enumerate("abc"):
        here = arity > k
        operand[start[here] + k] = columns[name][here]
    return {**fields, "lines": list(lines), "table": table, "op": place[op], "operand": operand,
            "consts": columns["consts"], "outputs": np.asarray(parts.outputs, np.int32)}


def put_together(fields: dict[str, Any]) -> Parts:
    """The other way. All that a run relies on is looked at: raises ProgramError where it is not so."""
    fields = dict(fields)
    table, op = [(FORMER.get(name, name), n) for name, n in fields.pop("table")], fields.pop("op")
    graph = graph_of(table, op, fields.pop("operand"), fields.pop("consts"))
    n, names = len(graph), [name for name, _ in table]
    guard, expected, line, lines = (fields.pop(k) for k in ("guard", "expected", "line", "lines"))
    need(len(guard) == len(expected) == len(line), "guards of different lengths")
    if len(guard):
        need(bool(0 <= guard[0] and guard[-1] < n and (np.diff(guard) >= 0).all()), "guards are no nodes in order")
        need(bool(np.array([name in COMPARISONS for name in names])[op[guard]].all()), "a guard is no comparison")
        need(int(expected.max()) <= 1, "a guard is expected to be neither 0 nor 1")
        need(bool(0 <= line.min() and line.max() < len(lines)), "the line of a guard is missing")
    outputs, shapes, captured_shapes = fields["outputs"], fields["shapes"], fields["captured_shapes"]
    need(len(fields["names"]) == len(shapes) == len(fields["key"]) - 1, "other names than arguments")
    keywords = fields["key"][0]
    need(keywords == fields["names"][len(shapes) - len(keywords):], "keywords that are no arguments")
    need(len(fields["captured"]) == len(captured_shapes), "captured values of another number")
    inputs = sum(map(pytree.size, shapes)) + sum(pytree.size(("array", dims)) for dims in captured_shapes)
    need(inputs == graph.inputs, f"{graph.inputs} inputs for {inputs} numbers")
    need(len(outputs) == pytree.size(fields["out"]), f"{len(outputs)} outputs for {pytree.size(fields['out'])} numbers")
    need(not len(outputs) or bool(0 <= outputs.min() and outputs.max() < n), "outputs are no nodes")
    need(fields["backend"] in BACKENDS, f"the backend {fields['backend']!r}")
    guards = [(a, b, lines[c]) for a, b, c in zip(guard.tolist(), expected.tolist(), line.tolist(), strict=True)]
    return Parts(**fields, graph=graph, guards=guards)


def graph_of(table: Sequence[tuple[str, int]], op: Array, operand: Array, consts: Array) -> Graph:
    """A graph from the names of its operations."""
    for name, arity in table:
        if name not in ARITY or name not in GRAPH_OPS:
            raise errors.unknown_operation(name)
        need(ARITY[name] == arity, f"{name} of {arity} operands")
    need(not op.size or int(op.max()) < len(table), "an operation that is not in the table")
    count: Array = np.array([n for _, n in table], np.int64)[op] if op.size else np.zeros(0, np.int64)
    need(int(count.sum()) == operand.size, "operands of another number")
    code: Array = np.array([GRAPH_OPS.index(name) for name, _ in table], np.uint8)[op] if op.size else op
    start = np.cumsum(count) - count
    columns: dict[str, Any] = {"op": code, "consts": consts}
    for k, name in enumerate("abc"):
        here = count > k
        columns[name] = np.full(op.size, -1, np.int32)
        columns[name][here] = operand[start[here] + k]
    is_input = code == GRAPH_OPS.index("input")
    columns["n_inputs"] = int(np.count_nonzero(is_input))
    columns["a"][is_input] = np.flatnonzero(is_input)
    graph = Graph.of(columns)
    for name, _ in table:
        for k in PLAIN.get(name, ()):
            nodes = columns["abc"[k]][code == GRAPH_OPS.index(name)]
            need(bool((code[nodes] == GRAPH_OPS.index("const")).all()), f"{name} of a number that is no constant")
    return graph


def need(condition: bool, what: str) -> None:
    """Raise ProgramError unless it holds."""
    if not condition:
        raise errors.damaged_program(what)


# ---- files: writing --------------------------------------------------------------------------------

def write(path: Any, stored: Stored) -> None:
    """Write a file, or leave what stands there as it is. Raises ProgramError for what a file does not hold."""
    leaves: dict[int, tuple[int, Leaf]] = {}
    arrays: list[Array] = []
    paths = []
    for parts in stored.paths:
        fields = taken_apart(parts)
        held = [leaves.setdefault(id(leaf), (len(leaves), leaf))[0] for leaf in parts.captured]
        key, what = fields["key"], f"{parts.name} with the arguments {', '.join(parts.names)}"
        paths.append({
            "name": parts.name, "names": parts.names, "keywords": key[0],
            "static": [isinstance(entry[0], type) for entry in key[1:]],
            "shapes": [shape_out(shape, what) for shape in parts.shapes],
            "out": shape_out(parts.out, f"the value of {parts.name}"),
            "captured": list(zip(held, parts.captured_shapes, strict=True)),
            "reason": parts.reason, "backend": parts.backend, "lines": fields["lines"], "table": fields["table"],
            "lengths": [len(fields[name]) for name in ARRAYS]})
        arrays += [np.asarray(fields[name], dtype) for name, dtype in ARRAYS.items()]
    numbers = [np.asarray(plain(leaf), "<f8") for _, leaf in leaves.values()]
    description = json.dumps({
        "cgrad": version(), "name": stored.name, "static": stored.static, "backend": stored.backend,
        "max_paths": stored.max_paths,
        "signature": None if stored.signature is None else
        [(p.name, p.kind.name, p.default is not p.empty) for p in stored.signature.parameters.values()],
        "leaves": [leaf_out(leaf) for _, leaf in leaves.values()], "paths": paths}, separators=(",", ":"),
        allow_nan=False).encode("ascii")
    body = [array.tobytes() for array in numbers + arrays]
    lengths = len(description), sum(map(len, body))
    checksum = 0
    for block in (HEAD.pack(MAGIC, VERSION, 0, *lengths)[CHECKED_FROM:], description, *body):
        checksum = zlib.crc32(block, checksum)
    written(path, [HEAD.pack(MAGIC, VERSION, checksum, *lengths), description, *body])


def leaf_out(leaf: Leaf) -> dict[str, Any]:
    if isinstance(leaf, Tensor):
        return {"name": leaf.name, "shape": leaf.shape, "dtype": str(leaf.dtype), "requires_grad": leaf.requires_grad}
    return {"name": leaf.name, "shape": None}


def version() -> str:
    return str(getattr(sys.modules["cgrad"], "__version__", ""))


def written(path: Any, blocks: list[bytes]) -> None:
    """Write these bytes, all or nothing: to a file beside it, which then takes its place."""
    target = os.path.realpath(os.fspath(path))
    beside = f"{os.fsdecode(target)}.{secrets.token_hex(8)}.tmp"
    try:
        with open(beside, "xb") as file:
            file.writelines(blocks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        try:
            os.unlink(beside)
        except OSError:
            pass
        raise


# ---- files: reading --------------------------------------------------------------------------------

def read(path: Any) -> Stored:
    """What a file holds. Raises ProgramError for one that is damaged, foreign or newer, OSError where there is none."""
    with open(path, "rb") as file:
        return stored_of(path, file.read(HEAD.size), file.read)


def stored_of(path: Any, head: bytes, rest: Callable[[], bytes]) -> Stored:
    """What a file with this head holds; rest: reads what follows, of a file that is one of programs."""
    if head[:len(MAGIC)] != MAGIC[:len(head)] or not head:
        raise errors.bad_file(path, "this is no file of a program: it begins otherwise")
    if len(head) < HEAD.size:
        raise errors.bad_file(path, "it ends too early: save the program again")
    _, format_, checksum, described, arrayed = HEAD.unpack(head)
    if format_ > VERSION:
        raise errors.bad_file(path, f"a newer cgrad wrote it (format {format_}, this one reads up to {VERSION}), "
                                    "or it was damaged: pip install -U pycgrad")
    body, wanted = rest(), described + arrayed
    if len(body) != wanted:
        raise errors.bad_file(path, f"it has {len(body)} bytes of {wanted}: save the program again")
    if format_ < 1 or zlib.crc32(body, zlib.crc32(head[CHECKED_FROM:])) != checksum:
        raise errors.bad_file(path, "it was damaged (its checksum is another one): save the program again")
    try:
        return stored_in(body[:described], memoryview(body)[described:])
    except (errors.ProgramError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise errors.bad_file(path, str(error)) from None
    except RecursionError:
        raise errors.bad_file(path, "structures are nested too deeply") from None


def stored_in(description: bytes, body: memoryview) -> Stored:
    """What the two parts of a file say."""
    def refused(text: str) -> Any:
        raise errors.damaged_program(f"the number {text[:20]}")

    said = json.loads(description.decode("ascii"), parse_constant=refused, parse_float=refused, parse_int=int_in)
    given = Fields(said, "the file")
    take = Arrays(body)
    leaves = [leaf_in(Fields(row, "a captured value"), take) for row in given.rows("leaves")]
    name, static = given.text("name"), tuple(given.texts("static"))
    backend, max_paths = given.text("backend"), given.count("max_paths")
    signature = signature_in(given["signature"])
    need(set(static) <= set(signature.parameters if signature else ()), "static arguments that are none")
    need(backend in BACKENDS and max_paths > 0, f"the backend {backend!r} and {max_paths} paths")
    paths = [path_in(Fields(row, "a path"), leaves, take) for row in given.rows("paths")]
    need(bool(paths), "no path")
    take.end()
    return Stored(name, static, signature, backend, max_paths, paths)


def int_in(text: str) -> int:
    """A whole number: places and lengths, which do not have many digits."""
    need(len(text) < 20, f"the number {text[:20]}")
    return int(text)


class Fields:
    """The entries of a JSON object, each of the type that it must have."""

    def __init__(self, entries: Any, where: str) -> None:
        need(isinstance(entries, dict), f"{where} is no object")
        self.entries, self.where = entries, where

    def __getitem__(self, name: str) -> Any:
        need(name in self.entries, f"{name!r} of {self.where} is missing")
        return self.entries[name]

    def _of(self, kind: type, name: str) -> Any:
        found = self[name]
        need(type(found) is kind, f"{name!r} of {self.where} is {str(found)[:40]!r}")
        return found

    def text(self, name: str) -> str:
        return str(self._of(str, name))

    def rows(self, name: str) -> list[Any]:
        return list(self._of(list, name))

    def count(self, name: str) -> int:
        found = int(self._of(int, name))
        need(found >= 0, f"{name!r} of {self.where} is {found}")
        return found

    def flag(self, name: str) -> bool:
        return bool(self._of(bool, name))

    def texts(self, name: str) -> list[str]:
        found = self.rows(name)
        need(all(type(x) is str for x in found), f"{name!r} of {self.where} is not text")
        return found


class Arrays:
    """The arrays of a file, one after the other."""

    def __init__(self, body: memoryview) -> None:
        self.body, self.at = body, 0

    def __call__(self, dtype: str, length: int) -> Array:
        size = np.dtype(dtype).itemsize*length
        left = len(self.body) - self.at
        need(0 <= size <= left, f"an array of {length} numbers, where {left} bytes are left")
        found = np.frombuffer(self.body, dtype, length, self.at) if length else np.zeros(0, dtype)
        self.at += size
        return found.astype(found.dtype.newbyteorder("="))  # a copy: aligned, and the file's bytes can go

    def end(self) -> None:
        need(self.at == len(self.body), f"{len(self.body) - self.at} bytes too many")


def leaf_in(row: Fields, take: Arrays) -> Leaf:
    """A captured leaf, anew."""
    name = row.text("name") or None
    if row["shape"] is None:
        return Value(float(take("<f8", 1)[0]), name=name)
    dims, dtype = dims_in(row["shape"]), row.text("dtype")
    need(dtype in ("float64", "float32"), f"an array of {dtype}")
    numbers = take("<f8", pytree.size(("array", dims))).reshape(dims)
    with np.errstate(over="ignore"):
        return Tensor(numbers.astype(dtype), row.flag("requires_grad"), name=name)


def path_in(row: Fields, leaves: list[Leaf], take: Arrays) -> Parts:
    """A recorded path."""
    shapes = tuple([shape_in(x) for x in row.rows("shapes")])
    keywords, static = tuple(row.texts("keywords")), row.rows("static")
    need(len(static) == len(shapes) and all(type(x) is bool for x in static), "static arguments of another number")
    need(all(shape[0] == "const" for shape, fixed in zip(shapes, static, strict=True) if fixed),
         "a static argument that is no constant")
    key = (keywords, *[(type(shape[-1]), shape) if fixed else shape
                       for shape, fixed in zip(shapes, static, strict=True)])
    captured: list[Leaf] = []
    captured_shapes = []
    for entry in row.rows("captured"):
        need(type(entry) is list and len(entry) == 2 and type(entry[0]) is int and 0 <= entry[0] < len(leaves),
             "a captured value that is missing")
        captured.append(leaves[entry[0]])
        captured_shapes.append(dims_in(entry[1]))
    table = []
    for entry in row.rows("table"):
        need(type(entry) is list and [type(x) for x in entry] == [str, int], "a table of operations that is none")
        table.append((entry[0], entry[1]))
    need(len(table) <= 256, "too many operations")
    lengths = row.rows("lengths")
    need(len(lengths) == len(ARRAYS) and all(type(n) is int and n >= 0 for n in lengths), "lengths that are none")
    arrays = {name: take(dtype, n) for (name, dtype), n in zip(ARRAYS.items(), lengths, strict=True)}
    return put_together({
        **arrays, "name": row.text("name"), "names": tuple(row.texts("names")), "key": key, "shapes": shapes,
        "out": shape_in(row["out"]), "captured": captured, "captured_shapes": captured_shapes, "table": table,
        "lines": [line_in(x) for x in row.rows("lines")], "reason": row.text("reason"), "backend": row.text("backend")})


def line_in(given: Any) -> Line:
    """Where a guard stood: a name of a file is something that the system can be asked for."""
    need(type(given) is list and [type(x) for x in given] == [str, int, str], "a line that is none")
    file, number, function = given
    need("\0" not in file and not any("\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in file),
         "the name of a source file that is none")
    return file, number, function


def signature_in(given: Any) -> inspect.Signature | None:
    """The arguments of the function, without what they default to."""
    if given is None:
        return None
    need(type(given) is list, "a signature that is none")
    parameters = []
    for row in given:
        need(type(row) is list and [type(x) for x in row] == [str, str, bool] and row[1] in KINDS,
             "a signature that is none")
        try:
            parameters.append(inspect.Parameter(row[0], getattr(inspect.Parameter, row[1]),
                                                default=... if row[2] else inspect.Parameter.empty))
        except (ValueError, IndexError):  # of an empty name
            raise errors.damaged_program(f"the argument {row[0]!r}") from None
    try:
        return inspect.Signature(parameters)
    except ValueError:
        raise errors.damaged_program("a signature that is none") from None


# ---- pickles: the function -------------------------------------------------------------------------

class Missing:
    """Stands for a function that did not come along with its recorded paths."""

    def __init__(self, name: str, signature: inspect.Signature | None, doc: str | None = None) -> None:
        self.__name__, self.__qualname__, self.__doc__ = name.rpartition(".")[2], name, doc
        self.__signature__ = signature if signature is not None else inspect.Signature(
            [inspect.Parameter("argument", inspect.Parameter.VAR_POSITIONAL)])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise errors.function_missing(self.__qualname__)


class Reference:
    """Carries a function through a pickle as what its module calls by its name: the compiled function."""

    def __init__(self, module: str, name: str, otherwise: Missing) -> None:
        self.found = module, name, otherwise

    def __reduce__(self) -> Any:
        return referred, self.found


def referred(module: str, name: str, otherwise: Missing) -> Callable[..., Any]:
    """The function of a compiled one, or itself; where there is none: what stands for it."""
    try:
        importlib.import_module(module)
        found = named(module, name)
    except ImportError:
        return otherwise
    found = getattr(found, "function", found)
    return found if callable(found) else otherwise


def named(module: str, name: str) -> Any:
    """What a loaded module calls so, or None."""
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def importable(x: Any) -> bool:
    """Whether pickle finds a function or class again by its name."""
    return named(getattr(x, "__module__", None) or "", getattr(x, "__qualname__", "")) is x


def carried(function: Callable[..., Any], name: str, signature: inspect.Signature | None) -> Any:
    """What stands for a function in a pickle, and comes out as it, or else as Missing.

    Functions and classes go by name; under the name of a decorated function there is the compiled one. Methods, partial
    functions and objects with __call__ are pickle's business where their class, or function, can be found.
    """
    missing = Missing(name, plain_signature(signature), getattr(function, "__doc__", None))
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType, type)):
        found = named(getattr(function, "__module__", None) or "", function.__qualname__)
        if found is function:
            return function
        compiled = getattr(found, "function", None) is function
        return Reference(function.__module__, function.__qualname__, missing) if compiled else missing
    inner = function.func if isinstance(function, partial) else getattr(function, "__self__", function)
    if isinstance(inner, (types.FunctionType, types.BuiltinFunctionType, type)):
        return function if importable(inner) else missing
    return function if importable(type(inner)) else missing


def held_elsewhere(leaves: list[Leaf], came: list[Leaf]) -> list[Leaf]:
    """Those of a program's leaves that did not come with it, and that somebody besides the program holds."""
    (alone,) = references([Value(0.0)])
    known = {id(leaf) for leaf in came}
    return [leaf for leaf, n in zip(leaves, references(leaves), strict=True) if n > alone and id(leaf) not in known]


def references(leaves: list[Leaf]) -> list[int]:
    """How many hold each: comparable among lists that hold their leaves alike."""
    return [sys.getrefcount(leaf) for leaf in leaves]


def by_name(function: Any) -> bool:
    """Whether a function goes into a pickle, or came out of one, by its name alone, as what stands in a module."""
    return isinstance(function, (types.FunctionType, types.BuiltinFunctionType, Reference))


def plain_signature(signature: inspect.Signature | None) -> inspect.Signature | None:
    """Names and kinds of arguments, without what they default to, and notes on types."""
    if signature is None:
        return None
    return inspect.Signature([p.replace(annotation=p.empty, default=p.default if p.default is p.empty else ...)
                              for p in signature.parameters.values()])
