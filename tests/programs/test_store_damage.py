"""Damaged files of programs: each bit, each length, each byte and entry with a right checksum, and random damage."""

import json
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
import store_support as support
from hypothesis import given
from hypothesis import strategies as st

import cgrad
from cgrad.programs import pytree
from cgrad.programs.storage import files

# ---- damaged files ---------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small file with something of everything."""
    w, t = cgrad.Value(2.0, name="w"), cgrad.Tensor([1.0, 2.0])
    p = cgrad.compile(lambda d, n: w*d["x"] + t[0]**2.5 if d["x"] > d["y"][1] else d["y"] + n, static="n")
    point = {"x": 1.0, "y": np.array([0.5, 0.25]), "p": support.Pair(None, [1.0])}
    p(point, 3)
    p({**point, "x": 0.0}, 3)
    file = tmp_path_factory.mktemp("store") / "small.cgrad"
    p.save(file)
    return file, file.read_bytes()


def checked(head, body):
    """A file with the right checksum."""
    magic, version, _, a, b = files.HEAD.unpack(head)
    lengths = struct.pack("<QQ", a, b)
    return files.HEAD.pack(magic, version, zlib.crc32(body, zlib.crc32(lengths)), a, b) + body


def loaded(data, monkeypatch):
    """cgrad.load of a file with these bytes, without the file: a disk takes some hundred of them a second."""
    with monkeypatch.context() as m:
        m.setattr(files, "read", lambda path: files.stored_of(path, data[:files.HEAD.size], lambda: data[files.HEAD.size:]))
        return cgrad.load("p")


def refuses(data, monkeypatch):
    with pytest.raises(cgrad.ProgramError, match="load: p: "):
        loaded(data, monkeypatch)


def test_each_bit_flipped(small, monkeypatch):
    _, data = small
    for k in range(8*len(data)):
        flipped = bytearray(data)
        flipped[k//8] ^= 1 << k % 8
        refuses(bytes(flipped), monkeypatch)


def test_each_length(small, monkeypatch):
    _, data = small
    for n in range(len(data)):
        refuses(data[:n], monkeypatch)
    for more in (b"\0", data, bytes(100)):
        refuses(data + more, monkeypatch)


def test_foreign_and_newer_files(small, tmp_path):
    file, data = small
    for k in (0, 9, 13, 20, 30, 40, len(data) - 1):
        (tmp_path / "p").write_bytes(data[:k] + bytes([data[k] ^ 1]) + data[k + 1:])
        with pytest.raises(cgrad.ProgramError, match="load: .*p: "):
            cgrad.load(tmp_path / "p")
    for begin, text in ((b"", "begins otherwise"), (b"PK\3\4" + bytes(100), "begins otherwise"),
                        (pickle.dumps(3), "begins otherwise"), (data[:10], "ends too early"),
                        (data[:8] + struct.pack("<I", 2) + data[12:], "a newer cgrad wrote it .format 2, this one reads up to 1"),
                        (data[:8] + struct.pack("<I", 0) + data[12:], "damaged"),
                        (data[:-1], "it has [0-9]+ bytes of [0-9]+"),
                        (files.HEAD.pack(files.MAGIC, 1, 0, 2**63, 2**63), "0 bytes of 18446744073709551616")):
        (tmp_path / "p").write_bytes(begin)
        with pytest.raises(cgrad.ProgramError, match=f"load: .*p: .*{text}"):
            cgrad.load(tmp_path / "p")
        with pytest.raises(cgrad.ProgramError, match=text):
            cgrad.Program.load(os.fspath(tmp_path / "p"))
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(cgrad.ProgramError, match="holds 2 paths, and a program is one: use cgrad.load"):
        cgrad.Program.load(tmp_path / "p")


def exercised(data, monkeypatch):
    """Load bytes that may be damaged, with a valid checksum: refused, or it runs. Returns True if it was loaded."""
    try:
        q = loaded(data, monkeypatch)
    except cgrad.ProgramError:
        return False
    repr(q), q.explain(), pickle.loads(pickle.dumps(q))
    for program in q.programs:
        def leaves(shape, points):
            for part in pytree.leaves_of(shape):
                x = np.full(points + pytree.shape_of(part), 0.75)
                yield float(x) if x.ndim == 0 and part[0] == "number" else x

        args, points = ([pytree.unflatten(shape, leaves(shape, n)) for shape in program.shapes] for n in ((), (3,)))
        n = len(args) - len(program.key[0])
        for run in (lambda: q(*args[:n], **dict(zip(program.key[0], args[n:], strict=True))), lambda: q.jacobian(*args),
                    lambda: program(*args), lambda: program.map(*points)):
            try:
                run()
            except (cgrad.GuardError, TypeError, ValueError):
                pass  # of another path, or other arguments
    return True


@pytest.mark.slow  # every byte; test_store.py has damage of each kind
def test_each_byte_altered_with_a_right_checksum(small, monkeypatch):
    _, data = small
    head, body = data[:files.HEAD.size], data[files.HEAD.size:]
    loaded = 0
    for k in range(len(body)):
        for new in {body[k] ^ 1, body[k] ^ 2, body[k] ^ 0x80, 0, 255, ord("9"), ord('"')} - {body[k]}:
            loaded += exercised(checked(head, body[:k] + bytes([new]) + body[k + 1:]), monkeypatch)
    assert loaded > 100  # numbers, names


def test_each_length_with_a_right_checksum(small, monkeypatch):
    _, data = small
    head, body = data[:files.HEAD.size], data[files.HEAD.size:]
    described = files.HEAD.unpack(head)[3]
    for n in range(len(body)):
        a = min(n, described)
        cut = files.HEAD.pack(files.MAGIC, 1, 0, a, n - a)
        refuses(checked(cut, body[:n]), monkeypatch)


def rebuilt(data, alter):
    """The file with another description."""
    head, body = data[:files.HEAD.size], data[files.HEAD.size:]
    described = files.HEAD.unpack(head)[3]
    description = json.loads(body[:described])
    alter(description)
    text = json.dumps(description).encode()
    rest = body[described:]
    return checked(files.HEAD.pack(files.MAGIC, 1, 0, len(text), len(rest)), text + rest)


def places(x, path=()):
    """Each path in a description."""
    if path:
        yield path
    for key in (x if isinstance(x, dict) else range(len(x)) if isinstance(x, list) else ()):
        yield from places(x[key], (*path, key))


ODD = [None, True, -1, 0, 1, 2, 7, 2**31, 2**40, 2**62, 10**30, 1.5, 1e999, "", "x", "array", "\0", "\ud800", [], [[]], {}, [0],
       [2**40, 2**40], ["array", [2**62, 0]], ["array", [0, 2**62]], ["array", [1]*65], ["array", [-1]], ["const", {"int": "z"}],
       ["const", {"float": "1e999999"}], ["const", 0], ["const", "c"], ["tuple", [0, 0]], ["dict", ["a", "a"], [0, 0]],
       ["dict", [], [0]], ["named", "os:system", []], ["named", "builtins:list", [0]], ["named", "builtins:object", [0]],
       ["named", "os.path:join", []], ["dataclass", "subprocess:Popen", [], []], ["dataclass", "store_support:Point", ["x", "x"], [0, 0]],
       ["dataclass", "store_support:Point", ["x", []], [0, 0]], ["list", 0], [["x", "POSITIONAL_OR_KEYWORD", False]],
       [["x", "POSITIONAL_OR_KEYWORD", False], ["x", "VAR_KEYWORD", False]], [["", "VAR_KEYWORD", True]],
       [["a", "VAR_POSITIONAL", True]], [["", 0, ""]]]


@pytest.mark.slow  # every part; test_store.py has damage of each kind
def test_each_part_of_the_description_altered(small, monkeypatch):
    """Every entry replaced by something invalid, left out, and doubled."""
    _, data = small
    found = []
    rebuilt(data, lambda d: found.extend(places(d)))
    for path in found:
        def alter(d, new=None, how="set"):
            for key in path[:-1]:
                d = d[key]
            if how == "set":
                d[path[-1]] = new
            elif how == "drop":
                del d[path[-1]]
            elif isinstance(d, list):
                d.insert(path[-1], d[path[-1]])

        for new in ODD:
            exercised(rebuilt(data, lambda d: alter(d, new)), monkeypatch)
        exercised(rebuilt(data, lambda d: alter(d, how="drop")), monkeypatch)
        exercised(rebuilt(data, lambda d: alter(d, how="double")), monkeypatch)


def test_descriptions_that_are_none(small, monkeypatch):
    _, data = small
    rest = data[files.HEAD.size + files.HEAD.unpack(data[:files.HEAD.size])[3]:]
    for text in (b"", b"{", b"null", b"[]", b"3", b"\xff", b"{}", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"NaN",
                 b'{"leaves": 1' + b"0"*10_000 + b"}"):
        refuses(checked(files.HEAD.pack(files.MAGIC, 1, 0, len(text), len(rest)), text + rest), monkeypatch)


@given(st.data())
def test_random_damage(small, data):
    """Several bytes at once, pieces doubled, left out or swapped; with a right checksum."""
    file, good = small
    body = bytearray(good[files.HEAD.size:])
    for _ in range(data.draw(st.integers(1, 4))):
        i, j = sorted(data.draw(st.tuples(*[st.integers(0, len(body))]*2)))
        how = data.draw(st.integers(0, 3))
        if how == 0 and i < len(body):
            body[i] = data.draw(st.integers(0, 255))
        elif how == 1:
            del body[i:min(j, i + 20)]
        elif how == 2:
            body[j:j] = body[i:min(j, i + 20)]
        else:
            body[i:i + 4] = struct.pack("<i", data.draw(st.integers(-2**31, 2**31 - 1)))
    described = min(files.HEAD.unpack(good[:files.HEAD.size])[3], len(body))
    head = files.HEAD.pack(files.MAGIC, 1, 0, described, len(body) - described)
    exercised(checked(head, bytes(body)), pytest.MonkeyPatch())
