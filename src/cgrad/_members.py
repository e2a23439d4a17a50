"""What a recording makes of each member of Value, Tensor and Tape. tools/optable/checks.py writes the checks from it.

A compiled function is recorded once and replayed with other numbers (core/tracing). While a thread records, a member is

    refuse   TraceError: the number would leave the recording, and be frozen in what is done with it
    effect   TraceError: a replay would not do it again
    shape    noted: the recording holds as long as a captured tensor keeps its shape
    guard    noted by the member's own code: the recording holds as long as the decision comes out alike
    own      by the member's own code: an effect, but on what the recording has made itself
    shown    by the member's own code: a placeholder, which cannot be read back as a number
    through  checked by another member, which it calls
    free     nothing: it records, or tells what is the same at each replay, or is for looking at

A row is a kind and what messages call the member (``through``: the other member). ``name=`` is a property's setter.
The check is the first statement of the member, or is where its body says ``# (trace check)``. Operations and
predicates of the op table, and methods that are functions of cgrad.ops, have no rows: they are recorded.
"""

MEMBERS = {
    "Handle": {
        "register_hook": ("effect", "register_hook"),
        "name": ("free",), "name=": ("free",), "label": ("free",), "label=": ("free",),
        "_arguments": ("free",),
        "_numbers": ("refuse", "its numbers"),
        "_keywords": ("free",), "_index": ("free",), "_prev": ("free",), "_op": ("free",), "_name_of_op": ("free",),
        "_tape": ("free",),
        "__array_function__": ("free",),  # recorded
        "__pos__": ("free",),
        "__float__": ("refuse", "float"), "__int__": ("refuse", "int"),
        "__str__": ("refuse", "str"),  # but for print
        "_repr_html_": ("free",),
    },
    "Value": {
        "__init__": ("free",),
        "data": ("refuse", "data"), "data=": ("effect", "setting data"),
        "grad": ("effect", "reading grad"), "grad=": ("effect", "setting grad"), "zero_grad": ("through", "grad="),
        "item": ("refuse", "item"), "detach": ("free",),  # recorded
        "backward": ("effect", "backward"), "_backward": ("free",),
        "_operands": ("free",),
        "requires_grad": ("free",), "shape": ("free",), "ndim": ("free",), "size": ("free",), "dtype": ("free",),
        "real": ("free",), "imag": ("free",), "conjugate": ("free",),
        "__array_ufunc__": ("free",),  # recorded
        "__richcmp__": ("guard",), "__bool__": ("guard",), "__index__": ("guard",),
        "__hash__": ("free",),
        "__divmod__": ("free",), "__round__": ("free",), "__floor__": ("free",), "__ceil__": ("free",),
        "__trunc__": ("free",),  # recorded, all of these
        "__complex__": ("refuse", "complex"),
        "__repr__": ("shown",), "__format__": ("refuse", "format"),
        "__reduce__": ("refuse", "copying"),
    },
    "Tensor": {
        "__init__": ("free",),  # refuses the numbers of a traced tensor: array_of
        "data": ("refuse", "data"), "data=": ("effect", "setting data"),
        "grad": ("effect", "reading grad"), "grad=": ("effect", "setting grad"),
        "zero_grad": ("effect", "setting grad"),
        "requires_grad": ("free",), "requires_grad=": ("through", "requires_grad_"),
        "requires_grad_": ("effect", "requires_grad_"),
        "item": ("refuse", "item"), "detach": ("free",),  # recorded
        "numpy": ("refuse", "numpy"), "tolist": ("refuse", "tolist"),
        "backward": ("effect", "backward"),
        "_operands": ("free",),
        "shape": ("shape",), "size": ("shape",), "ndim": ("shape",), "nbytes": ("shape",), "__len__": ("shape",),
        "dtype": ("free",),
        "__iter__": ("free",), "__getitem__": ("free",),  # recorded
        "__setitem__": ("own", "setting an element"),  # recorded, into arrays that the function made itself
        "__iadd__": ("free",), "__isub__": ("free",), "__imul__": ("free",), "__itruediv__": ("free",),
        "__ifloordiv__": ("free",), "__imod__": ("free",), "__ipow__": ("free",),  # recorded
        "__contains__": ("guard",),
        "__array__": ("refuse", "an array"),
        "__array_ufunc__": ("free",),  # recorded
        "__richcmp__": ("guard",), "__bool__": ("guard",),
        "__hash__": ("free",),
        "__matmul__": ("free",), "__divmod__": ("free",), "__round__": ("free",),  # recorded
        "__repr__": ("shown",), "__format__": ("refuse", "format"),
        "__reduce__": ("refuse", "copying"), "__copy__": ("refuse", "copying"),
    },
    "Tape": {
        "__init__": ("free",),
        "__enter__": ("effect", "with Tape()"), "__exit__": ("free",),
        "leaf": ("free",),
        "__len__": ("free",), "__bool__": ("free",), "nbytes": ("free",),
        "mark": ("free",), "rewind": ("free",), "clear": ("free",),
        "__iter__": ("effect", "reading a tape"),
        "__repr__": ("free",), "_columns": ("free",), "_collect": ("free",),
    },
}
