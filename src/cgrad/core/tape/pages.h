/* Zeroed memory that grows in place: the ground under a column.

   Linux: anonymous mappings. Growing and shrinking remap page tables and copy nothing; large columns
   ask for huge pages (a page fault for every 2 MiB, not every 4 KiB).
   Elsewhere: calloc, and a copy. New memory reads as zero in both. */
#ifndef CGRAD_PAGES_H
#define CGRAD_PAGES_H
#include <stdlib.h>
#include <string.h>

#define CGRAD_HUGE ((size_t)2 << 20)

#if defined(__linux__)
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>
#ifndef MREMAP_MAYMOVE /* <sys/mman.h> came in before _GNU_SOURCE */
#define MREMAP_MAYMOVE 1
extern void *mremap(void *, size_t, size_t, int, ...);
#endif

static inline void pages_advise(void *p, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes >= CGRAD_HUGE) madvise(p, bytes, MADV_HUGEPAGE);
#endif
}
static inline void *pages_new(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  pages_advise(p, bytes);
  return p;
}
static inline void *pages_resize(void *old, size_t before, size_t after) {
  size_t page = (after + 0xffff) & ~(size_t)0xffff; /* what stays of the last page must read as zero later */
  if (after < before) memset((char *)old + after, 0, (page < before ? page : before) - after);
  void *p = mremap(old, before, after, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return NULL;
  pages_advise(p, after);
  return p;
}
static inline void pages_free(void *p, size_t bytes) { munmap(p, bytes); }
#else
static inline void *pages_new(size_t bytes) { return calloc(1, bytes); }
static inline void *pages_resize(void *old, size_t before, size_t after) {
  void *p = calloc(1, after);
  if (!p) return NULL;
  memcpy(p, old, before < after ? before : after);
  free(old);
  return p;
}
static inline void pages_free(void *p, size_t bytes) { (void)bytes; free(p); }
#endif
#endif
