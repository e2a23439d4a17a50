/* sin and cos of whole blocks: no branches, so that compilers run several numbers at once.

   |x| up to 10^5 (below 2^19 quarter turns the products n*HALF_PI_1 and n*HALF_PI_2 are exact): x = n*pi/2 + r + c with
   |r| <= pi/4, c what r lost in rounding; polynomials in r*r at Chebyshev nodes, coefficients found with 60 digits. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>
#include "core/compiler.h"

#define CGRAD_TRIG_MOST 1e5
#define HALF_PI_1 0x1.921fb544p+0      /* the first 33 bits of pi/2, the next 33, 53 more */
#define HALF_PI_2 0x1.0b4611a6p-34
#define HALF_PI_3 0x1.3198a2e037073p-69

static inline double cgrad_turned(double x, int quarter) {
    const double shift = 0x1.8p52;
    double n = x*0x1.45f306dc9c883p-1 + shift, r, c, t, w, z, s, k, h;
    int64_t q;
    memcpy(&q, &n, 8);
    q += quarter;
    n -= shift;
    t = x - n*HALF_PI_1;
    w = n*HALF_PI_2;
    r = t - w;
    c = (t - r) - w;
    w = n*HALF_PI_3;
    t = r;
    r = t - w;
    c += (t - r) - w;
    t = r + c;  /* r and c may have changed order where x is near a multiple of pi/2 */
    c = (r - t) + c;
    r = t;
    z = r*r;
    s = -0x1.5555555555555p-3 + z*(0x1.1111111110bb1p-7 + z*(-0x1.a01a019e8357dp-13
        + z*(0x1.71de37961e4c6p-19 + z*(-0x1.ae600a926c89ap-26 + z*0x1.5e0af186af739p-33))));
    s = r + (r*z*s + c*(1.0 - 0.5*z));
    k = 0.041666666666666665 + z*(-0.0013888888888887396 + z*(2.4801587298763433e-05
        + z*(-2.7557317270560324e-07 + z*(2.0876146024689747e-09 + z*-1.1382614868556325e-11))));
    h = 1.0 - 0.5*z;
    k = h + (((1.0 - h) - 0.5*z) + (z*z*k - r*c));
    s = q & 1 ? k : s;
    return q & 2 ? -s : s;
}

static inline int cgrad_trig_small(const double *x, ptrdiff_t n) {
    ptrdiff_t i; int large = 0;
    for (i = 0; i < n; i++)
        large |= !(fabs(x[i]) < CGRAD_TRIG_MOST);
    return !large;
}

CGRAD_CLONES static void cgrad_sin(const double *CGRAD_RESTRICT x, double *CGRAD_RESTRICT out, ptrdiff_t n) {
    ptrdiff_t i;
    if (cgrad_trig_small(x, n))
        for (i = 0; i < n; i++) {
            double s = cgrad_turned(x[i], 0);
            out[i] = x[i] == 0 ? x[i] : s;  /* -0 */
        }
    else
        for (i = 0; i < n; i++)
            out[i] = sin(x[i]);
}

CGRAD_CLONES static void cgrad_cos(const double *CGRAD_RESTRICT x, double *CGRAD_RESTRICT out, ptrdiff_t n) {
    ptrdiff_t i;
    if (cgrad_trig_small(x, n))
        for (i = 0; i < n; i++)
            out[i] = cgrad_turned(x[i], 1);
    else
        for (i = 0; i < n; i++)
            out[i] = cos(x[i]);
}
