/* core/program/bytecode.h: the instructions of a program, as the interpreter (replay.c) and its lanes (lanes.c) run them.

   A program's numbers stand in slots; an instruction is a row of 32-bit words: what it does, then slots.

       slots   | constants | inputs | what is computed, slots used again and again |
       words   MUL d x y     MULADD d c x y     DOT n d c x0 y0 x1 y1 ..     END

   Rows of the op table have their opcode. The others do two and more operations in one dispatch, never in one rounding: each
   product is rounded before it is added. _LAST: a number goes on in a register instead of waiting for memory; the slot is
   named all the same. (At one point only: lanes know none of these.) d: where the result goes (it may be a slot that is read). */
#ifndef CGRAD_MACHINE_H
#define CGRAD_MACHINE_H
#include <stddef.h>
#include <stdint.h>
#include "core/compiler.h"
#include "_gen/opcodes.h"

enum {
    M_MULADD = OP_COUNT, /* d c x y      c + x*y                 */
    M_MULSUB,            /* d c x y      c - x*y                 */
    M_SUBMUL,            /* d c x y      x*y - c                 */
    M_MUL2,              /* d x y z w    x*y + z*w               */
    M_MUL2_LAST,         /* the same, where z is what the instruction before has computed */
    M_MUL2SUB,           /* d x y z w    x*y - z*w               */
    M_MUL3,              /* d x y z      (x*y)*z                 */
    M_MUL3ADD,           /* d c x y z    c + (x*y)*z             */
    M_MUL3MUL,           /* d x y z u w  (x*y)*z + u*w           */
    M_WHERE_LT,          /* d x y p q    p if x < y, else q      */
    M_WHERE_LE,
    M_WHERE_EQ,
    M_WHERE_NE,
    M_SINCOS,            /* s c x        sin(x) and cos(x)       */
    M_DOT,               /* n d c x y .. c + x0*y0 + x1*y1 + ..  */
    M_DOT0,              /* n d x y ..   x0*y0 + x1*y1 + ..      */
    M_SDOT,              /* the same; where x is ~slot, x*y is subtracted */
    M_SDOT0,
    M_ADDS,              /* n, n times d x y: runs of the same   */
    M_SUBS,
    M_MULS,
    M_MULADDS,           /* n, n times d c x y                   */
    M_MULSUBS,
    M_IF_LT,             /* k x y: stop with k unless x < y      */
    M_IF_LE,
    M_IF_EQ,
    M_IF_NE,
    M_IF_NOT_LT,         /* k x y: stop with k if x < y          */
    M_IF_NOT_LE,
    M_IF_NOT_EQ,
    M_IF_NOT_NE,
    M_END,
    M_LAST,              /* + opcode of a row with one operand: that is what the instruction before has computed */
    M_COUNT = M_LAST + OP_COUNT
};

/* Words before the first group of an instruction, groups, results and operands of each group. */
typedef struct { int32_t head, groups, results, operands; } cgrad_layout;

static inline cgrad_layout cgrad_layout_of(const int32_t *w, const int *arity) {
    cgrad_layout l = {1, 1, 1, 0};
    switch (w[0]) {
    case M_MULADD: case M_MULSUB: case M_SUBMUL: case M_MUL3: l.operands = 3; break;
    case M_MUL2: case M_MUL2_LAST: case M_MUL2SUB: case M_MUL3ADD:
    case M_WHERE_LT: case M_WHERE_LE: case M_WHERE_EQ: case M_WHERE_NE: l.operands = 4; break;
    case M_MUL3MUL: l.operands = 5; break;
    case M_SINCOS: l.results = 2; l.operands = 1; break;
    case M_DOT: case M_SDOT: l.head = 2; l.operands = 1 + 2*w[1]; break;
    case M_DOT0: case M_SDOT0: l.head = 2; l.operands = 2*w[1]; break;
    case M_ADDS: case M_SUBS: case M_MULS: l.head = 2; l.groups = w[1]; l.operands = 2; break;
    case M_MULADDS: case M_MULSUBS: l.head = 2; l.groups = w[1]; l.operands = 3; break;
    case M_END: l.groups = 0; break;
    default:
        if (w[0] >= M_LAST) l.operands = 1;
        else if (w[0] >= M_IF_LT) { l.head = 2; l.results = 0; l.operands = 2; }
        else l.operands = arity[w[0]];
    }
    return l;
}

/* Run at one point; v: the slots, constants and inputs filled in. 0, or the number of the guard that came out otherwise. */
int32_t cgrad_replay(const int32_t *words, double *v);

/* The same over a block: slot s is the lanes v[s*lanes] ... (lanes a multiple of 8, v aligned to 64 bytes). failed[j]: 0, or the
   guard at which lane j left the path; a lane that has one is not looked at any more. Gives up where all lanes have left. */
typedef void (*cgrad_lanes_function)(const int32_t *words, double *v, ptrdiff_t lanes, int32_t *failed);

/* "exact": C's functions, as cgrad_replay calls them; "basic", "avx2", "avx512": vector functions within 2 ulp, compiled for
   such processors. NULL: not in this build, or not for this processor. cgrad_lanes_name(): the best one. */
cgrad_lanes_function cgrad_lanes_named(const char *name);
const char *cgrad_lanes_name(void);

/* Many points: point p's input k lies at source[k].at + p*stride (bytes; stride 0: the same for all), its result k goes to
   target[k]. lanes is a power of two, 16 to CGRAD_MOST_LANES. */
#define CGRAD_MOST_LANES 128
typedef struct { char *at; ptrdiff_t stride; } cgrad_place;
typedef struct {
    cgrad_lanes_function run;
    const int32_t *words, *out;      /* out: result -> slot */
    const double *constant;
    const cgrad_place *source, *target;
    const ptrdiff_t *index;          /* the points to run; NULL: all from 0 */
    int32_t *failed;                 /* for each of these: 0, or the guard at which it left the path */
    ptrdiff_t lanes, slots, constants, inputs, results;
} cgrad_batch;

/* v: (slots + results)*lanes doubles, aligned to 64 bytes. */
void cgrad_prepare_lanes(const cgrad_batch *b, double *v);
/* Points start .. stop - 1 (of index). sums: add results up over points there instead of writing them to target. */
void cgrad_run_blocks(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t stop, double *sums);
#endif
