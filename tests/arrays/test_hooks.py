"""Hooks on leaves and nodes; cycles through hooks and contexts of Functions are freed."""

import gc
import weakref

import numpy as np
import pytest

import cgrad
from cgrad import Function, Tape, Tensor, Value


@pytest.fixture
def whole():
    """A graph whose sweeps are as before after any hook."""
    t = Tensor([1.0, 2.0], requires_grad=True, name="t")
    y = t*t
    yield t, y
    t.zero_grad()
    y.backward()
    assert t.grad.tolist() == [2.0, 4.0]


# ---- hooks -----------------------------------------------------------------------------------------


def test_hooks_on_tensors():
    t = Tensor([1.0, 2.0], requires_grad=True)
    h = t*t
    y = (h*3.0).sum()
    seen = []
    on_node = h.register_hook(lambda g: seen.append(("node", np.array(g).tolist())))
    on_leaf = t.register_hook(lambda g: seen.append(("leaf", np.array(g).tolist())))
    y.backward()
    assert seen == [("node", [3.0, 3.0]), ("leaf", [6.0, 12.0])]
    on_node.remove()
    y.backward()
    assert [name for name, _ in seen] == ["node", "leaf", "leaf"]
    on_leaf.remove()
    on_leaf.remove()  # once more does nothing
    y.backward()
    assert len(seen) == 3
    assert t.grad.tolist() == [18.0, 36.0]


def test_hooks_on_values():
    x = Value(2.0)
    h = x*x
    y = h*3.0
    seen = []
    handles = [h.register_hook(lambda g: seen.append(("node", g))), x.register_hook(lambda g: seen.append(("leaf", g)))]
    y.backward()
    assert seen == [("node", 3.0), ("leaf", 12.0)]
    for handle in handles:
        handle.remove()
    y.backward()
    assert len(seen) == 2
    assert x.grad == 24.0


def test_a_hook_replaces_the_gradient():
    t, v = Tensor([1.0, 2.0], requires_grad=True), Value(3.0)
    h = t*v
    k = h.sum()
    h.register_hook(lambda g: g*10.0)
    k.register_hook(lambda g: g + 1.0)
    k.backward()
    assert k.grad == 2.0
    assert h.grad.tolist() == [20.0, 20.0]
    assert t.grad.tolist() == [60.0, 60.0]
    assert v.grad == 60.0
    t.register_hook(lambda g: np.clip(g, -5.0, 5.0))
    v.register_hook(lambda g: 0.5)
    t.zero_grad()
    v.zero_grad()
    k.backward()
    assert t.grad.tolist() == [5.0, 5.0]
    assert v.grad == 0.5


def test_hooks_see_the_whole_adjoint_once():
    """One call a sweep, when all that flows into the node has come together."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    h = t*2.0
    y = (h*h).sum() + h[0] + (h*3.0).sum()
    seen = []
    h.register_hook(lambda g: seen.append(g.tolist()))
    t.register_hook(lambda g: seen.append(g.tolist()))
    y.backward()
    assert seen == [[4.0 + 1.0 + 3.0, 8.0 + 3.0], [16.0, 22.0]]


def test_hooks_that_fail(whole):
    t, y = whole
    handle = y.register_hook(lambda g: 1/0)
    out = (y*2.0).sum()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            out.backward()
        assert t.grad.tolist() == [0.0, 0.0]
    handle.remove()
    handle = y.register_hook(lambda g: np.ones(3))
    with pytest.raises(ValueError, match=r"hook.*\(3,\).*\(2,\)"):
        out.backward()
    handle.remove()
    with pytest.raises(TypeError, match="hook"):
        y.register_hook("not a function")
    with pytest.raises((TypeError, ValueError, RuntimeError), match="register_hook"):
        Tensor([1.0]).register_hook(lambda g: g)


# ---- memory ----------------------------------------------------------------------------------------


def test_a_cycle_through_a_hook_is_freed():
    """tape -> hook -> Value of that tape -> tape."""
    class Marker:
        pass

    for make in (lambda: Tensor([1.0, 2.0], requires_grad=True), lambda: Value(1.0)):
        with Tape():
            x = make()
            y = x*x
            marker = Marker()
            y.register_hook(lambda g, y=y, marker=marker: None)
        seen = weakref.ref(marker)
        tape = weakref.ref(y._tape)
        del x, y, marker
        gc.collect()
        assert seen() is None
        assert tape() is None


def test_a_cycle_through_a_leafs_hook_is_freed():
    class Marker:
        pass

    for make in (lambda: Tensor([1.0, 2.0], requires_grad=True), lambda: Value(1.0)):
        x = make()
        marker = Marker()
        x.register_hook(lambda g, x=x, marker=marker: None)
        seen = weakref.ref(marker)
        del x, marker
        gc.collect()
        assert seen() is None


def test_a_cycle_through_a_functions_context_is_freed():
    class Marker:
        pass

    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.marker = Marker()
            return x*2.0

        @staticmethod
        def backward(ctx, g):
            return 2.0*g

    keeper = []

    class KeepsOutput(Keeps):
        @staticmethod
        def forward(ctx, x):
            keeper.append(ctx)
            return Keeps.forward(ctx, x)

    with Tape():
        t = Tensor([1.0, 2.0], requires_grad=True)
        y = KeepsOutput.apply(t)
    ctx = keeper.pop()
    marker, tape = weakref.ref(ctx.marker), weakref.ref(y._tape)
    ctx.output = y  # tape -> ctx -> Tensor -> tape
    del ctx, y
    gc.collect()
    assert marker() is None
    assert tape() is None
    assert t.tolist() == [1.0, 2.0]


def test_a_dropped_function_lets_go_without_a_collection_of_cycles():
    """No cycle, no gc: on the thread's own tape as well."""
    class Marker:
        pass

    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.marker = Marker()
            seen.append(weakref.ref(ctx.marker))
            return x*2.0

        @staticmethod
        def backward(ctx, g):
            return 2.0*g

    seen = []
    gc.disable()
    try:
        t = Tensor([1.0], requires_grad=True)
        y = Keeps.apply(t)
        y.backward()
        del y
        cgrad.current_tape()._collect()
        assert seen[0]() is None
    finally:
        gc.enable()
