"""Module: what registers itself, names, state, modes, display; Sequential; parameters from a store."""

import copy
import pickle

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, Value
from cgrad.nn import MLP, BatchNormND, Dropout, Linear, Module, Neuron, ReLU, Sequential, init


class Mixed(Module):
    """Scalars and arrays, containers, children, a frozen tensor, and things that are no parameters."""

    def __init__(self):
        self.scale = Value(2.0)
        self.items = [Value(1.0), (Tensor([1.0, 2.0], requires_grad=True), {"deep": Value(3.0)})]
        self.frozen = Tensor([5.0])
        self.layer = Linear(2, 1)
        self.table = {"a": Linear(1, 1, bias=False), "b": [ReLU()]}
        self.number, self.text, self.plain = 3.0, "x", np.ones(3)
        self.shared = self.layer
        self.result = self.scale*2.0
        self.made = Tensor([1.0], requires_grad=True)*2.0

    def forward(self, x):
        return self.layer(x)*self.scale


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_attributes_register_in_order_of_assignment():
    m = Mixed()
    assert names(m) == ["scale", "items.0", "items.1.0", "items.1.1.deep", "layer.weight", "layer.bias", "table.a.weight"]
    want = [m.scale, m.items[0], m.items[1][0], m.items[1][1]["deep"], m.layer.weight, m.layer.bias, m.table["a"].weight]
    for found in (m.parameters(), [p for _, p in m.named_parameters()]):
        assert len(found) == len(want) and all(a is b for a, b in zip(found, want, strict=True))
    assert [type(c).__name__ for c in m.children()] == ["Linear", "Linear", "ReLU"]
    assert [type(c).__name__ for c in m.modules()] == ["Mixed", "Linear", "Linear", "ReLU"]


def test_registration_follows_what_attributes_hold_now():
    m = Mixed()
    m.items.append(Value(9.0))
    assert "items.2" in names(m)
    del m.scale, m.layer, m.shared
    assert names(m) == ["items.0", "items.1.0", "items.1.1.deep", "items.2", "table.a.weight"]
    m.items = None
    assert names(m) == ["table.a.weight"]


def test_a_frozen_tensor_is_a_buffer():
    layer = Linear(2, 1)
    layer.bias.requires_grad_(False)
    assert names(layer) == ["weight"]
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_shared_parameters_come_once():
    a = Linear(2, 2)
    b = Linear(2, 2)
    b.weight = a.weight
    net = Sequential(a, b, a)
    assert names(net) == ["0.weight", "0.bias", "1.bias"]
    assert len(net.parameters()) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]


def test_modules_that_hold_each_other():
    a, b = Linear(1, 1), Linear(1, 1)
    a.other, b.other = b, a
    assert names(a) == ["weight", "bias", "other.weight", "other.bias"]
    assert len(a.parameters()) == 4 and len(a.modules()) == 2
    assert a.eval().training is False and b.training is False
    assert list(a.state_dict()) == names(a)
    assert "Linear(...)" in repr(a)


def test_modules_with_their_own_parameters_method():
    """micrograd's style; modules above count what they return, also if no attribute holds it."""
    hidden = Value(7.0)

    class Own(Module):
        def __init__(self):
            self.first, self.second = Value(1.0), Value(2.0)

        def parameters(self):
            return [self.second, hidden]

    own = Own()
    net = Sequential(own, Neuron(1))
    assert [p.data for p in net.parameters()[:2]] == [2.0, 7.0]
    assert names(net) == ["0.second", "0.parameters.1", "1.w.0", "1.b"]
    for p in net.parameters():
        p.grad = 3.0
    net.zero_grad()
    assert all(p.grad == 0.0 for p in net.parameters())
    assert own.first.grad == 0.0
    assert [float(a) for a in own.state_dict().values()] == [1.0, 2.0, 7.0]
    own.load_state_dict({"first": 4.0, "second": 5.0, "parameters.1": 6.0})
    assert (own.first.data, own.second.data, hidden.data) == (4.0, 5.0, 6.0)


def test_zero_grad_of_scalars_and_arrays():
    m = Mixed()
    (m(Tensor([[1.0, 2.0]])).sum()*m.items[0]).backward()
    assert m.scale.grad != 0 and np.any(m.layer.weight.grad != 0) and m.items[0].grad != 0
    m.zero_grad()
    assert all(not np.any(p.grad) for p in m.parameters())


def test_one_graph_through_scalar_and_array_layers():
    """Linear feeds an MLP of Values element by element, and its outputs go on as an array."""
    net, scalar = Linear(3, 2), MLP(2, [3, 2])
    x = np.array([0.5, -1.0, 2.0])
    out = cgrad.stack(scalar([*net(x)]))
    (out*out).sum().backward()
    h = 1e-6

    def loss():
        with cgrad.no_grad():
            hidden = net(x)
            return sum(v.data**2 for v in scalar([Value(float(t)) for t in hidden.numpy()]))

    w = net.weight
    for index in np.ndindex(*w.shape):
        old = w.data.copy()
        values = []
        for step in (h, -h):
            w.data = old.copy()
            w.data[index] += step
            values.append(loss())
        w.data = old
        assert w.grad[index] == pytest.approx((values[0] - values[1])/(2*h), abs=1e-7)


def test_train_and_eval_reach_everything():
    net = Sequential(Dropout(0.5), Sequential(Dropout(0.5), Linear(1, 1)))
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    assert "training" not in net.state_dict()


def test_apply_goes_from_the_inside_out():
    inner = Sequential(Linear(1, 1))
    net = Sequential(inner, ReLU())
    seen = []
    assert net.apply(seen.append) is net
    assert len(seen) == 4 and seen[-1] is net
    assert seen.index(inner[0]) < seen.index(inner)


def test_a_module_without_forward():
    class Nothing(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing: has no forward: define forward\(self, ...\)"):
        Nothing()(1.0)


# ---- state ---------------------------------------------------------------------------------------

def test_state_of_scalars_and_arrays():
    a, b = Mixed(), Mixed()
    for p in a.parameters():
        init.normal(p)
    state = a.state_dict()
    assert state["scale"].shape == () and state["scale"].dtype == np.float64
    assert list(state) == ["scale", "items.0", "items.1.0", "items.1.1.deep", "frozen", "layer.weight", "layer.bias",
                           "table.a.weight", "shared.weight", "shared.bias"]
    assert b.load_state_dict(state) == ([], [])
    for name, array in b.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


def test_state_is_a_copy_both_ways():
    layer = Linear(2, 1)
    state = layer.state_dict()
    before = state["weight"].copy()
    layer.weight.data[...] = 0.0
    np.testing.assert_array_equal(state["weight"], before)
    layer.load_state_dict(state)
    state["weight"][...] = 7.0
    np.testing.assert_array_equal(layer.weight.data, before)


def test_loading_keeps_parameters_dtype_and_recorded_graphs():
    layer = Linear(2, 1, dtype=np.float32)
    weight = layer.weight
    old = weight.data.copy()
    x = Tensor([[1.0, 2.0]], requires_grad=True, dtype=np.float32)
    loss = layer(x).sum()
    layer.load_state_dict({"weight": np.array([[3, 4]]), "bias": [1.0]})
    assert layer.weight is weight and weight.dtype == np.float32
    np.testing.assert_array_equal(weight.data, [[3.0, 4.0]])
    loss.backward()
    np.testing.assert_array_equal(x.grad, old)


@pytest.mark.parametrize(("change", "message"), [
    (lambda s: s.pop("bias"), r"missing 'bias'"),
    (lambda s: s.update(more=1.0), r"unexpected 'more'"),
    (lambda s: (s.pop("bias"), s.pop("weight"), s.update(a=1, b=2)), r"missing 'weight', 'bias'; unexpected 'a', 'b'"),
    (lambda s: s.update(weight=np.ones((3, 3))), r"'weight' has shape \(3, 3\), not \(1, 2\)"),
    (lambda s: s.update(weight=np.array([["a", "b"]])), r"'weight' is of dtype <U1"),
    (lambda s: s.update(weight=np.array([[1j, 2]])), r"'weight' is of dtype complex128"),
], ids=["missing", "unexpected", "both", "shape", "text", "complex"])
def test_a_state_that_does_not_fit_is_named_and_changes_nothing(change, message):
    layer = Linear(2, 1)
    before = layer.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        layer.load_state_dict(state)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_loading_what_is_there():
    layer = Linear(2, 1)
    missing, unexpected = layer.load_state_dict({"bias": [9.0], "more": 1.0}, strict=False)
    assert (missing, unexpected) == (["weight"], ["more"])
    assert layer.bias.data == [9.0]
    with pytest.raises(ValueError, match="has shape"):
        layer.load_state_dict({"bias": [9.0, 8.0]}, strict=False)


def test_save_and_load(tmp_path):
    class Odd(Module):
        def __init__(self):
            self.file = Tensor([1.0, 2.0], requires_grad=True)  # names of np.savez's own arguments
            self.allow_pickle = Value(3.0)
            self.parts = {"a/b c": Value(4.0)}
            self.norm = BatchNormND(2)

    a, b = Odd(), Odd()
    a.norm(np.array([[1.0, 2.0], [3.0, 5.0]]))
    init.normal(a.parameters()[0])
    a.save(tmp_path/"model")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    with np.load(tmp_path/"model", allow_pickle=False) as archive:
        assert set(archive.files) == set(a.state_dict())
    assert b.load(str(tmp_path/"model")) == ([], [])
    for name, array in a.state_dict().items():
        np.testing.assert_array_equal(array, b.state_dict()[name])
    np.savez(tmp_path/"numpy.npz", weight=np.ones((1, 2)), bias=np.zeros(1))
    layer = Linear(2, 1)
    layer.load(tmp_path/"numpy.npz")
    np.testing.assert_array_equal(layer.weight.data, [[1.0, 1.0]])


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    layer = Linear(2, 1)
    layer.save(tmp_path/"model")
    before = (tmp_path/"model").read_bytes()
    monkeypatch.setattr(np.lib.format, "write_array", lambda *a, **k: 1/0)
    with pytest.raises(ZeroDivisionError):
        layer.save(tmp_path/"model")
    assert (tmp_path/"model").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path/"evil.npz", weight=np.array([object()], dtype=object), bias=np.zeros(1))
    with pytest.raises(ValueError, match="allow_pickle"):
        Linear(2, 1).load(tmp_path/"evil.npz")


def test_copies_and_pickles():
    net = Sequential(Linear(2, 3), ReLU(), Linear(3, 1))
    x = np.array([[1.0, -2.0]])
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert names(twin) == names(net)
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in net.parameters()}
        np.testing.assert_array_equal(twin(x).data, net(x).data)


# ---- display -------------------------------------------------------------------------------------

def test_the_tree():
    class Net(Module):
        def __init__(self):
            self.scale = Value(1.0)
            self.body = Sequential(Linear(4, 3), Sequential(Dropout(0.25)))
            self.heads = [Linear(3, 1, bias=False)]
            self.old = MLP(1, [1])

    assert repr(Net()) == str(Net()) == """Net(
  scale ()
  (body): Sequential(
    (0): Linear(4, 3): weight (3, 4), bias (3,)
    (1): Sequential(
      (0): Dropout(p=0.25)
    )
  )
  (heads.0): Linear(3, 1, bias=False): weight (1, 3)
  (old): MLP of [Layer of [LinearNeuron(1)]]
)"""
    assert repr(Module()) == "Module()"


def test_functions_are_shown_where_they_stand():
    assert repr(Sequential(Linear(1, 2), cgrad.tanh, ReLU())) == """Sequential(
  (0): Linear(1, 2): weight (2, 1), bias (2,)
  (1): tanh
  (2): ReLU()
)"""


def test_many_scalars_are_counted():
    m = Module()
    m.w = [Value(1.0)]*3 + [Value(2.0) for _ in range(20)]
    assert repr(m).endswith("and 16 more")


# ---- Sequential ----------------------------------------------------------------------------------

def test_sequential_is_a_list_of_layers():
    layers = [Linear(2, 3), ReLU(), Linear(3, 1)]
    net = Sequential(*layers)
    assert len(net) == 3 and list(net) == layers and net[-1] is layers[2]
    assert isinstance(net[:2], Sequential) and list(net[:2]) == layers[:2]
    assert net.append(cgrad.tanh) is net and len(net) == 4
    x = np.array([[0.5, -1.0], [2.0, 1.0]])
    hidden = np.maximum(x @ layers[0].weight.data.T + layers[0].bias.data, 0)
    want = np.tanh(hidden @ layers[2].weight.data.T + layers[2].bias.data)
    np.testing.assert_allclose(net(x).data, want, rtol=1e-14)
    np.testing.assert_array_equal(Sequential()(x), x)


def test_sequential_of_names():
    net = Sequential({"first": Linear(2, 3), "act": ReLU(), "last": Linear(3, 1)})
    assert names(net) == ["first.weight", "first.bias", "last.weight", "last.bias"]


def test_sequential_refuses_what_cannot_be_called():
    with pytest.raises(ValueError, match="Sequential: a layer is 3: give modules or functions"):
        Sequential(ReLU(), 3)


def test_a_sequential_with_attributes():
    class Net(Sequential):
        def __init__(self):
            super().__init__(Linear(1, 1))
            self.scale = Value(2.0)

    assert names(Net()) == ["0.weight", "0.bias", "scale"]


# ---- parameters from a store ---------------------------------------------------------------------

def test_parameters_live_in_a_plain_dict():
    """ComputationRecord's LinearLayer: made at first, loaded at each step, updated outside the layer."""
    store, rng = {}, np.random.default_rng(0)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    losses = []
    for _ in range(5):
        with cgrad.Tape():
            layer = Linear(3, 2, store=store, name="layer")
            loss = ((layer(x) - y)**2).mean()
            grads = cgrad.gradients(loss)
            for name, p in layer.named_parameters():
                store[f"layer.{name}"] = store[f"layer.{name}"] - 0.1*grads.wrt(p)
        losses.append(loss.data)
    assert list(store) == ["layer.weight", "layer.bias"]
    assert all(type(array) is np.ndarray for array in store.values())
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.95*losses[0]


def test_a_store_of_other_shapes_or_tensors():
    store = {"a.weight": np.ones((2, 2)), "a.bias": np.zeros(2), "b.weight": np.ones((1, 2))}
    layer = Linear(2, 2, store=store, name="a")
    np.testing.assert_array_equal(layer.weight.data, np.ones((2, 2)))
    layer.weight.data[...] = 5.0
    np.testing.assert_array_equal(store["a.weight"], np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"Linear: 'b.weight' of the store has shape \(1, 2\): give \(2, 2\)"):
        Linear(2, 2, store=store, name="b")
    shared = {"c.weight": Tensor(np.ones((2, 2)), requires_grad=True)}
    assert Linear(2, 2, bias=False, store=shared, name="c").weight is shared["c.weight"]
