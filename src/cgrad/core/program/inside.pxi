# core/program/inside.pxi: the part of a recording between inputs and outputs, as a graph (cgrad/programs/inside.py).
#
# A derivative that is asked for while a function is recorded is made on its tape, by rules that choose by the numbers
# at hand: a guard for each choice. Where there are choices, this part becomes a graph instead, its sweep is written out
# there, in which choices are ``where``, and comes back as operations.

cdef enum:
    DEPENDS = 1      # on an input
    WANTED = 2       # an output depends on it
    CUT_OFF = 4      # what it was computed from does not count
    SOURCE = 8       # an input


def graph_between(Trace trace, list outs, list ins, list cut):
    """(graph, nodes of the outputs, Values of the inputs, {node: Value}), or None.

    ins, cut: Values. The graph's inputs are these, then what else it needs. None where there is no choice among its
    operations, or an input depends on another one.
    """
    cdef Tape t = trace.tape
    cdef Py_ssize_t n = 0, i, k, m
    cdef uint8_t *state
    cdef int32_t *to = NULL
    cdef bint choice = False, depends
    cdef dict leaves = {}, sources = {}
    cdef list values = list(ins), further = []
    cdef Graph g
    for v in outs:
        if is_value(v) and (<Value>v).node:
            n = max(n, (<Value>v).index + 1)
    state = <uint8_t *>calloc(n + 1, 1)
    to = <int32_t *>calloc(n + 1, sizeof(int32_t))
    try:
        if state == NULL or to == NULL:
            raise errors.no_memory(n, n*5)
        for k, v in enumerate(ins):
            if not (<Value>v).node:
                if id(v) in leaves:
                    return None
                leaves[id(v)] = k
            elif (<Value>v).index < n:
                if state[(<Value>v).index]:
                    return None
                state[(<Value>v).index] = SOURCE | DEPENDS
                sources[(<Value>v).index] = k
        for k in range(t.slots):
            if t.slot_node[k] < n and id(<object>t.slot_leaf[k]) in leaves:
                state[t.slot_node[k]] = SOURCE | DEPENDS
                sources[t.slot_node[k]] = leaves[id(<object>t.slot_leaf[k])]
        for v in cut or ():
            if (<Value>v).node and (<Value>v).index < n:
                state[(<Value>v).index] |= CUT_OFF
        for i in range(n):
            if state[i] & CUT_OFF or opaque(t, i):
                continue
            depends = False
            for k in range(lowest_entry(t.b, i), i + 1):
                depends = depends or (state[t.a[k]] & DEPENDS and t.a[k] != k) \
                    or (second_operand(t.b, k) != k and state[second_operand(t.b, k)] & DEPENDS)
            if depends:
                if state[i] & SOURCE:
                    return None
                state[i] |= DEPENDS
        for v in outs:
            if is_value(v) and (<Value>v).node and state[(<Value>v).index] & DEPENDS:
                state[(<Value>v).index] |= WANTED
        for i in range(n - 1, -1, -1):
            if state[i] & (WANTED | SOURCE | DEPENDS) != (WANTED | DEPENDS):
                continue
            choice = choice or OP_CHOICE[t.op[i]]
            for k in range(lowest_entry(t.b, i), i + 1):
                for m in (t.a[k], second_operand(t.b, k)):
                    if m == k or state[m] & WANTED:
                        continue
                    state[m] |= WANTED
                    if not state[m] & DEPENDS:
                        further.append(m)
        if not choice:
            return None
        for i in further:
            sources[i] = len(values)
            values.append(value_at(t, i))
        g = new_graph(len(values))
        for i, k in sources.items():
            to[i] = <int32_t>k
        known = dict(enumerate(values))
        for i in range(n):
            if state[i] & (WANTED | DEPENDS | SOURCE) == (WANTED | DEPENDS):
                to[i] = node_from(g, to, t, i)
                known[to[i]] = value_at(t, i)
        nodes = [<int32_t>leaves[id(v)] if id(v) in leaves else to[(<Value>v).index]
                 if is_value(v) and (<Value>v).node and state[(<Value>v).index] & DEPENDS else -1 for v in outs]
        return g, nodes, values, known
    finally:
        free(state)
        free(to)


cdef inline bint opaque(Tape t, Py_ssize_t i) noexcept:
    """True of a node that is no operation on numbers, or an operand of one."""
    return t.op[i] == OP_LEAF or t.op[i] == OP_CONT or t.op[i] == OP_ITEM or t.op[i] & SPECIAL
