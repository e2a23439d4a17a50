"""micrograd's demo: 100 points of two moons, MLP(2, [16, 16, 1]), max-margin loss + L2, plain gradient descent."""

import gc
import random

from benchmarks.harness import FASTER, Outcome, Process, Row, Side, agree, clock, missing, ratios, row


def data(points: int):
    """Points and labels -1, +1 as the demo makes them (NumPy arrays)."""
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=points, noise=0.1, random_state=1337)
    return X, y*2 - 1


# ---- a user's own classes: micrograd's code ---------------------------------------------------------

class Neuron:
    """Over any number that has a method relu()."""

    def __init__(self, value, size, nonlin=True):
        self.w = [value(random.uniform(-1, 1)) for _ in range(size)]
        self.b = value(0.0)
        self.nonlin = nonlin

    def __call__(self, x):
        act = sum((wi*xi for wi, xi in zip(self.w, x)), self.b)
        return act.relu() if self.nonlin else act

    def parameters(self):
        return [*self.w, self.b]


class BareNeuron(Neuron):
    """The same where there is no such method: plain floats, XAD."""

    def __call__(self, x):
        act = sum((wi*xi for wi, xi in zip(self.w, x)), self.b)
        return (act if act > 0 else 0.0) if self.nonlin else act


class Layer:
    def __init__(self, neuron, value, size, nout, nonlin):
        self.neurons = [neuron(value, size, nonlin) for _ in range(nout)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP:
    def __init__(self, neuron, value, size, nouts):
        sizes = [size, *nouts]
        self.layers = [Layer(neuron, value, sizes[i], sizes[i + 1], i != len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for n in layer.neurons for p in n.parameters()]

    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0


# ---- the demo's step --------------------------------------------------------------------------------

def relu(v):
    return v.relu()


def bare_relu(v):
    return v if v > 0 else 0.0


def total_loss(model, X, y, number, positive=relu):
    """The demo's loss; ``number`` is applied to each coordinate."""
    inputs = [list(map(number, xrow)) for xrow in X]
    scores = list(map(model, inputs))
    losses = [positive(1 + -yi*scorei) for yi, scorei in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum(p*p for p in model.parameters())
    return data_loss + reg_loss


def careful_loss(model, X, y, number, positive=relu):
    """The same without plain numbers: minigrad releases them once too often, and crashes sooner or later."""
    inputs = [list(map(number, xrow)) for xrow in X]
    scores = list(map(model, inputs))
    losses = [positive(number(1.0) + number(-yi)*scorei) for yi, scorei in zip(y, scores, strict=True)]
    data_loss = sum(losses, number(0.0)) * number(1.0/len(losses))
    reg_loss = number(1e-4) * sum((p*p for p in model.parameters()), number(0.0))
    return data_loss + reg_loss


def training(make_model, X, y, number, steps: int, loss_of=total_loss) -> Side:
    """Some steps from the same start each time; only the steps are timed."""

    def run() -> Outcome:
        random.seed(1337)
        model = make_model()
        losses = []
        start = clock()
        for k in range(steps):
            loss = loss_of(model, X, y, number)
            model.zero_grad()
            loss.backward()
            learning_rate = 1.0 - 0.9*k/100
            for p in model.parameters():
                p.data -= learning_rate*p.grad
            losses.append(loss.data)
        return clock() - start, losses

    return run


def uncollected(side: Side) -> Side:
    """The same with Python's collector off while it runs."""

    def run() -> Outcome:
        gc.disable()
        try:
            return side()
        finally:
            gc.enable()
            gc.collect()

    return run


def xad_training(X, y, steps: int) -> Side:
    """The same steps over XAD's Real: the parameters are registered anew at each."""
    from xad.adj_1st import Real, Tape

    tape = Tape()
    tape.activate()

    def run() -> Outcome:
        random.seed(1337)
        model = MLP(BareNeuron, Real, 2, [16, 16, 1])
        losses = []
        start = clock()
        for k in range(steps):
            tape.clearAll()
            tape.registerInputs(model.parameters())
            tape.newRecording()
            loss = total_loss(model, X, y, float, bare_relu)
            tape.registerOutput(loss)
            loss.derivative = 1.0
            tape.computeAdjoints()
            rate = 1.0 - 0.9*k/100
            for layer in model.layers:
                for n in layer.neurons:
                    n.w = [Real(w.value - rate*w.derivative) for w in n.w]
                    n.b = Real(n.b.value - rate*n.b.derivative)
            losses.append(loss.value)
        return clock() - start, losses

    return run


def forward(neuron, value, X, y, number, positive, steps: int) -> Side:
    """The loss alone, over and over."""

    def run() -> Outcome:
        random.seed(1337)
        model = MLP(neuron, value, 2, [16, 16, 1])
        start = clock()
        for _ in range(steps):
            loss = total_loss(model, X, y, number, positive)
        return clock() - start, [float(loss if isinstance(loss, float) else loss.data)]

    return run


def cgrad_mlp():
    """cgrad.nn's MLP; where a build has none, its neuron: the dot product is one append."""
    try:
        from cgrad.nn import MLP as Fused
    except ModuleNotFoundError as error:
        if error.name != "cgrad.nn":
            raise
    else:
        return lambda: Fused(2, [16, 16, 1])
    from cgrad import Value, dot

    class FusedNeuron(Neuron):
        def __call__(self, x):
            act = dot(self.w, x, self.b)
            return act.relu() if self.nonlin else act

    return lambda: MLP(FusedNeuron, Value, 2, [16, 16, 1])


def sides(engine: str, points: int, steps: int) -> dict[str, Side]:
    X, y = data(points)
    lists = X.tolist(), y.astype(float).tolist()  # for the peers, some of which do not know NumPy's scalars
    if engine == "xad":
        return {"own": xad_training(*lists, steps)}
    if engine == "cgrad":
        from cgrad import Value
        make = cgrad_mlp()
    else:
        if engine == "micrograd":
            from micrograd.engine import Value
            from micrograd.nn import MLP as Theirs
        else:
            from minigrad.engine import Value
            from minigrad.nn import MLP as Theirs

        def make():
            return Theirs(2, [16, 16, 1])

    def own():
        return MLP(Neuron, Value, 2, [16, 16, 1])

    result = {"demo": training(make, X, y, Value, steps), "own demo": training(own, X, y, Value, steps),
              "own": training(own, *lists, Value, steps),
              "careful": training(make, *lists, Value, steps, careful_loss),
              "own careful": training(own, *lists, Value, steps, careful_loss)}
    result["demo uncollected"] = uncollected(result["demo"])
    if engine == "cgrad":
        result["own floats"] = training(own, *lists, float, steps)
        result["own forward"] = forward(Neuron, Value, *lists, Value, relu, steps)
        result["plain forward"] = forward(BareNeuron, float, *lists, float, bare_relu, steps)

        def first_loss() -> Outcome:
            seconds, losses = result["own"]()
            return seconds, losses[:1]

        def gradient() -> Outcome:
            random.seed(1337)
            model = own()
            loss = total_loss(model, X, y, Value)
            loss.backward()
            return 0.0, [loss.data, *(p.grad for p in model.parameters())]

        result["first loss"] = first_loss
        result["gradient"] = gradient
    return result


def by_hand(points: int) -> list[float]:
    """The loss and its gradient at the start, by the C reference."""
    import numpy as np

    from benchmarks import reference

    X, y = data(points)
    random.seed(1337)
    p = np.array(MLP(Neuron, float, 2, [16, 16, 1]).parameters())
    gradient = np.zeros_like(p)
    loss = reference.load().w1_grad(p, np.ascontiguousarray(X), y.astype(float), points, 1e-4, gradient)
    return [loss, *gradient.tolist()]


def run(quick: bool) -> list[Row]:
    from benchmarks import reference

    points, steps, rounds = (10, 1, 3) if quick else (100, 2, 15)
    name = f"micrograd's demo step ({points} moons points, MLP(2, [16, 16, 1]))"
    if missing("micrograd", "scikit-learn"):
        return [Row(f"{name}, imports replaced, against micrograd", ">= 200", None,
                    note=missing("micrograd", "scikit-learn"))]
    with Process("moons", "sides", "cgrad", points, steps) as ours:
        if reference.available():
            agree("moons", ours("gradient")[1], by_hand(points), 1e-12)
        with Process("moons", "sides", "micrograd", points, steps) as theirs:
            demo = ratios("moons", theirs.side("demo"), ours.side("demo"), rounds)
            off = ratios("moons", theirs.side("demo uncollected"), ours.side("demo uncollected"), rounds)
            own = ratios("moons", theirs.side("own demo"), ours.side("own demo"), rounds)
        rounds *= 2
        step = ratios("moons", ours.side("first loss"), ours.side("plain forward"), rounds, same=1e-12)
        alone = ratios("moons", ours.side("own forward"), ours.side("plain forward"), rounds, same=1e-12)
    return [
        row(f"{name}, imports replaced, against micrograd", ">= 200", demo, FASTER),
        row(f"{name}, imports replaced, against micrograd, Python's collector off", "", off, FASTER),
        row(f"{name}, the user's own Neuron over Values, against the same over micrograd", ">= 90", own, FASTER),
        row(f"{name}, the user's own Neuron: whole step by plain floats, forward only", "<= 2.0", step),
        row(f"{name}, the user's own Neuron: forward alone by plain floats, forward only", "", alone),
    ]
