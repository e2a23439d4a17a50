"""giagrad's nn and init groups, row by row, as its users write them."""

import numpy as np
import pytest

import cgrad
from cgrad import Tensor, Value, nn
from cgrad.nn import init


class Model(nn.Module):
    """As in giagrad's documentation: modules as attributes, and a __call__ of the class."""

    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(6, 5)
        self.drop = nn.Dropout(p=0.5)
        self.l2 = nn.Linear(5, 3)

    def __call__(self, x):
        return self.l2(self.drop(self.l1(x).relu())).relu()


def test_module():
    m = Model()
    assert [p.shape for p in m.parameters()] == [(5, 6), (5,), (3, 5), (3,)]
    assert m.training and m.drop.training
    m.eval()
    assert not m.drop.training
    x = Tensor(np.ones((4, 6)))
    np.testing.assert_array_equal(m(x).data, m(x).data)
    m.train()
    m.apply(lambda layer: init.ones(layer.weight) if isinstance(layer, nn.Linear) else None)
    assert (m.l1.weight.data == 1).all() and (m.l2.weight.data == 1).all()
    m(x).sum().backward()
    assert any(p.grad.any() for p in m.parameters())
    m.zero_grad()
    assert not any(p.grad.any() for p in m.parameters())
    assert str(m).splitlines()[0] == "Model(" and "(l1): Linear(6, 5)" in str(m)


def test_sequential_and_a_step_of_training():
    init.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    criterion = nn.CrossEntropyLoss()
    x, y = np.random.default_rng(0).standard_normal((12, 6)), np.arange(12) % 3
    losses = []
    for _ in range(50):
        loss = criterion(model(Tensor(x)), y)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.5*p.grad
        losses.append(loss.item())
    assert losses[-1] < 0.3*losses[0]


@pytest.mark.parametrize(("layer", "shape", "out"), [
    (nn.Linear(4, 2), (3, 4), (3, 2)), (nn.Dropout(0.3), (3, 4), (3, 4)), (nn.DropoutND(0.3), (3, 4, 5), (3, 4, 5)),
    (nn.DropoutND(0.3, dim=1), (3, 4, 5, 6), (3, 4, 5, 6)), (nn.Conv1D(2, 3, 2), (4, 2, 5), (4, 3, 4)),
    (nn.Conv2D(2, 3, (2, 3)), (4, 2, 5, 5), (4, 3, 4, 3)), (nn.Conv3D(2, 3, 2), (4, 2, 3, 3, 3), (4, 3, 2, 2, 2)),
    (nn.BatchNormND(2), (4, 2, 3), (4, 2, 3)), (nn.LayerNorm(3), (4, 2, 3), (4, 2, 3)),
    (nn.MaxPool1D(2), (4, 2, 6), (4, 2, 3)), (nn.MaxPool2D(2), (4, 2, 6, 4), (4, 2, 3, 2)),
    (nn.MaxPool3D(2), (4, 2, 6, 4, 2), (4, 2, 3, 2, 1)), (nn.AvgPool1D(2), (4, 2, 6), (4, 2, 3)),
    (nn.AvgPool2D(2), (4, 2, 6, 4), (4, 2, 3, 2)), (nn.AvgPool3D(2), (4, 2, 6, 4, 2), (4, 2, 3, 2, 1)),
], ids=lambda x: str(x).partition(":")[0])
def test_layers(layer, shape, out):
    x = Tensor(np.random.default_rng(1).standard_normal(shape), requires_grad=True)
    y = layer(x)
    assert type(y) is Tensor and y.shape == out
    y.sum().backward()
    assert x.grad.shape == shape and np.isfinite(x.grad).all()


def test_an_activation_module_each():
    modules = [nn.ReLU(), nn.Sigmoid(), nn.ELU(1.5), nn.SiLU(2.0), nn.Tanh(), nn.LeakyReLU(0.02), nn.SoftPlus(2.0, 10.0),
               nn.QuickGELU(), nn.GELU(), nn.ReLU6(), nn.Mish(), nn.Hardswish(), nn.Softmax(axis=1), nn.LogSoftmax(axis=1)]
    x = Tensor(np.random.default_rng(2).standard_normal((3, 4)))
    methods = [x.relu(), x.sigmoid(), x.elu(1.5), x.silu(2.0), x.tanh(), x.leakyrelu(0.02), x.softplus(2.0, 10.0),
               x.quick_gelu(), x.gelu(), x.relu6(), x.mish(), x.hardswish(), x.softmax(1), x.log_softmax(1)]
    for module, want in zip(modules, methods, strict=True):
        np.testing.assert_array_equal(module(x).data, want.data)


def test_where_giagrad_is_wrong():
    """Its fans count a receptive field of 1 for convolutions, and its Linear starts from other numbers than the papers'."""
    assert init.fans(np.zeros((8, 4, 3, 3))) == (36, 72)
    bound = 1/np.sqrt(300)
    weight = nn.Linear(300, 200).weight.data
    assert 0.99*bound < abs(weight).max() <= bound


def test_fill_in_place():
    t = Tensor(np.zeros((4, 3, 2)), requires_grad=True)
    for fill in (init.empty, init.zeros, init.ones, lambda t: init.constant(t, 2.0), init.normal, init.uniform, init.dirac,
                 init.xavier_uniform, init.xavier_normal, init.kaiming_uniform, init.kaiming_normal, init.orthogonal):
        assert fill(t) is t and t.shape == (4, 3, 2) and t.requires_grad
    assert init.sparse(Tensor(np.zeros((4, 3))), 0.5).shape == (4, 3)
    assert init.calculate_gain("tanh") == 5/3


def test_scalars_and_arrays_in_one_module():
    class Both(nn.Module):
        def __init__(self):
            self.array = nn.Linear(3, 2)
            self.scalar = nn.Neuron(2)

        def forward(self, x):
            return self.scalar([*self.array(x)])

    model = Both()
    out = model(np.array([1.0, 2.0, 3.0]))
    assert type(out) is Value
    out.backward()
    assert len(model.parameters()) == 5
    assert {type(p) for p in model.parameters()} == {cgrad.Tensor, cgrad.Value}
