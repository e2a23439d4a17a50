/* core/program/bytecode.h: the bytecode of compiled programs, and the two machines that run it.

   bytecode.def is the table of instructions; opcodes, formats and forms are derived from it here and in bytecode.c.
   cgrad_interpret (interpreter.c) runs bytecode at one point, lanes (lanes.c) run it at a block of points. Both keep
   the numbers of a program in slots:

       | constants | inputs | results of instructions; a slot is used again after its last use | */
#ifndef CGRAD_BYTECODE_H
#define CGRAD_BYTECODE_H
#include <stddef.h>
#include <stdint.h>
#include "core/compiler.h"
#include "_gen/opcodes.h"
#include "_gen/rows.h"

/* ---- opcodes: a row of the op table has the number of its op, fused instructions follow ---- */
enum {
    BC_NONE = 0,
#define ROW1(name, function) BC_##name = OP_##name,
#define ROW2(name, function) BC_##name = OP_##name,
#define ROW3(name, function) BC_##name = OP_##name,
#include "core/program/bytecode.def"
    BC_ROWS_END = OP_COUNT - 1,
#define ROW1(name, function)
#define ROW2(name, function)
#define ROW3(name, function)
#define INSTRUCTION(name) BC_##name,
#include "core/program/bytecode.def"
    BC_COUNT
};

/* ---- formats: how the words of an instruction are read ---- */
enum { CGRAD_SINGLE, CGRAD_PAIR, CGRAD_RUN, CGRAD_SUM, CGRAD_GUARD, CGRAD_END };

typedef struct {
    const char *name;
    uint8_t kind, head, results, operands;  /* of a SUM: operands before its terms */
} cgrad_instruction;

extern const cgrad_instruction cgrad_instructions[BC_COUNT];

/*   | op  n |  r  a  b  |  r  a  b  | ..
       head     group       group          groups of `results` slots written, then `operands` slots read            */
typedef struct { int32_t head, groups, results, operands; } cgrad_format;

static inline cgrad_format cgrad_format_of(const int32_t *w) {
    const cgrad_instruction *i = &cgrad_instructions[w[0]];
    cgrad_format f = {i->head, 1, i->results, i->operands};
    if (i->kind == CGRAD_RUN)
        f.groups = w[1];
    else if (i->kind == CGRAD_SUM)
        f.operands += 2*w[1];
    return f;
}

static inline ptrdiff_t cgrad_length_of(const int32_t *w) {
    cgrad_format f = cgrad_format_of(w);
    return f.head + (ptrdiff_t)f.groups*(f.results + f.operands);
}

/* ---- forms: the instruction that does what another does, in a special case; BC_NONE: there is none ---- */
extern const int16_t cgrad_run_form[BC_COUNT];   /* several times in a row */
extern const int16_t cgrad_last_form[BC_COUNT];  /* of what the previous instruction computed */
extern const int16_t cgrad_pair_form[BC_COUNT];  /* together with its mate: the second result */
extern const int16_t cgrad_mate_of[BC_COUNT];    /* (the op that makes a pair with it) */
extern const int16_t cgrad_where_form[BC_COUNT]; /* a comparison: choose by it */
extern const int16_t cgrad_guard_forms[2][BC_COUNT];

static inline int32_t cgrad_guard_form(int32_t comparison, int outcome) {  /* stop unless it comes out so */
    return cgrad_guard_forms[outcome][comparison];
}

/* ---- running ---- */

/* Run at one point. v: the slots, constants and inputs filled in. Returns 0, or the number of the failed guard. */
int32_t cgrad_interpret(const int32_t *bytecode, double *v);

/* Run at a block of points. Slot s is v[s*lanes] .. v[s*lanes + lanes - 1]; v is aligned to 64 bytes. failed[j]: 0, or
   the guard that lane j failed; its numbers mean nothing from there on. Returns early when all lanes have failed. */
typedef void (*cgrad_lanes_function)(const int32_t *bytecode, double *v, ptrdiff_t lanes, int32_t *failed);

/* "exact" calls C's functions, as cgrad_interpret does; "basic", "avx2" and "avx512" use vector functions within 2 ulp,
   compiled for such processors. NULL: not in this build, or not for this processor. cgrad_lanes_name(): the best. */
cgrad_lanes_function cgrad_lanes_named(const char *name);
const char *cgrad_lanes_name(void);

/* Many points. Input k of point p is read from source[k].first + p*source[k].stride; result k is written to target[k]
   likewise.

       source[0]   first -> | x of point 0 |..stride..| x of point 1 |..      in bytes; 0: the same for all points
       source[1]   first -> ..                                                                                     */
#define CGRAD_FEWEST_LANES 16
#define CGRAD_MOST_LANES 128
typedef struct { char *first; ptrdiff_t stride; } cgrad_strided;
typedef struct {
    cgrad_lanes_function run;
    const int32_t *bytecode, *out;   /* out: result -> slot */
    const double *constant;
    const cgrad_strided *source, *target;
    const ptrdiff_t *index;          /* the points to run; NULL: all from 0 */
    int32_t *failed;                 /* of each of these: 0, or the guard that it failed */
    ptrdiff_t lanes;                 /* points in a block: a power of two, CGRAD_FEWEST_LANES .. CGRAD_MOST_LANES */
    ptrdiff_t slots, constants, inputs, results;
} cgrad_batch;

/* Fill in what all blocks share. v: (slots + results)*lanes doubles, aligned to 64 bytes. */
void cgrad_prepare_lanes(const cgrad_batch *b, double *v);
/* Run points start .. stop - 1 (of index). sums, unless NULL: add results up there, write none to target. */
void cgrad_run_blocks(const cgrad_batch *b, double *v, ptrdiff_t start, ptrdiff_t stop, double *sums);
#endif
