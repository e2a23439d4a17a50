"""Convolution and pooling against SciPy and plain loops; derivatives of both orders against differences."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nn_support import check, ours, plain
from scipy import signal

import cgrad
from cgrad import Tensor, nn
from cgrad.nn import functional

RNG = np.random.default_rng(7)


def by_scipy(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Every output channel as a sum of scipy.signal.correlate over its input channels."""
    n = x.ndim - 2
    stride, padding, dilation = ((v,)*n if isinstance(v, int) else v for v in (stride, padding, dilation))
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    spaced = np.zeros((*w.shape[:2], *[d*(k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]))
    spaced[(..., *[slice(None, None, d) for d in dilation])] = w
    outs, per = w.shape[0]//groups, w.shape[1]
    rows = []
    for b in range(x.shape[0]):
        rows.append([])
        for o in range(w.shape[0]):
            first = o//outs*per
            total = sum(signal.correlate(x[b, first + c], spaced[o, c], mode="valid", method="direct") for c in range(per))
            rows[-1].append(total[tuple(slice(None, None, s) for s in stride)] + (0 if bias is None else bias[o]))
    return np.array(rows)


@st.composite
def geometries(draw):
    n = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = [draw(st.integers(1, 3)) for _ in range(n)]
    dilation = [draw(st.integers(1, 2)) for _ in range(n)]
    padding = [draw(st.integers(0, 2)) for _ in range(n)]
    least = [max(1, d*(k - 1) + 1 - 2*p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [m + draw(st.integers(0, 3)) for m in least]
    return {"x": (draw(st.integers(1, 3)), groups*draw(st.integers(1, 2)), *size), "kernel": tuple(kernel),
            "out": groups*draw(st.integers(1, 2)), "stride": tuple(draw(st.integers(1, 3)) for _ in range(n)),
            "padding": tuple(padding), "dilation": tuple(dilation), "groups": groups, "bias": draw(st.booleans())}


@given(geometries())
def test_any_geometry_is_scipys(g):
    n = len(g["kernel"])
    rng = np.random.default_rng(0)
    x = rng.standard_normal(g["x"])
    w = rng.standard_normal((g["out"], g["x"][1]//g["groups"], *g["kernel"]))
    bias = rng.standard_normal(g["out"]) if g["bias"] else None
    options = {name: g[name] for name in ("stride", "padding", "dilation", "groups")}
    found = getattr(functional, f"conv{n}d")(x, w, bias, **options)
    np.testing.assert_allclose(found, by_scipy(x, w, bias, **options), rtol=1e-11, atol=1e-12)


@given(geometries())
def test_the_adjoints_are_adjoint(g):
    """<g, C(x, w)> = <dx, x> = <dw, w>: exactly what bilinear maps and their transposes fulfil."""
    n = len(g["kernel"])
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(g["x"]), rng.standard_normal((g["out"], g["x"][1]//g["groups"], *g["kernel"]))
    options = {name: g[name] for name in ("stride", "padding", "dilation", "groups")}
    a, b = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    out = getattr(functional, f"conv{n}d")(a, b, **options)
    weights = rng.standard_normal(out.shape)
    (out*weights).sum().backward()
    want = (out.data*weights).sum()
    np.testing.assert_allclose([(a.grad*x).sum(), (b.grad*w).sum()], [want, want], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": 2}, {"groups": 2}, {"padding": "same"},
], ids=str)
@pytest.mark.parametrize("n", [1, 2])
def test_derivatives(n, options):
    f = getattr(functional, f"conv{n}d")
    x, w = RNG.standard_normal((2, 2, *(5, 4)[:n])), RNG.standard_normal((2, 2//options.get("groups", 1), *(3, 2)[:n]))
    check(lambda x, w, b: f(x, w, b, **options), x, w, RNG.standard_normal(2))


def test_third_order():
    """Of sum(conv(x, w)^2) the derivative of third order in x, x, w, by differences of the second."""
    x, w = RNG.standard_normal((1, 1, 5)), RNG.standard_normal((1, 1, 2))
    u, v = RNG.standard_normal(x.shape), RNG.standard_normal(x.shape)

    def along(x, w):
        first = cgrad.gradients((functional.conv1d(x, w)**2).sum(), x, create_graph=True).wrt(x)
        return (cgrad.gradients((first*u).sum(), x, create_graph=True).wrt(x)*v).sum()

    b = Tensor(w, requires_grad=True)
    third = cgrad.gradients(along(Tensor(x, requires_grad=True), b), b).wrt(b)
    for k in range(2):
        shifted = [w.copy(), w.copy()]
        shifted[0][0, 0, k] += 1e-4
        shifted[1][0, 0, k] -= 1e-4
        up, down = (along(Tensor(x, requires_grad=True), Tensor(s, requires_grad=True)).data for s in shifted)
        assert third[0, 0, k] == pytest.approx((up - down)/2e-4, rel=1e-7)


def test_same_and_valid():
    x, w = RNG.standard_normal((1, 1, 7)), RNG.standard_normal((1, 1, 4))
    want = signal.correlate(np.pad(x[0, 0], (1, 2)), w[0, 0], mode="valid")  # with an odd total, the extra element at the end, as in PyTorch
    np.testing.assert_allclose(functional.conv1d(x, w, padding="same")[0, 0], want, rtol=1e-13)
    np.testing.assert_array_equal(functional.conv1d(x, w, padding="valid"), functional.conv1d(x, w))


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_padding_modes(mode, numpy_mode):
    layer = nn.Conv2D(2, 3, 3, padding=(2, 1), padding_mode=mode)
    x = RNG.standard_normal((2, 2, 5, 4))
    want = by_scipy(np.pad(x, [(0, 0), (0, 0), (2, 2), (1, 1)], mode=numpy_mode), layer.weight.data, layer.bias.data)
    np.testing.assert_allclose(check(layer, x), want, rtol=1e-11, atol=1e-12)


def test_without_a_batch():
    layer = nn.Conv2D(2, 3, 2)
    x = RNG.standard_normal((2, 4, 4))
    np.testing.assert_array_equal(layer(Tensor(x)).data, layer(x[None]).data[0])
    check(layer, x)


def test_an_empty_batch():
    layer = nn.Conv2D(1, 2, 3)
    x = Tensor(np.zeros((0, 1, 5, 5)), requires_grad=True)
    out = layer(x)
    assert out.shape == (0, 2, 3, 3)
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, np.zeros(layer.weight.shape))


@pytest.mark.parametrize("arrange", [lambda x: x.transpose(0, 1, 3, 2), lambda x: x[..., ::-1, ::2], np.asfortranarray],
                         ids=["transposed", "reversed", "Fortran"])
def test_any_strides(arrange):
    x = arrange(RNG.standard_normal((2, 2, 6, 6)))
    w = np.asfortranarray(RNG.standard_normal((3, 2, 2, 2)))
    assert not x.flags.c_contiguous
    a, b = Tensor(x, requires_grad=True, copy=False), Tensor(w, requires_grad=True, copy=False)
    out = functional.conv2d(a, b)
    np.testing.assert_allclose(out.data, by_scipy(x, w), rtol=1e-12, atol=1e-13)
    (out*out).sum().backward()
    c, d = (Tensor(np.ascontiguousarray(t), requires_grad=True) for t in (x, w))
    (functional.conv2d(c, d)**2).sum().backward()
    np.testing.assert_allclose(a.grad, c.grad, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(b.grad, d.grad, rtol=1e-12, atol=1e-12)


def test_single_precision_stays_single():
    layer = nn.Conv2D(2, 3, 3, dtype=np.float32)
    x = Tensor(RNG.standard_normal((2, 2, 5, 5)).astype(np.float32), requires_grad=True)
    out = nn.AvgPool2D(2)(nn.MaxPool2D(2, stride=1, padding=1)(layer(x)))
    out.sum().backward()
    assert {out.dtype, x.grad.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {np.dtype(np.float32)}


CONV_ERRORS = [
    (lambda: nn.Conv2D(2, 3, 3)(np.zeros((2, 1, 5, 5))), r"conv2d: x has shape \(2, 1, 5, 5\): weight .* takes 2 channels"),
    (lambda: nn.Conv2D(2, 3, 3)(np.zeros((5, 5))), r"conv2d: x has shape \(5, 5\): give \(batch, channels, 2 sizes\)"),
    (lambda: nn.Conv1D(1, 1, 4)(np.zeros((1, 1, 3))), r"it is smaller than the kernel \(4,\)"),
    (lambda: nn.Conv1D(3, 4, 2, groups=2), r"Conv1D: groups is 2: give a divisor of 3 and of 4"),
    (lambda: nn.Conv1D(3, 4, 0), r"Conv1D: kernel_size is 0: give a whole number, 1 or more"),
    (lambda: nn.Conv2D(3, 4, (1, 2, 3)), r"kernel_size is \(1, 2, 3\): give one whole number, or 2"),
    (lambda: nn.Conv2D(3, 4, 1.5), r"kernel_size is 1.5"),
    (lambda: nn.Conv2D(3, 4, [1, 2, 3]), r"kernel_size is \(1, 2, 3\)"),
    (lambda: nn.Conv2D(3, 4, np.ones(2)), r"kernel_size is array"),
    (lambda: nn.Conv2D(3, 4, True), r"kernel_size is True"),
    (lambda: nn.Conv1D(3, 4, 2, padding="same", stride=2), r"padding is 'same': it takes stride 1"),
    (lambda: nn.Conv1D(3, 4, 2, padding="full"), r"padding is 'full': give whole numbers, 'same' or 'valid'"),
    (lambda: nn.Conv1D(3, 4, 2, padding_mode="mirror"), r"padding_mode is 'mirror': give one of zeros, reflect"),
    (lambda: functional.conv1d(np.zeros((1, 1, 3)), np.zeros((1, 1))), r"weight has shape \(1, 1\)"),
    (lambda: functional.conv1d(np.zeros((1, 1, 3)), np.zeros((1, 1, 2)), np.zeros(2)), r"bias has shape \(2,\): give \(1,\)"),
    (lambda: functional.conv1d(np.zeros((1, 2, 3)), np.zeros((3, 1, 2)), groups=2), r"groups is 2: give a divisor of the 3"),
]


@pytest.mark.parametrize(("call", "message"), CONV_ERRORS)
def test_errors_of_convolution(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- pooling -------------------------------------------------------------------------------------

def windows(x, kernel, stride, padding, dilation, ceil_mode):
    """For each channel and window: the index tuple of the output, the elements inside x, the number in the padding."""
    n = len(kernel)
    for lead in np.ndindex(*x.shape[:-n]):
        ranges = []
        for m, k, s, p, d in zip(x.shape[-n:], kernel, stride, padding, dilation, strict=True):
            starts = [b for b in range(-p, m + p, s) if b < m + (0 if not ceil_mode else p)]
            axis = []
            for b in starts:
                places = [b + d*i for i in range(k)]
                if places[-1] >= m + p and not ceil_mode:
                    continue
                if ceil_mode and b >= m:
                    continue
                axis.append(places)
            if ceil_mode:  # PyTorch's count: ceil((m + 2p - d(k-1) - 1)/s) + 1, none starting behind the input
                count = -(-(m + 2*p - d*(k - 1) - 1)//s) + 1
                axis = axis[:count]
            ranges.append(list(enumerate(axis)))
        for chosen in itertools.product(*ranges):
            out = tuple(c[0] for c in chosen)
            inside, padded = [], 0
            for place in itertools.product(*(c[1] for c in chosen)):
                if all(0 <= i < m for i, m in zip(place, x.shape[-n:], strict=True)):
                    inside.append(x[(*lead, *place)])
                elif all(i < m + p for i, m, p in zip(place, x.shape[-n:], padding, strict=True)):
                    padded += 1
            yield (*lead, *out), inside, padded


@st.composite
def pools(draw):
    n = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(n))
    size = tuple(k*2 + draw(st.integers(0, 3)) for k in kernel)
    return (1, 2, *size), kernel, tuple(draw(st.integers(1, 3)) for _ in range(n)), \
        tuple(draw(st.integers(0, k//2)) for k in kernel), tuple(draw(st.integers(1, 2)) for _ in range(n)), draw(st.booleans())


@given(pools())
def test_max_pooling_is_the_largest_of_each_window(case):
    shape, kernel, stride, padding, dilation, ceil_mode = case
    x = np.random.default_rng(0).standard_normal(shape)
    found = getattr(functional, f"max_pool{len(kernel)}d")(x, kernel, stride, padding, dilation, ceil_mode)
    want = {where: max(inside) for where, inside, _ in windows(x, kernel, stride, padding, dilation, ceil_mode)}
    assert found.size == len(want)
    for where, value in want.items():
        assert found[where] == value


@given(pools(), st.booleans())
def test_average_pooling_is_the_average_of_each_window(case, include):
    shape, kernel, stride, padding, _, ceil_mode = case
    ones = (1,)*len(kernel)
    x = np.random.default_rng(0).standard_normal(shape)
    found = getattr(functional, f"avg_pool{len(kernel)}d")(x, kernel, stride, padding, ceil_mode, include)
    want = {where: sum(inside)/(len(inside) + include*padded)
            for where, inside, padded in windows(x, kernel, stride, padding, ones, ceil_mode)}
    assert found.size == len(want)
    for where, value in want.items():
        assert found[where] == pytest.approx(value, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("f", [
    lambda x: functional.max_pool1d(x, 2), lambda x: functional.max_pool1d(x, 3, 1, 1, 2)*x[..., :4],
    lambda x: functional.avg_pool1d(x, 3, 2, 1), lambda x: functional.avg_pool1d(x, 3, 1, 1, False, False)**2,
    lambda x: functional.adaptive_avg_pool(x, 4)**2,
], ids=["max", "overlapping max", "average", "average of elements", "adaptive"])
def test_derivatives_of_pooling(f):
    check(f, RNG.standard_normal((2, 2, 6)))


def test_derivatives_of_pooling_over_more_axes():
    x = RNG.standard_normal((1, 2, 4, 5))
    check(lambda x: functional.max_pool2d(x, (2, 3), 1, (0, 1))**2, x)
    check(lambda x: functional.avg_pool2d(x, 2, (1, 2))**2, x)
    check(lambda x: functional.max_pool3d(x, 2, 1)**3, x)
    check(lambda x: functional.avg_pool3d(x, 2, 1, 1, True, False, None)**2, x)
    check(lambda x: functional.adaptive_avg_pool(x, (1, 1))**2, x)


def test_ties_go_to_the_first_and_nan_is_the_largest():
    x = Tensor([[[2.0, 2.0, 1.0, 1.0, np.nan, 3.0]]], requires_grad=True)
    out = functional.max_pool1d(x, 2)
    np.testing.assert_array_equal(out.data, [[[2.0, 1.0, np.nan]]])
    out[..., :2].sum().backward()
    np.testing.assert_array_equal(x.grad, [[[1, 0, 1, 0, 0, 0]]])
    np.testing.assert_array_equal(functional.max_pool1d(np.array([[3.0, np.nan, 5.0]]), 3), [[np.nan]])


def test_windows_of_minus_infinity():
    x = Tensor(np.full((1, 1, 4), -np.inf), requires_grad=True)
    out = functional.max_pool1d(x, 2, 2, 1)
    np.testing.assert_array_equal(out.data, np.full((1, 1, 3), -np.inf))
    out.sum().backward()
    assert x.grad.sum() == 3.0


def test_adaptive_average():
    x = RNG.standard_normal((2, 3, 7, 5))
    np.testing.assert_allclose(functional.adaptive_avg_pool(x, (1, 1)), x.mean((2, 3), keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(functional.adaptive_avg_pool(x, 5), x, rtol=1e-15)
    want = np.stack([x[..., 0:2].mean(-1), x[..., 1:4].mean(-1), x[..., 3:5].mean(-1)], axis=-1)
    np.testing.assert_allclose(nn.AdaptiveAvgPoolND(3)(x), want, rtol=1e-12)


@pytest.mark.parametrize("layer", [nn.MaxPool1D(2), nn.MaxPool2D(2), nn.MaxPool3D(2), nn.AvgPool1D(2), nn.AvgPool2D(2),
                                   nn.AvgPool3D(2)], ids=lambda m: type(m).__name__)
def test_a_layer_each(layer):
    n = layer.n
    x = RNG.standard_normal((2, 3, *(4, 6, 2)[:n]))
    blocks = x
    for a in range(n):
        blocks = blocks.reshape(*blocks.shape[:2 + 2*a], blocks.shape[2 + 2*a]//2, 2, *blocks.shape[3 + 2*a:])
    axes = tuple(3 + 2*a for a in range(n))
    want = blocks.max(axes) if "Max" in type(layer).__name__ else blocks.mean(axes)
    np.testing.assert_allclose(plain(layer(Tensor(x))), want, rtol=1e-12)
    np.testing.assert_allclose(layer(x[0]), want[0], rtol=1e-12)
    assert "kernel_size" in repr(layer)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: functional.max_pool1d(np.zeros((1, 1, 3)), 4), r"max_pool1d: x has shape \(1, 1, 3\): with padding \(0,\)"),
    (lambda: functional.max_pool2d(np.zeros(3), 4), r"max_pool2d: x has shape \(3,\): give \(batch, channels, 2 sizes\)"),
    (lambda: functional.avg_pool1d(np.zeros((1, 1, 3)), 2, padding=2), "avg_pool1d: padding is 2: give no more than half"),
    (lambda: functional.avg_pool1d(np.zeros((1, 1, 3)), 2, divisor_override=0), "divisor_override is 0"),
    (lambda: nn.MaxPool1D(2, stride=0), "MaxPool1D: stride is 0"),
    (lambda: functional.adaptive_avg_pool(np.zeros(3), (1, 1)), "give 2 axes or more"),
])
def test_errors_of_pooling(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_second_order_through_a_net():
    """conv, pooling, conv: first and second derivatives in all of its arguments."""
    def net(x, v, w):
        return functional.avg_pool2d(functional.conv2d(functional.max_pool2d(cgrad.tanh(functional.conv2d(x, v)), 2), w), 2, 1)

    out = ours(net, [RNG.standard_normal(s) for s in ((1, 1, 7, 7), (2, 1, 2, 2), (1, 2, 2, 2))])[0]
    assert out.shape == (1, 1, 1, 1)
    check(net, *[RNG.standard_normal(s) for s in ((1, 1, 7, 7), (2, 1, 2, 2), (1, 2, 2, 2))])
