"""Shared by the tests of cgrad.viz: graphs to show, readers of its output, names that are hard to draw."""

import re
import shutil

import pytest
from hypothesis import strategies as st

import cgrad
from cgrad import Value

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's program dot")


HARD_NAMES = ['<script>alert("x")</script>', "</pre><b>", 'a"b', "back\\", "{x|<y>}", "&lt;&amp;",
         "]; n9 [label=owned", "é\ud800",
         "\\N \\G \\l", "<b>bold</b>", "a\nb", "'", "-->", "  two  words "]


# ---- graphs -----------------------------------------------------------------------------------------

def expression():
    a, b = Value(2.0, name="a"), Value(-3.0, name="b")
    return a, b, (a*b + 10*a).tanh()**2 - a/-2


def chain(n):
    x = a = Value(0.5, name="a")
    for _ in range(n):
        x = cgrad.sin(x) + a
    return x


STEPS = [
    lambda x, y, z: x + y, lambda x, y, z: y - x, lambda x, y, z: x*y, lambda x, y, z: y/x, lambda x, y, z: x**y,
    lambda x, y, z: -x, lambda x, y, z: x**3, lambda x, y, z: x.tanh(), lambda x, y, z: abs(x),
    lambda x, y, z: cgrad.where(x, y, z), lambda x, y, z: cgrad.dot([x, y], [z, x], y),
    lambda x, y, z: x**(1/3), lambda x, y, z: cgrad.polygamma(2, x),
]


@st.composite
def graphs(draw, changing=False):
    """Leaves and then results in the order of recording; changing: leaves get new data in between."""
    values = [Value(draw(st.floats(-2, 2)), name=draw(st.sampled_from(["", "x", "y"])))
              for _ in range(draw(st.integers(1, 4)))]
    leaves = tuple(values)
    pick = st.one_of(st.integers(0, 10**6).map(lambda k: values[k % len(values)]), st.floats(-2, 2))
    for _ in range(draw(st.integers(1, 25))):
        if changing and draw(st.booleans()):
            draw(st.sampled_from(leaves)).data = draw(st.floats(-2, 2))
        x, y, z = values[draw(st.integers(0, 10**6)) % len(values)], draw(pick), draw(pick)
        values.append(draw(st.sampled_from(STEPS))(x, y, z))
    return values  # the caller holds the leaves


def below(v):
    """The graph by micrograd's own recursion: (values by id, edges)."""
    nodes, edges = {}, []

    def build(v):
        if id(v) not in nodes:
            nodes[id(v)] = v
            for child in v._operands:
                edges.append((id(child), id(v)))
                build(child)

    build(v)
    return nodes, edges


# ---- what is shown of them --------------------------------------------------------------------------

def parse(text):
    """(records by name, op labels by name, plain numbers by name, edges) of to_dot's text."""
    records = dict(re.findall(r'(n\d+) \[label="(.*)", shape=record\]', text))
    ops = dict(re.findall(r'(n\d+_op) \[label="(.*)", ordering=in\]', text))
    numbers = dict(re.findall(r'(n\d+) \[label="(.*)", shape=plaintext\]', text))
    return records, ops, numbers, re.findall(r"(\w+) -> (\w+)", text)


def shown(v):
    """IPython's HTML formatter: None from the method leaves the plain repr."""
    method = getattr(v, "_repr_html_", None)
    assert callable(method)
    result = method()
    assert result is None or isinstance(result, str)
    return repr(v) if result is None else result
