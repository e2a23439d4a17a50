# core/program/regions.pxi: which parts of a graph are reached, where it has choices.
#
# Going down from the outputs, a node is reached where one of its users is reached and passes on to it; going up from
# the inputs, where one of its operands is reached and it takes that. All nodes that are reached alike form a region:
#
#   kind     from     node   operand      reached where
#   ALWAYS                                ever
#   EDGE     a region  u      k           it is, and the choice u takes its operand k
#   EITHER   a region  another region     one of the two is
#
# The operands of one choice leave nothing out, so EDGEs by all of them from one region make up that region again.

cdef enum:
    ALWAYS = 0
    NOWHERE = -1         # no road leads there
    MOST_TRIED = 64      # steps in which a simpler region is looked for: without one it is right too, and dearer


cdef class Regions:
    """The regions of a graph's nodes."""
    cdef int32_t[::1] of           # node -> region
    cdef list rows                 # region -> (from, node, operand) or (one region, another)
    cdef dict known                # row -> region
    cdef dict conditions           # region -> node of a number that is not 0 where it is reached

    def __cinit__(self):
        self.rows, self.known, self.conditions = [()], {}, {}

    cdef int find_below(self, Graph g, const uint8_t *active, list outputs) except -1:
        """Find the regions that a reverse sweep comes to."""
        cdef Py_ssize_t i, k
        cdef int32_t[3] x
        cdef int32_t j
        cdef Step s
        if not has_choices(g):
            self.of = np.zeros(g.n, np.int32)
            return 0
        self.of = np.full(g.n, NOWHERE, np.int32)
        for j in outputs:
            self.of[j] = ALWAYS
        for i in range(g.n - 1, g.inputs - 1, -1):
            s = g.node[i]
            if self.of[i] == NOWHERE or not active[i]:
                continue
            x[0], x[1], x[2] = s.a, s.b, s.c
            for k in range(OP_ARITY[s.op]):
                j = x[k]
                if not OP_CHOICE[s.op] and self.of[j] == self.of[i]:
                    continue
                if active[j] and FLOWS[s.op][k] and self.of[j] != ALWAYS:
                    self.of[j] = self.joined(g, self.of[j], self.across(g, self.of[i], <int32_t>i, <int>k))
        return 0

    cdef int find_above(self, Graph g, int32_t[::1] inputs) except -1:
        """Find the regions that a forward sweep comes to."""
        cdef Py_ssize_t i, k
        cdef int32_t[3] x
        cdef Step s
        if not has_choices(g):
            self.of = np.zeros(g.n, np.int32)
            return 0
        self.of = np.full(g.n, NOWHERE, np.int32)
        for k in range(inputs.shape[0]):
            self.of[inputs[k]] = ALWAYS
        for i in range(g.inputs, g.n):
            s = g.node[i]
            if s.op == OP_CONST:
                continue
            x[0], x[1], x[2] = s.a, s.b, s.c
            for k in range(OP_ARITY[s.op]):
                if self.of[x[k]] != NOWHERE and FLOWS[s.op][k] and self.of[i] != ALWAYS:
                    self.of[i] = self.joined(g, self.of[i], self.across(g, self.of[x[k]], <int32_t>i, <int>k))
        return 0

    cdef int32_t row(self, tuple row) except -2:
        """The number of a region."""
        found = self.known.get(row)
        if found is None:
            found = self.known[row] = len(self.rows)
            self.rows.append(row)
        return found

    cdef int32_t across(self, Graph g, int32_t region, int32_t i, int k) except -2:
        """The region beyond the edge from node i to its operand k, or back, from a region on this side."""
        return self.row((region, i, k)) if OP_CHOICE[g.node[i].op] else region

    cdef int32_t joined(self, Graph g, int32_t x, int32_t y) except -2:
        """The region that is reached where one of two is."""
        cdef int32_t found
        if x == NOWHERE or x == y:
            return y
        found = self.simply(g, x, y, MOST_TRIED)
        return found if found != NOWHERE else self.row((x, y))

    cdef int32_t simply(self, Graph g, int32_t x, int32_t y, int tries) except -2:
        """``joined`` where that is found to be no new region, in some tries; else NOWHERE."""
        cdef int32_t found, part
        if self.within(y, x, MOST_TRIED):
            return x
        if self.within(x, y, MOST_TRIED):
            return y
        one, other = self.rows[x], self.rows[y]
        if len(one) == 3 and len(other) == 3:
            return one[0] if one[:2] == other[:2] and exhausted(g.node[<int32_t>one[1]].op) else NOWHERE
        if len(one) == 2 and tries:
            for k in range(2):
                part = one[k]
                found = self.simply(g, part, y, tries//4)
                if found != NOWHERE:
                    return self.joined(g, found, one[1 - k])
        return NOWHERE

    cdef bint within(self, int32_t x, int32_t y, int tries) except -1:
        """True if region y is found to be reached wherever x is, in some tries."""
        cdef int k
        for k in range(tries):
            if x == y:
                return True
            if x == ALWAYS or x < y:  # a region is made of former ones
                return False
            row = self.rows[x]
            if len(row) == 2:
                return self.within(row[0], y, tries//4) and self.within(row[1], y, tries//4)
            x = row[0]
        return False

    cdef int32_t condition(self, Graph g, int32_t region) except -1:
        """The node of a number that is not 0 where a region is reached, emitted once."""
        cdef list waiting = [region]
        while waiting:
            region = waiting[len(waiting) - 1]
            row = self.rows[region]
            first = [part for part in (row[:1] if len(row) == 3 else row) if part not in self.conditions]
            if first:
                waiting += first
            else:
                waiting.pop()
                if region not in self.conditions:
                    self.conditions[region] = self.emitted(g, region)
        return self.conditions[region]

    cdef int32_t emitted(self, Graph g, int32_t region) except -1:
        """The condition of a region whose parts' conditions are known."""
        cdef int32_t[3] x
        cdef int32_t found
        cdef Step s
        make_space(g)
        row = self.rows[region]
        if region == ALWAYS:
            return add_number(g, 1.0)
        if len(row) == 2:
            return emit3(g, OP_WHERE, self.conditions[row[0]], add_number(g, 1.0), self.conditions[row[1]])
        s = g.node[<int32_t>row[1]]
        x[0], x[1], x[2] = s.a, s.b, s.c
        if s.op != OP_WHERE:
            found = partial_node(g, s.op, row[2], x, row[1])
        elif row[2] == 1:
            found = s.a
        else:
            found = emit3(g, OP_WHERE, s.a, add_number(g, 0.0), add_number(g, 1.0))
        if row[0] != ALWAYS:
            found = emit3(g, OP_WHERE, self.conditions[row[0]], found, add_number(g, 0.0))
        return found


cdef bint has_choices(Graph g, bint later=False) noexcept:
    """True if there is a choice among the operations of a graph; later: or among those of its derivatives."""
    cdef Py_ssize_t i
    cdef int op
    for i in range(g.inputs, g.n):
        op = g.node[i].op
        if op != OP_CONST and (OP_CHOICE[op] or (later and OP_CHOOSES_LATER[op])):
            return True
    return False


cdef inline bint exhausted(int op) noexcept:
    """True if two operands of a choice leave none out."""
    return op == OP_WHERE or OP_ARITY[op] == 2
