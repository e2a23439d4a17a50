/* core/program/bytecode.c: what is known of each instruction, as tables (derived from bytecode.def). */
#include "core/program/bytecode.h"

/* Opcode 0 says that there is no instruction: no op that can be part of a program may have it. */
CGRAD_STATIC_ASSERT((int)OP_LEAF == (int)BC_NONE, no_instruction_is_0);
/* The fused instructions are numbered from the end of the op table on. */
CGRAD_STATIC_ASSERT((int)BC_COUNT > (int)OP_COUNT && BC_COUNT <= INT16_MAX, opcodes_fit);

const cgrad_instruction cgrad_instructions[BC_COUNT] = {
#define FORMAT(name, kind, head, results, operands) [BC_##name] = {#name, kind, head, results, operands},
#define ROW1(name, function) FORMAT(name, CGRAD_SINGLE, 1, 1, 1)
#define ROW2(name, function) FORMAT(name, CGRAD_SINGLE, 1, 1, 2)
#define ROW3(name, function) FORMAT(name, CGRAD_SINGLE, 1, 1, 3)
#define SINGLE(name, operands, expression) FORMAT(name, CGRAD_SINGLE, 1, 1, operands)
#define LAST(name, of, operands, expression) FORMAT(name, CGRAD_SINGLE, 1, 1, operands)
#define PAIR(name, first, second, function) FORMAT(name, CGRAD_PAIR, 1, 2, 1)
#define RUN(name, of, operands, expression) FORMAT(name, CGRAD_RUN, 2, 1, operands)
#define SUM(name, based, signs) FORMAT(name, CGRAD_SUM, 2, 1, based)
#define GUARD(name, comparison, outcome, expression) FORMAT(name, CGRAD_GUARD, 2, 0, 2)
#define END(name) FORMAT(name, CGRAD_END, 1, 0, 0)
#include "core/program/bytecode.def"
#undef FORMAT
};

const int16_t cgrad_run_form[BC_COUNT] = {
#define RUN(name, of, operands, expression) [BC_##of] = BC_##name,
#include "core/program/bytecode.def"
};

const int16_t cgrad_last_form[BC_COUNT] = {
#define LAST(name, of, operands, expression) [BC_##of] = BC_##name,
#include "core/program/bytecode.def"
};

const int16_t cgrad_pair_form[BC_COUNT] = {
#define PAIR(name, first, second, function) [BC_##first] = BC_##name,
#include "core/program/bytecode.def"
};

const int16_t cgrad_mate_of[BC_COUNT] = {
#define PAIR(name, first, second, function) [BC_##first] = BC_##second, [BC_##second] = BC_##first,
#include "core/program/bytecode.def"
};

const int16_t cgrad_where_form[BC_COUNT] = {
#define SELECT(name, comparison, expression) [BC_##comparison] = BC_##name,
#include "core/program/bytecode.def"
};

const int16_t cgrad_guard_forms[2][BC_COUNT] = {
#define GUARD(name, comparison, outcome, expression) [outcome][BC_##comparison] = BC_##name,
#include "core/program/bytecode.def"
};
