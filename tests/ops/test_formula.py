"""The expression language of the op table where several threads read it."""

import os
import sys
import threading

import pytest

from cgrad import _formula
from cgrad._optable import OPS


def test_formulas_are_parsed_in_several_threads():
    """CPython's parser counts its depth for all threads at once: where they meet, it raised."""
    failed = []

    def work():
        try:
            for _ in range(40):
                for op in OPS:
                    _formula.parse(op.formula)
        except BaseException as error:
            failed.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not failed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_while_another_thread_parses():
    with _formula._parsing:
        child = os.fork()
        if not child:
            os._exit(0 if _formula.parse("x + 1") is not None else 1)
    assert os.waitpid(child, 0)[1] == 0
