"""Programs in files, which hold no code: reading one imports nothing and runs nothing.

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

import inspect
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import errors
from ..._core import Tensor, Value, plain
from .. import backends, pytree
from ..guards import Line
from ..pytree import Array, Leaf
from .fields import Parts, from_fields, need, to_fields
from .pytree_json import dims_in, tree_in, tree_out

MAGIC = b"\x89cgrad\r\n"  # what mends line ends or drops the eighth bit spoils it
VERSION = 1
HEAD = struct.Struct("<8sIIQQ")
CHECKED_FROM = 16  # where the bytes begin that the checksum is of
ARRAYS = {"op": "u1", "operand": "<i4", "consts": "<f8", "outputs": "<i4", "guard": "<i4", "line": "<i4",
          "expected": "u1"}
KINDS = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD")


class Stored(NamedTuple):
    """The contents of a file: a function's paths, and what is known of the function without its code."""

    name: str
    static: tuple[str, ...]
    signature: inspect.Signature | None
    backend: str
    max_paths: int
    paths: list[Parts]


# ---- writing ---------------------------------------------------------------------------------------

def write(path: Any, stored: Stored) -> None:
    """Write a file, or leave the one that is there as it was. Raises ProgramError for constants without a JSON form."""
    leaves: dict[int, tuple[int, Leaf]] = {}  # by id: its number, and itself
    rows, arrays = [], []
    for parts in stored.paths:
        row, columns = path_out(parts, [leaves.setdefault(id(leaf), (len(leaves), leaf))[0] for leaf in parts.captured])
        rows.append(row)
        arrays += columns
    description = json.dumps({
        "cgrad": version(), "name": stored.name, "static": stored.static, "backend": stored.backend,
        "max_paths": stored.max_paths, "signature": signature_out(stored.signature),
        "leaves": [leaf_out(leaf) for _, leaf in leaves.values()], "paths": rows}, separators=(",", ":"),
        allow_nan=False).encode("ascii")
    body = [np.asarray(plain(leaf), "<f8").tobytes() for _, leaf in leaves.values()]
    body += [array.tobytes() for array in arrays]
    lengths = len(description), sum(map(len, body))
    checksum = 0
    for block in (HEAD.pack(MAGIC, VERSION, 0, *lengths)[CHECKED_FROM:], description, *body):
        checksum = zlib.crc32(block, checksum)
    replace(path, [HEAD.pack(MAGIC, VERSION, checksum, *lengths), description, *body])


def path_out(parts: Parts, captured: list[int]) -> tuple[dict[str, Any], list[Array]]:
    """A path as JSON and arrays. captured: the numbers of its captured leaves."""
    fields = to_fields(parts)
    key, what = fields["key"], f"{parts.name} with the arguments {', '.join(parts.names)}"
    row = {
        "name": parts.name, "names": parts.names, "keywords": key[0],
        "static": [isinstance(entry[0], type) for entry in key[1:]],
        "shapes": [tree_out(tree, what) for tree in parts.shapes],
        "out": tree_out(parts.out, f"the value of {parts.name}"),
        "captured": list(zip(captured, parts.captured_shapes, strict=True)),
        "reason": parts.reason, "backend": parts.backend, "lines": fields["lines"], "table": fields["table"],
        "merges": parts.branches[0], "branches": parts.branches[1],
        "lengths": [len(fields[name]) for name in ARRAYS]}
    return row, [np.asarray(fields[name], dtype) for name, dtype in ARRAYS.items()]


def leaf_out(leaf: Leaf) -> dict[str, Any]:
    if isinstance(leaf, Tensor):
        return {"name": leaf.name, "shape": leaf.shape, "dtype": str(leaf.dtype), "requires_grad": leaf.requires_grad}
    return {"name": leaf.name, "shape": None}


def signature_out(signature: inspect.Signature | None) -> list[tuple[str, str, bool]] | None:
    """The names and kinds of arguments, and which may be left out."""
    if signature is None:
        return None
    return [(p.name, p.kind.name, p.default is not p.empty) for p in signature.parameters.values()]


def version() -> str:
    return str(getattr(sys.modules["cgrad"], "__version__", ""))


def replace(path: Any, blocks: list[bytes]) -> None:
    """Write these bytes, all or nothing: to a file beside it, which then takes its place."""
    target = os.path.realpath(os.fspath(path))
    beside = f"{os.fsdecode(target)}.{os.urandom(8).hex()}.tmp"
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


# ---- reading ---------------------------------------------------------------------------------------

def read(path: Any) -> Stored:
    """The contents of a file. Raises ProgramError if it is damaged, foreign or newer, OSError if there is none."""
    with open(path, "rb") as file:
        return stored_of(path, file.read(HEAD.size), file.read)


def stored_of(path: Any, head: bytes, rest: Callable[[], bytes]) -> Stored:
    """The contents of a file with this head; rest: reads what follows, if it is a file of programs."""
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
    """The contents of a file from its two parts."""
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
    need(backend in backends.known() and max_paths > 0, f"the backend {backend!r} and {max_paths} paths")
    paths = [path_in(Fields(row, "a path"), leaves, take) for row in given.rows("paths")]
    need(bool(paths), "no path")
    take.end()
    return Stored(name, static, signature, backend, max_paths, paths)


def int_in(text: str) -> int:
    """An index or a length, which do not have many digits."""
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
    trees = tuple([tree_in(x) for x in row.rows("shapes")])
    keywords, static = tuple(row.texts("keywords")), row.rows("static")
    need(len(static) == len(trees) and all(type(x) is bool for x in static), "static arguments of another number")
    need(all(tree[0] == "const" for tree, fixed in zip(trees, static, strict=True) if fixed),
         "a static argument that is no constant")
    key = (keywords, *[(type(tree[-1]), tree) if fixed else tree for tree, fixed in zip(trees, static, strict=True)])
    captured = [captured_in(entry, leaves) for entry in row.rows("captured")]
    table = [operation_in(entry) for entry in row.rows("table")]
    need(len(table) <= 256, "too many operations")
    lengths = row.rows("lengths")
    need(len(lengths) == len(ARRAYS) and all(type(n) is int and n >= 0 for n in lengths), "lengths that are none")
    branches = (row.count("merges"), tuple(row.texts("branches"))) if "merges" in row.entries else (0, ())
    arrays = {name: take(dtype, n) for (name, dtype), n in zip(ARRAYS.items(), lengths, strict=True)}
    return from_fields({
        **arrays, "name": row.text("name"), "names": tuple(row.texts("names")), "key": key, "shapes": trees,
        "out": tree_in(row["out"]), "captured": [leaf for leaf, _ in captured],
        "captured_shapes": [shape for _, shape in captured], "table": table,
        "lines": [line_in(x) for x in row.rows("lines")], "reason": row.text("reason"), "backend": row.text("backend"),
        "branches": branches})


def captured_in(given: Any, leaves: list[Leaf]) -> tuple[Leaf, tuple[int, ...]]:
    """A captured leaf, and the shape that it had."""
    need(type(given) is list and len(given) == 2 and type(given[0]) is int and 0 <= given[0] < len(leaves),
         "a captured value that is missing")
    return leaves[given[0]], dims_in(given[1])


def operation_in(given: Any) -> tuple[str, int]:
    """The name of an operation, and how many operands it has."""
    need(type(given) is list and [type(x) for x in given] == [str, int], "a table of operations that is none")
    name, arity = given
    return name, arity


def line_in(given: Any) -> Line:
    """The line of a guard. The name of its file must be one that the system can be asked for."""
    need(type(given) is list and [type(x) for x in given] == [str, int, str], "a line that is none")
    file, number, function = given
    need("\0" not in file and not any("\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in file),
         "the name of a source file that is none")
    return file, number, function


def signature_in(given: Any) -> inspect.Signature | None:
    """The arguments of the function, without their defaults."""
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
