"""The op table: every elementwise operation of cgrad, one row each, and the C functions that the rows call.

This module imports nothing of the package. ``tools/optable`` turns the rows into the scalar
kernels, their partials, the rules that record an adjoint as nodes, the operator slots, the methods
and functions, the type stubs and the table of operations in the documentation; the compilers of programs
(LLVM, C) read the tables as they are; the tests take their parameters from here. Adding an operation is
adding a row: what any backend has to know of an operation or of a C function is a column here, with a
default that is right for most, so that a new row is as fast as the others everywhere.

The language of a row
---------------------
``formula`` is the primal, an expression over the arguments that reads the same in C and in Python.
Its function names are rows of ``FUNCTIONS``: C's own (``<math.h>``) and those of ``core/mathlib/special.h``.
``_formula.py`` reads it.

``d`` holds one partial derivative an argument, an expression over the arguments and ``out`` (the
result). Its function names are *rows of this table*, so that one text serves twice: as C it gives
the stored partial, and as a sequence of appends it records the adjoint, whose own derivative then
exists to any order. ``None`` marks an argument that must be a plain number.

``where(condition, p, q)`` inside a partial takes one side, by the values at hand: the side not
taken is neither computed nor recorded, so it cannot turn a zero into a nan. A condition compares
arguments, ``out`` and numbers (``==`` is false for nan).

Accuracy is part of a partial. ``1 - out*out`` would be tanh's derivative, but it loses half its
digits at x = 10; hidden rows (``sech2``, ``exp_neg_square``, ``one_minus_square``) exist where a partial needs a form
that is accurate everywhere and smooth enough to be differentiated again. Comparisons (``lt``, ``le``,
``eq``, ``ne``) are hidden rows too: recorded programs alone have them as numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

INF = float("inf")


@dataclass(frozen=True)
class Shortcut:
    """What arrays and vector lanes compute where the last argument is a plain number with this value.

    Scalars do not: Python's ``x**2`` is C's ``pow``, which differs from ``x*x`` in one of 1000. (What keeps every bit
    is a rule of ``_rewrites.py``.)
    """

    value: float
    formula: str  # over the other arguments
    row: str = ""  # the row that arrays compute by; "copy": they copy; "": arrays have no such form
    partials: bool = False  # whether that row's partials are to the bit those of the general formula


@dataclass(frozen=True)
class Function:
    """A C function that formulas call: C99's, or one of core/mathlib/special.h (where it is ``c_<name>``).

    >>> Function("hypot", "x y").arity
    2
    """

    name: str
    args: str = "x"
    library: bool = True  # C99's; False: of core/mathlib/special.h
    exact: bool = False  # IEEE 754 leaves one result only, so a C compiler may compute it itself
    cheap: bool = False  # as fast inside a loop as over a block: kernels of arrays call no loop of NumPy's for it
    inline: str = ""  # the same as a formula, where it is but a choice or two: machine code does not call it then
    instruction: str = ""  # one instruction, an intrinsic of LLVM: of "every" processor, or of those with this feature
    vector: str = ""  # in core/mathlib/vecmath.h: a function over a "block"; "inline": for the inside of loops as well
    array: str = ""  # what arrays of doubles run instead of NumPy's loop: a function of core/mathlib/trig.h

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.args.split())

    @property
    def arity(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Op:
    """One operation.

    >>> Op("mul", "x y", "x*y", ["y", "x"], "Product.", slot="mul").arity
    2
    """

    name: str  # the method, the function ``cgrad.<name>``, the opcode
    args: str  # argument names, separated by blanks
    formula: str  # the primal
    d: list[str | None]  # one partial an argument
    doc: str  # one sentence
    symbol: str = ""  # what ``v._op`` and drawings show, if not the name
    slot: str = ""  # Python's operator: "add" stands for __add__ and __radd__
    ufunc: str = ""  # NumPy's ufuncs that it answers to
    scipy: str = ""  # SciPy's ufuncs, in scipy.special, that it answers to
    hidden_ufunc: str = ""  # one of these that NumPy does not export, by its path: np.clip is a function around it
    alias: str = ""  # further names of the method (NumPy calls them on object arrays)
    domain: tuple[tuple[float, float], ...] = ((-3.0, 3.0),)  # where tests draw arguments
    kinks: tuple[float, ...] = ()  # arguments where no derivative exists
    kink: str = ""  # the derivative taken there, for the documentation
    hidden: bool = False  # a helper of partials or of recorded programs: no method, no function
    constant: str = ""  # the row to use where the last argument is a plain number
    shortcuts: tuple[Shortcut, ...] = ()  # cheaper forms for single values of a last argument that is a plain number
    commutes: bool = False  # the arguments may change places without changing a bit
    pair: str = ""  # a row of the same argument: one call (sincos) computes both where a program needs both
    choice: bool = False  # an operand whose partial is 0 was not chosen: nothing passes on to it, not even 0 times inf
    condition: str = ""  # the argument that is a condition: the result's precision is that of the others
    former: str = ""  # the name that it had: files and pickles of programs name operations, and stay readable
    comparison: bool = False  # ``symbol`` as a number, 1 or 0: guards and choices of recorded programs are these
    oracle: str = ""  # mpmath expression, where it is not mpmath.<name>

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.args.split())

    @property
    def arity(self) -> int:
        return len(self.names)

    @property
    def ufuncs(self) -> tuple[str, ...]:
        """Names of NumPy's ufuncs in the module numpy, hidden ones by a path with dots."""
        return (*self.ufunc.split(), *self.hidden_ufunc.split())


@dataclass(frozen=True)
class Predicate:
    """A question about a number: answered with a plain bool, never recorded."""

    name: str
    formula: str
    doc: str
    ufunc: str = ""


_ALL = ((-30.0, 30.0),)
_POS = ((1e-3, 30.0),)
_XY = ((-30.0, 30.0), (-30.0, 30.0))
_UNIT = ((-0.999, 0.999),)

OPS: tuple[Op, ...] = (
    # ---- arithmetic ----------------------------------------------------------------------------
    Op("add", "x y", "x + y", ["1", "1"], "Sum.",
       symbol="+", slot="add", ufunc="add", commutes=True, domain=_XY, oracle="x + y"),
    Op("sub", "x y", "x - y", ["1", "-1"], "Difference.",
       symbol="-", slot="sub", ufunc="subtract", domain=_XY, oracle="x - y"),
    Op("mul", "x y", "x*y", ["y", "x"], "Product.",
       symbol="*", slot="mul", ufunc="multiply", commutes=True, domain=_XY, oracle="x*y"),
    Op("div", "x y", "x/y", ["1/y", "-out/y"], "Quotient.",
       symbol="/", slot="truediv", ufunc="divide true_divide", domain=((-30, 30), (0.1, 30)), oracle="x/y"),
    Op("mod", "x y", "py_mod(x, y)", ["1", "-floordiv(x, y)"], "Remainder with the sign of y, as Python's ``%``.",
       symbol="%", slot="mod", ufunc="remainder mod", domain=((-30, 30), (5, 9)),
       kink="the jumps at multiples of y are not differentiated", oracle="x - y*floor(x/y)"),
    Op("floordiv", "x y", "py_floordiv(x, y)", ["0", "0"], "Floor of the quotient, as Python's ``//``.",
       symbol="//", slot="floordiv", ufunc="floor_divide", domain=((-30, 30), (5, 9)),
       kink="0 everywhere", oracle="floor(x/y)"),
    Op("fmod", "x y", "fmod(x, y)", ["1", "-truncdiv(x, y)"], "Remainder with the sign of x, as C's ``fmod``.",
       ufunc="fmod", domain=((-30, 30), (5, 9)),
       kink="the jumps at multiples of y are not differentiated", oracle="x - y*sign(x/y)*floor(fabs(x/y))"),
    Op("neg", "x", "-x", ["-1"], "Negation.",
       symbol="neg", slot="neg", ufunc="negative", domain=_ALL, oracle="-x"),
    Op("abs", "x", "fabs(x)", ["sign(x)"], "Absolute value.",
       slot="abs", ufunc="absolute fabs", alias="fabs", domain=_ALL, kinks=(0.0,), kink="0 at 0", oracle="fabs(x)"),
    Op("fma", "x y z", "fma(x, y, z)", ["y", "x", "1"], "x*y + z, rounded once.",
       domain=((-30, 30), (-30, 30), (-30, 30)), oracle="x*y + z"),
    Op("reciprocal", "x", "1/x", ["-square(out)"], "1/x.",
       ufunc="reciprocal", domain=((0.01, 30),), oracle="1/x"),
    Op("square", "x", "x*x", ["2*x"], "x*x.", ufunc="square", domain=_ALL, oracle="x*x"),
    # ---- powers and roots ----------------------------------------------------------------------
    Op("pow", "x y", "pow(x, y)",
       ["where(x == 0, where(y == 0, kink(y), where(y == 1, 1 + kink(y), y*pow(x, y - 1))), y*pow(x, y - 1))",
        "where(x == 0, where(y > 1, 0, where(y >= 0, kink(x), out*log(x))), out*log(x))"],
       "x to the power y, both differentiated.",
       symbol="**", slot="pow", ufunc="power float_power", constant="powc", domain=((0.01, 10), (-4, 4)),
       kink="0 for the exponent at x = 0, y >= 0; nan for the mixed second derivative there, y <= 1", oracle="x**y"),
    Op("powc", "x c", "where(c == 1, x, pow(x, c))", ["where(c == 0, 0, c*powc(x, c - 1))", None],
       "x to a constant power: no logarithm, so x may be negative.",
       symbol="**{c:g}", domain=((0.01, 10), (-4, 4)), hidden=True, oracle="x**c",
       shortcuts=(Shortcut(1, "x", "copy"), Shortcut(2, "x*x", "square", partials=True), Shortcut(3, "x*x*x"),
                  Shortcut(-1, "1/x", "reciprocal"))),
    Op("sqrt", "x", "sqrt(x)", ["0.5/out"], "Square root.", ufunc="sqrt", domain=_POS, oracle="sqrt(x)"),
    Op("cbrt", "x", "cube_root(x)", ["1/(3*square(out))"], "Cube root.", ufunc="cbrt", scipy="cbrt",
       domain=((0.01, 30), ), oracle="sign(x)*cbrt(fabs(x))"),
    Op("hypot", "x y", "hypot(x, y)", ["unit(x, y)", "unit(y, x)"], "sqrt(x*x + y*y) without overflow.",
       ufunc="hypot", domain=((0.1, 30), (0.1, 30)), kink="nan at the origin", oracle="hypot(x, y)"),
    # ---- exponentials and logarithms -----------------------------------------------------------
    Op("exp", "x", "exp(x)", ["out"], "Exponential.", ufunc="exp", domain=_ALL),
    Op("exp2", "x", "exp2(x)", ["0.6931471805599453*out"], "2 to the power x.", ufunc="exp2", scipy="exp2", domain=_ALL,
       oracle="mpf(2)**x"),
    Op("expm1", "x", "expm1(x)", ["exp(x)"], "exp(x) - 1, accurate near 0.", ufunc="expm1", scipy="expm1", domain=_ALL),
    Op("log", "x", "log(x)", ["1/x"], "Natural logarithm.", ufunc="log", domain=_POS),
    Op("log2", "x", "log2(x)", ["1.4426950408889634/x"], "Logarithm to base 2.", ufunc="log2", domain=_POS,
       oracle="log(x, 2)"),
    Op("log10", "x", "log10(x)", ["0.4342944819032518/x"], "Logarithm to base 10.", ufunc="log10", domain=_POS),
    Op("log1p", "x", "log1p(x)", ["1/(1 + x)"], "log(1 + x), accurate near 0.", ufunc="log1p", scipy="log1p",
       domain=((-0.99, 30),)),
    Op("logaddexp", "x y", "log_add_exp(x, y)", ["softmax2(x, y)", "softmax2(y, x)"],
       "log(exp(x) + exp(y)) without overflow.", ufunc="logaddexp", domain=_XY, oracle="log(exp(x) + exp(y))"),
    # ---- trigonometry --------------------------------------------------------------------------
    Op("sin", "x", "sin(x)", ["cos(x)"], "Sine.", ufunc="sin", pair="cos", domain=_ALL),
    Op("cos", "x", "cos(x)", ["-sin(x)"], "Cosine.", ufunc="cos", domain=_ALL),
    Op("tan", "x", "tan(x)", ["1 + out*out"], "Tangent.", ufunc="tan", domain=((-1.5, 1.5),)),
    Op("asin", "x", "asin(x)", ["1/sqrt(one_minus_square(x))"], "Inverse sine.",
       ufunc="arcsin", alias="arcsin", domain=_UNIT),
    Op("acos", "x", "acos(x)", ["-1/sqrt(one_minus_square(x))"], "Inverse cosine.",
       ufunc="arccos", alias="arccos", domain=_UNIT),
    Op("atan", "x", "atan(x)", ["1/(1 + x*x)"], "Inverse tangent.", ufunc="arctan", alias="arctan", domain=_ALL),
    Op("atan2", "y x", "atan2(y, x)",
       ["where(x == 0, where(y == 0, 0, unit(x, y)/hypot(x, y)), unit(x, y)/hypot(x, y))",
        "where(x == 0, where(y == 0, 0, -unit(y, x)/hypot(x, y)), -unit(y, x)/hypot(x, y))"],
       "Angle of the point (x, y).", ufunc="arctan2", alias="arctan2", domain=((0.1, 30), (0.1, 30)),
       kink="0 at the origin"),
    Op("degrees", "x", "x*57.29577951308232", ["57.29577951308232"], "Radians to degrees.",
       ufunc="degrees rad2deg", alias="rad2deg", domain=_ALL, oracle="x*180/pi"),
    Op("radians", "x", "x*0.017453292519943295", ["0.017453292519943295"], "Degrees to radians.",
       ufunc="radians deg2rad", alias="deg2rad", domain=_ALL, oracle="x*pi/180"),
    # ---- hyperbolic ----------------------------------------------------------------------------
    Op("sinh", "x", "sinh(x)", ["cosh(x)"], "Hyperbolic sine.", ufunc="sinh", domain=_ALL),
    Op("cosh", "x", "cosh(x)", ["sinh(x)"], "Hyperbolic cosine.", ufunc="cosh", domain=_ALL),
    Op("tanh", "x", "tanh(x)", ["sech2(x)"], "Hyperbolic tangent.", ufunc="tanh", domain=_ALL),
    Op("asinh", "x", "asinh(x)", ["1/hypot(1, x)"], "Inverse hyperbolic sine.",
       ufunc="arcsinh", alias="arcsinh", domain=_ALL),
    Op("acosh", "x", "acosh(x)", ["1/sqrt(x - 1)/sqrt(x + 1)"], "Inverse hyperbolic cosine.",
       ufunc="arccosh", alias="arccosh", domain=((1.01, 30),)),
    Op("atanh", "x", "atanh(x)", ["1/one_minus_square(x)"], "Inverse hyperbolic tangent.",
       ufunc="arctanh", alias="arctanh", domain=_UNIT),
    # ---- special functions ---------------------------------------------------------------------
    Op("erf", "x", "erf(x)", ["1.1283791670955126*exp_neg_square(x)"], "Error function.", scipy="erf",
       domain=((-5, 5),)),
    Op("erfc", "x", "erfc(x)", ["-1.1283791670955126*exp_neg_square(x)"], "1 - erf(x), accurate for large x.",
       scipy="erfc", domain=((-5, 20),)),
    Op("lgamma", "x", "lgamma(x)", ["digamma(x)"], "Logarithm of the absolute value of the gamma function.",
       scipy="gammaln", domain=_POS, oracle="log(fabs(gamma(x)))"),
    Op("gamma", "x", "tgamma(x)", ["out*digamma(x)"], "Gamma function.", scipy="gamma", domain=((0.1, 30),)),
    Op("digamma", "x", "digamma(x)", ["polygamma(1, x)"], "Derivative of lgamma.", scipy="psi", domain=_POS),
    Op("polygamma", "n x", "polygamma(n, x)", [None, "polygamma(n + 1, x)"],
       "n-th derivative of digamma, n a whole number up to 60 (others give nan).", domain=((1, 3), (1e-3, 30)),
       oracle="psi(n, x)"),
    Op("erfinv", "x", "erfinv(x)",
       [("where(x > 0.8,"
        " where(x < 1, 0.7071067811865476/((1 - x)*log_ndtr_derivative(1, -1.4142135623730951*out)), 1/(1 - x) + out),"
        " where(x < -0.8,"
        " where(x > -1, 0.7071067811865476/((1 + x)*log_ndtr_derivative(1, 1.4142135623730951*out)), 1/(1 + x) - out),"
        " 0.886226925452758/exp_neg_square(out)))")],
       "Inverse of erf.", scipy="erfinv", domain=((-0.999, 0.999),)),
    # ---- the normal distribution ---------------------------------------------------------------
    Op("ndtr", "x", "ndtr(x)", ["normal_density(x)"], "Distribution function of the standard normal distribution.",
       scipy="ndtr", domain=((-30, 8),), oracle="erfc(-x/sqrt(2))/2"),
    Op("log_ndtr", "x", "log_ndtr(x)", ["log_ndtr_derivative(1, x)"], "log(ndtr(x)), accurate in both tails.",
       scipy="log_ndtr", domain=((-60, 8),), oracle="log1p(-erfc(x/sqrt(2))/2) if x > 0 else log(erfc(-x/sqrt(2))/2)"),
    Op("ndtri", "x", "ndtri(x)",
       [("where(x < 0.1, where(x > 0, 1/(x*log_ndtr_derivative(1, out)), 1/x - out),"
        " where(x > 0.9, where(x < 1, 1/((1 - x)*log_ndtr_derivative(1, -out)), 1/(1 - x) + out),"
        " 1/normal_density(out)))")],
       "Inverse of ndtr: quantiles of the standard normal distribution.", scipy="ndtri", domain=((1e-6, 1 - 1e-6),),
       oracle="sqrt(2)*erfinv(2*x - 1)"),
    # ---- odds and entropies --------------------------------------------------------------------
    Op("logit", "x", "where(x > 0.25, where(x < 0.75, 2*atanh(2*x - 1), log(x/(1 - x))), log(x/(1 - x)))",
       ["where(x > 0.25, where(x < 0.75, 4/one_minus_square(2*x - 1), 1/x + 1/(1 - x)), 1/x + 1/(1 - x))"],
       "log(x/(1 - x)), the inverse of sigmoid.", scipy="logit", domain=((1e-6, 1 - 1e-6),), oracle="log(x/(1 - x))"),
    Op("xlogy", "x y", "where(x == 0, where(y != y, y, 0), x*log(y))",
       ["where(x == 0, where(y <= 0, kink(y), log(y)), log(y))", "where(x == 0, where(y == 0, kink(x), x/y), x/y)"],
       "x*log(y); 0 where x is 0.", scipy="xlogy", domain=((-30, 30), (1e-3, 30)), kink="0 at x = 0, y <= 0",
       oracle="x*log(y)"),
    Op("xlog1py", "x y", "where(x == 0, where(y != y, y, 0), x*log1p(y))",
       ["where(x == 0, where(y <= -1, kink(y), log1p(y)), log1p(y))",
        "where(x == 0, where(y == -1, kink(x), x/(1 + y)), x/(1 + y))"],
       "x*log(1 + y), accurate for y near 0; 0 where x is 0.", scipy="xlog1py", domain=((-30, 30), (-0.99, 30)),
       kink="0 at x = 0, y <= -1", oracle="x*log1p(y)"),
    Op("entr", "x", "entr(x)", ["-1 - log(x)"], "-x*log(x); 0 at 0, -inf below.", scipy="entr", domain=_POS,
       oracle="-x*log(x)"),
    Op("rel_entr", "x y", "rel_entr(x, y)", ["1 + log_ratio(x, y)", "-x/y"],
       "x*log(x/y), accurate for x near y; 0 at x = 0, y >= 0; inf where either is negative, or y = 0.",
       scipy="rel_entr", domain=((1e-3, 30), (1e-3, 30)), oracle="x*log(x/y)"),
    # ---- activations ---------------------------------------------------------------------------
    Op("relu", "x", "where(x <= 0, 0, x)", ["where(x <= 0, 0, 1)"], "max(x, 0).",
       symbol="ReLU", choice=True, domain=_ALL, kinks=(0.0,), kink="0 at 0", oracle="x if x > 0 else mpf(0)"),
    Op("sigmoid", "x", "where(x >= 0, 1, exp(-fabs(x)))/(1 + exp(-fabs(x)))", ["0.25*sech2(0.5*x)"],
       "1/(1 + exp(-x)).", scipy="expit", domain=_ALL, oracle="1/(1 + exp(-x))"),
    Op("softplus", "x", "log1p(exp(-fabs(x))) + maximum(x, 0)", ["sigmoid(x)"],
       "log(1 + exp(x)) without overflow.", scipy="softplus", domain=_ALL, oracle="log1p(exp(x))"),
    # ---- choice and rounding -------------------------------------------------------------------
    Op("maximum", "x y", "maximum(x, y)",
       ["where(x == y, 0.5, where(x < y, 0, 1))", "where(x == y, 0.5, where(y < x, 0, 1))"],
       "The larger one; nan if either is.", ufunc="maximum", choice=True, domain=_XY,
       kink="a tie is shared, 1/2 each", oracle="max(x, y)"),
    Op("minimum", "x y", "minimum(x, y)",
       ["where(x == y, 0.5, where(x > y, 0, 1))", "where(x == y, 0.5, where(y > x, 0, 1))"],
       "The smaller one; nan if either is.", ufunc="minimum", choice=True, domain=_XY,
       kink="a tie is shared, 1/2 each", oracle="min(x, y)"),
    Op("clip", "x lo hi", "clip(x, lo, hi)",
       ["where(x >= lo, where(x <= hi, 1, 0), 0)", "where(lo < hi, where(x < lo, 1, 0), 0)",
        "where(x > hi, 1, where(hi < lo, 1, 0))"],
       "x held between lo and hi.", ufunc="clip", hidden_ufunc="_core.umath.clip", choice=True,
       domain=((-30, 30), (-9, -5), (5, 9)),
       kink="1 for x at both bounds; to hi where hi < lo; as torch.clamp", oracle="min(max(x, lo), hi)"),
    Op("where", "c x y", "where(c != 0, x, y)", ["0", "where(c != 0, 1, 0)", "where(c != 0, 0, 1)"],
       "x where c is not 0, else y; both are evaluated.", condition="c", choice=True,
       domain=((0.5, 1), (-30, 30), (-30, 30)), oracle="x"),
    Op("sign", "x", "sign(x)", ["0"], "-1, 0 or 1.", ufunc="sign", domain=_ALL, kink="0 everywhere"),
    Op("copysign", "x y", "copysign(x, y)",
       ["where(x == 0, 0, copysign(1, x)*copysign(1, y))", "0"], "The magnitude of x with the sign of y.",
       ufunc="copysign", domain=_XY, kink="0 at x = 0", oracle="fabs(x)*sign(y)"),
    Op("floor", "x", "floor(x)", ["0"], "Largest whole number not above x.", ufunc="floor", domain=_ALL,
       kink="0 everywhere"),
    Op("ceil", "x", "ceil(x)", ["0"], "Smallest whole number not below x.", ufunc="ceil", domain=_ALL,
       kink="0 everywhere"),
    Op("round", "x", "rint(x)", ["0"], "Nearest whole number, halves to even.", ufunc="rint", alias="rint",
       scipy="round", domain=_ALL, kink="0 everywhere", oracle="nint(x)"),
    Op("trunc", "x", "trunc(x)", ["0"], "Whole part, towards 0.", ufunc="trunc fix", domain=_ALL,
       kink="0 everywhere", oracle="sign(x)*floor(fabs(x))"),
    # ---- helpers of partials -------------------------------------------------------------------
    Op("kink", "x", "x - x", ["sqrt(-1)"], "0 that has no derivative: a first derivative's value at a kink.",
       hidden=True, domain=_ALL, kink="nan everywhere", oracle="x - x"),
    Op("flat", "x", "x - x", ["kink(x)"], "0 whose derivative is 0 and has none: a value at a kink.", hidden=True,
       domain=_ALL, kink="0 everywhere, nan in second order", oracle="x - x"),
    Op("shared", "x y w", "x", ["w", "1 - w", "0"], "x, with a share w of its derivative; y has the rest.",
       hidden=True, domain=(_ALL[0], _ALL[0], (0.1, 0.9)), kink="y is taken for an equal number", oracle="x"),
    Op("sech2", "x", "4*exp(-2*fabs(x))/((1 + exp(-2*fabs(x)))*(1 + exp(-2*fabs(x))))", ["-2*tanh(x)*out"],
       "1/cosh(x)^2.", hidden=True, domain=_ALL, oracle="1/cosh(x)**2"),
    Op("exp_neg_square", "x", "exp_neg_square(x)", ["-2*x*out"], "exp(-x*x), accurate for large x.",
       former="expnsq", hidden=True,
       domain=((-5, 20),), oracle="exp(-x*x)"),
    Op("normal_density", "x", "normal_density(x)", ["-x*out"],
       "exp(-x*x/2)/sqrt(2 pi), the density of ndtr, accurate for large x.", hidden=True, domain=((-37, 37),),
       oracle="exp(-x*x/2)/sqrt(2*pi)"),
    Op("log_ndtr_derivative", "n x", "log_ndtr_derivative(n, x)", [None, "log_ndtr_derivative(n + 1, x)"],
       "n-th derivative of log_ndtr, n a whole number up to 30 (others give nan).", hidden=True,
       domain=((1, 2), (-60, 8)), oracle="log_ndtr_derivative(n, x)"),
    Op("log_ratio", "x y", "log_ratio(x, y)", ["1/x", "-1/y"], "log(x/y), accurate for x near y.", hidden=True,
       domain=((1e-3, 30), (1e-3, 30)), oracle="log(x/y)"),
    Op("unit", "x y", "x/hypot(x, y)", ["square(unit(y, x))/hypot(x, y)", "-out*unit(y, x)/hypot(x, y)"],
       "x/hypot(x, y): a coordinate of the unit vector; 1/r - x*x/r^3 would cancel.", former="versor", hidden=True,
       domain=((0.1, 30), (0.1, 30)), kink="nan at the origin", oracle="x/hypot(x, y)"),
    Op("softmax2", "x y", "softmax2(x, y)", ["out*softmax2(y, x)", "-out*softmax2(y, x)"],
       "exp(x)/(exp(x) + exp(y)), accurate where one of them is negligible.", former="share", hidden=True, domain=_XY,
       oracle="1/(1 + exp(y - x))"),
    Op("truncdiv", "x y", "trunc_div(x, y)", ["0", "0"], "Whole part of the quotient, agreeing with fmod.", hidden=True,
       domain=((-30, 30), (5, 9)), kink="0 everywhere", oracle="sign(x/y)*floor(fabs(x/y))"),
    Op("one_minus_square", "x", "(1 - x)*(1 + x)", ["-2*x"], "1 - x*x, accurate near |x| = 1.",
       former="omsq", hidden=True,
       domain=((-3, 3),), oracle="1 - x*x"),
    # ---- rules of users in recorded programs ---------------------------------------------------
    Op("stop", "x", "x", ["0"], "x, which passes no derivative on.", hidden=True, domain=_ALL, kink="0 everywhere",
       oracle="x"),
    Op("with_partial", "y p x", "y", ["1", "0", "p"], "y, whose derivative with respect to x is p besides.",
       hidden=True, domain=(_ALL[0], _ALL[0], _ALL[0]), kink="p, whatever y is", oracle="y"),
    # ---- comparisons as numbers, for guards and choices of recorded programs -------------------
    Op("lt", "x y", "where(x < y, 1, 0)", ["0", "0"], "1 where x is below y, else 0.", symbol="<",
       comparison=True, hidden=True, domain=_XY, kink="0 everywhere", oracle="mpf(x < y)"),
    Op("le", "x y", "where(x <= y, 1, 0)", ["0", "0"], "1 where x is not above y, else 0; 0 for nan.", symbol="<=",
       comparison=True, hidden=True, domain=_XY, kink="0 everywhere", oracle="mpf(x <= y)"),
    Op("eq", "x y", "where(x == y, 1, 0)", ["0", "0"], "1 where x equals y, else 0.", symbol="==",
       comparison=True, hidden=True, domain=_XY, kink="0 everywhere", oracle="mpf(x == y)"),
    Op("ne", "x y", "where(x != y, 1, 0)", ["0", "0"], "1 where x differs from y, else 0; 1 for nan.", symbol="!=",
       comparison=True, hidden=True, domain=_XY, kink="0 everywhere", oracle="mpf(x != y)"),
)

FUNCTIONS: tuple[Function, ...] = (
    # ---- C99's ---------------------------------------------------------------------------------
    Function("fabs", exact=True, cheap=True, instruction="every"),
    Function("fma", "x y z", exact=True, cheap=True, instruction="fma"),
    Function("pow", "x y", vector="block"),
    Function("sqrt", exact=True, cheap=True, instruction="every"),
    Function("cbrt"),
    Function("hypot", "x y", vector="inline"),
    Function("exp", vector="inline"),
    Function("exp2", vector="block"),
    Function("expm1", vector="block"),
    Function("log", vector="block"),
    Function("log2", vector="block"),
    Function("log10", vector="block"),
    Function("log1p", vector="inline"),
    Function("sin", vector="block", array="cgrad_sin"),
    Function("cos", vector="block", array="cgrad_cos"),
    Function("tan", vector="block"),
    Function("asin", vector="block"),
    Function("acos", vector="block"),
    Function("atan", vector="block"),
    Function("atan2", "y x", vector="block"),
    Function("sinh", vector="block"),
    Function("cosh", vector="block"),
    Function("tanh", vector="block"),
    Function("asinh", vector="block"),
    Function("acosh", vector="block"),
    Function("atanh", vector="block"),
    Function("erf", vector="block"),
    Function("erfc", vector="block"),
    Function("lgamma"),
    Function("tgamma"),
    Function("floor", exact=True, cheap=True, instruction="sse4.1", vector="block"),
    Function("ceil", exact=True, cheap=True, instruction="sse4.1", vector="block"),
    Function("rint", exact=True, cheap=True, instruction="sse4.1", vector="block"),
    Function("trunc", exact=True, cheap=True, instruction="sse4.1", vector="block"),
    Function("fmod", "x y", exact=True, cheap=True),
    Function("copysign", "x y", exact=True, cheap=True, instruction="every"),
    # ---- core/mathlib/special.h ----------------------------------------------------------------
    Function("py_mod", "x y", library=False, cheap=True),
    Function("py_floordiv", "x y", library=False, cheap=True),
    Function("trunc_div", "x y", library=False, cheap=True),
    Function("cube_root", library=False),
    Function("sign", library=False, cheap=True, inline="where(x > 0, 1, where(x < 0, -1, where(x != x, x, 0)))"),
    Function("maximum", "x y", library=False, cheap=True, inline="where(x > y, x, where(x != x, x, y))"),
    Function("minimum", "x y", library=False, cheap=True, inline="where(x < y, x, where(x != x, x, y))"),
    Function("clip", "x lo hi", library=False, cheap=True, inline="minimum(maximum(x, lo), hi)"),
    Function("log_add_exp", "x y", library=False),
    Function("softmax2", "x y", library=False),
    Function("exp_neg_square", library=False),
    Function("digamma", library=False),
    Function("polygamma", "n x", library=False),
    Function("erfinv", library=False),
    Function("normal_density", library=False),
    Function("ndtr", library=False),
    Function("log_ndtr", library=False),
    Function("log_ndtr_derivative", "n x", library=False),
    Function("ndtri", library=False),
    Function("log_ratio", "x y", library=False),
    Function("entr", library=False),
    Function("rel_entr", "x y", library=False),
)

PREDICATES: tuple[Predicate, ...] = (
    Predicate("isnan", "x != x", "True for nan.", ufunc="isnan"),
    Predicate("isinf", "fabs(x) == INFINITY", "True for inf and -inf.", ufunc="isinf"),
    Predicate("isfinite", "fabs(x) < INFINITY", "True unless inf or nan.", ufunc="isfinite"),
)
