# core/tape/entries.pxi: a node's entries and the operands that they hold.
#
# Part of the contract (_core.pxd), so that programs inline it too; the layout is drawn in core/tape/columns.pxi. An
# entry k holds up to two operands, a[k] and ``second_operand(b, k)``. One that equals k is a plain number or absent.
# Node i is its own entry and, where it has more operands, the continuations right below it. Two orders are in use:
#
#   a reverse sweep    entries ``lowest_entry(b, i)`` to i, of each the second operand, then the first
#   argument order     entry i, then ``lowest_entry(b, i)`` to i - 1, of each the first operand, then the second
#
# Derivatives are sums over operands: each order belongs to what is computed in it, to the last bit.

cdef inline Py_ssize_t lowest_entry(const int32_t[::1] b, Py_ssize_t i) noexcept nogil:
    """The lowest entry of node i: its first continuation, or i itself."""
    return i + b[i] if b[i] < 0 else i


cdef inline Py_ssize_t second_operand(const int32_t[::1] b, Py_ssize_t k) noexcept nogil:
    """The second operand of entry k; k itself where that is a plain number or absent."""
    return b[k] if b[k] >= 0 else k


cdef struct Span:
    Py_ssize_t first, stop


cdef inline Span further_entries(const int32_t[::1] b, Py_ssize_t i) noexcept nogil:
    """The entries that entry i refers to besides a[i]: its second operand, or its continuations."""
    cdef Span s
    if b[i] >= 0:
        s.first = b[i]
        s.stop = s.first + 1
    else:
        s.first, s.stop = i + b[i], i
    return s


cdef inline void mark_operands(uint8_t[::1] used, const int32_t[::1] a, const int32_t[::1] b, Py_ssize_t i,
                               uint8_t bit) noexcept nogil:
    """Set a bit of ``used`` for a[i] and the ``further_entries``, one branch for the common node of two operands."""
    cdef Py_ssize_t k
    used[a[i]] |= bit
    if b[i] >= 0:
        used[b[i]] |= bit
    else:
        for k in range(i + b[i], i):
            used[k] |= bit
