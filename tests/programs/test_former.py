"""Pickles and files that a former version wrote are read, and answer as they did."""

import json
import pickle
import subprocess
import sys

import former_support as support
import pytest

DATA = pickle.loads((support.FOLDER / "programs.pickle").read_bytes())
EXPECTED = json.loads((support.FOLDER / "expected.json").read_text(encoding="ascii"))


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
