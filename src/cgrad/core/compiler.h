/* core/compiler.h: what compilers spell differently. */
#ifndef CGRAD_COMPILER_H
#define CGRAD_COMPILER_H

#if defined(_MSC_VER) && !defined(__clang__)
#define CGRAD_RESTRICT __restrict
#else
#define CGRAD_RESTRICT restrict
#endif

#if defined(__GNUC__)
#define cgrad_likely(x) __builtin_expect(!!(x), 1)
#define cgrad_unlikely(x) __builtin_expect(!!(x), 0)
#else
#define cgrad_likely(x) (x)
#define cgrad_unlikely(x) (x)
#endif

/* A function in one copy for each width of registers, chosen when the library is loaded; where the system has no such
   choice, one. clang wants the attribute on the declaration and on the definition. */
#if defined(__x86_64__) && defined(__GNUC__) && defined(__GLIBC__) && (!defined(__clang__) || __clang_major__ >= 14)
#define CGRAD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CGRAD_CLONES
#endif
#define CGRAD_CLONED_VOID CGRAD_CLONES void

/* C11's _Static_assert, also for compilers of C99: an array of negative size where the condition does not hold. */
#define CGRAD_STATIC_ASSERT(condition, name) typedef char cgrad_assert_##name[(condition) ? 1 : -1]

#endif
