/* core/tape/pool.h: memory of large arrays, kept for the next ones.
 *
 * The C library gives blocks of megabytes back to the system at once, and touching new pages costs as much as the
 * arithmetic on them. So the blocks of large arrays that cgrad has made are kept when they die, newest first, up to
 * a bound. A data handler of NumPy's (NEP 49): the arrays own their memory as any others do.
 */
#ifndef CGRAD_POOL_H
#define CGRAD_POOL_H
#include <Python.h>
#include <stdlib.h>
#include <string.h>
#include <numpy/ndarraytypes.h>

#define CGRAD_POOL_BLOCKS 64
#define CGRAD_POOL_FROM (1 << 17) /* bytes: smaller blocks the C library keeps itself */
#if defined(CGRAD_DEBUG) || defined(Py_GIL_DISABLED)
#define CGRAD_POOL_MOST 0
#else
#define CGRAD_POOL_MOST (128 << 20)
#endif

static struct { void *block; size_t size; } cgrad_pool[CGRAD_POOL_BLOCKS]; /* the oldest first */
static int cgrad_pool_count = 0;
static size_t cgrad_pool_bytes = 0;

static void cgrad_pool_remove(int k) {
  cgrad_pool_bytes -= cgrad_pool[k].size;
  cgrad_pool_count--;
  memmove(&cgrad_pool[k], &cgrad_pool[k + 1], (cgrad_pool_count - k)*sizeof(cgrad_pool[0]));
}

static void *cgrad_pool_take(size_t size) {
  int k;
  for (k = cgrad_pool_count - 1; k >= 0; k--)
    if (cgrad_pool[k].size == size) {
      void *block = cgrad_pool[k].block;
      cgrad_pool_remove(k);
      return block;
    }
  return NULL;
}

static void *cgrad_pool_malloc(void *ctx, size_t size) {
  void *block = size >= CGRAD_POOL_FROM ? cgrad_pool_take(size) : NULL;
  return block ? block : malloc(size ? size : 1);
}

static void *cgrad_pool_calloc(void *ctx, size_t n, size_t width) {
  void *block = n*width >= CGRAD_POOL_FROM ? cgrad_pool_take(n*width) : NULL;
  return block ? memset(block, 0, n*width) : calloc(n ? n : 1, width);
}

static void *cgrad_pool_realloc(void *ctx, void *block, size_t size) { return realloc(block, size ? size : 1); }

static void cgrad_pool_free(void *ctx, void *block, size_t size) {
  if (size < CGRAD_POOL_FROM || size > CGRAD_POOL_MOST) {
    free(block);
    return;
  }
  while (cgrad_pool_count && (cgrad_pool_count == CGRAD_POOL_BLOCKS || cgrad_pool_bytes + size > CGRAD_POOL_MOST)) {
    free(cgrad_pool[0].block);
    cgrad_pool_remove(0);
  }
  cgrad_pool[cgrad_pool_count].block = block;
  cgrad_pool[cgrad_pool_count++].size = size;
  cgrad_pool_bytes += size;
}

static PyDataMem_Handler cgrad_pool_handler = {
    "cgrad", 1, {NULL, cgrad_pool_malloc, cgrad_pool_calloc, cgrad_pool_realloc, cgrad_pool_free}};

static PyObject *cgrad_pool_capsule(void) { return PyCapsule_New(&cgrad_pool_handler, "mem_handler", NULL); }
#endif
