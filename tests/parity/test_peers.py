"""Features that users of scalar peers rely on, row by row: programs (record once, replay; batches; code out; saved)."""

import ctypes
import pickle
import shutil
import subprocess

import numpy as np
import pytest

import cgrad


def newton(b, c):
    x = 1.0 + abs(b) + abs(c)
    while abs(x*x + b*x + c) > 1e-9:
        x = x - (x*x + b*x + c)/(2*x + b)
    return x


def test_record_once_replay_at_new_inputs():
    """ReverseDiff, CppAD, CasADi, XAD."""
    calls = []

    @cgrad.compile
    def f(x, y):
        calls.append(1)
        return cgrad.sin(x)*y

    f(0.0, 1.0)
    for x in (0.5, -1.0, 2.0):
        assert f.value_and_grad(x, 3.0, argnums=(0, 1)) == (
            3*cgrad.sin(x), (3*cgrad.cos(x), cgrad.sin(x)))
    assert len(calls) == 1


def test_branches_never_silently_frozen():
    """(nobody: CppAD only reports a change)"""
    p = cgrad.compile(newton)
    for b, c in ((-3.0, 2.0), (-5.0, 6.0), (0.0, -2.0), (-1000.0, 3.0), (-3.0, 2.0)):
        assert p(b, c) == newton(b, c)
    assert len(p.programs) > 1


def test_batches_over_simd_and_threads():
    """JAX vmap, heyoka."""
    p = cgrad.compile(lambda x: x*x if x > 0 else -x)
    x = np.linspace(-1, 1, 1001)
    for threads in (1, 2):
        values, slopes = p.map_value_and_grad(x, threads=threads)
        assert np.array_equal(values, np.where(x > 0, x*x, -x))
        assert np.array_equal(slopes, np.where(x > 0, 2*x, -1.0))


def test_grad_jacobian_hessian_hvp_vjp_jvp_over_structures():
    """HIPS autograd, JAX."""
    p = cgrad.compile(lambda d: d["x"]**2*d["y"][0])
    d = {"x": 3.0, "y": np.array([2.0, 1.0])}
    assert p.grad(d)["x"] == 12 and p.grad(d)["y"].tolist() == [9, 0]
    assert p.hvp(d, v={"x": 1.0, "y": np.zeros(2)})["x"] == 4
    assert p.hessian(d)["x"]["y"].tolist() == [6, 0]
    assert p.jvp(d, v={"x": 1.0, "y": np.zeros(2)}) == (18, 12)
    assert p.vjp(d, v=2.0)[1]["x"] == 24
    assert p.jacobian(d)["y"].tolist() == [9, 0]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="compiles C with gcc")
def test_c_code_out(tmp_path):
    """CppAD, CasADi."""
    p = cgrad.compile(lambda x, y: x*cgrad.exp(y) if x > y else y, branches="guard")
    value, gradient = p.value_and_grad(2.0, 0.5, argnums=(0, 1))
    (tmp_path / "f.c").write_text(p.to_c("f"))
    subprocess.run(["gcc", "-std=c99", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-o", tmp_path / "f.so",
                    tmp_path / "f.c", "-lm"], check=True)
    run = ctypes.CDLL(str(tmp_path / "f.so")).f_value_and_grad
    y, g, work = (ctypes.c_double*1)(), (ctypes.c_double*2)(), (ctypes.c_double*64)()
    assert run((ctypes.c_double*2)(2.0, 0.5), y, g, work) == 0
    assert (y[0], tuple(g)) == (value, gradient)
    assert run((ctypes.c_double*2)(0.0, 0.5), y, g, work) == 1  # the other branch


def test_tape_saved_and_loaded(tmp_path):
    """CppAD, CoDiPack."""
    p = cgrad.compile(newton)
    program = p(-3.0, 2.0) and p.programs[0]
    program.save(tmp_path / "newton.cgrad")
    assert cgrad.Program.load(tmp_path / "newton.cgrad").grad(-3.0, 2.0) == p.grad(-3.0, 2.0)
    assert pickle.loads(pickle.dumps(p))(-3.0, 2.0) == p(-3.0, 2.0)
