/* Zeroed memory that grows in place: the ground under a column.

   Linux: anonymous mappings. Growing remaps page tables and copies nothing; giving memory back keeps
   the addresses; large columns ask for huge pages (a page fault for every 2 MiB, not every 4 KiB).
   Elsewhere: calloc, and a copy to grow. New memory reads as zero in both. */
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
static inline void *pages_grow(void *old, size_t before, size_t after) {
  void *p = mremap(old, before, after, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return NULL;
  pages_advise(p, after);
  return p;
}
static inline void pages_free(void *p, size_t bytes) { munmap(p, bytes); }
/* The pages wholly inside [p + from, p + to) go back to the system and read as zero again; what is
   left of them at the ends is zeroed by hand. */
static inline void pages_drop(char *p, size_t from, size_t to) {
  size_t page = 4096, lo = (from + page - 1) / page * page, hi = to / page * page;
  if (lo >= hi) { memset(p + from, 0, to - from); return; }
  memset(p + from, 0, lo - from);
  memset(p + hi, 0, to - hi);
  if (madvise(p + lo, hi - lo, MADV_DONTNEED)) memset(p + lo, 0, hi - lo);
}
#else
static inline void *pages_new(size_t bytes) { return calloc(1, bytes); }
static inline void *pages_grow(void *old, size_t before, size_t after) {
  void *p = calloc(1, after);
  if (!p) return NULL;
  memcpy(p, old, before < after ? before : after);
  free(old);
  return p;
}
static inline void pages_free(void *p, size_t bytes) { (void)bytes; free(p); }
static inline void pages_drop(char *p, size_t from, size_t to) { memset(p + from, 0, to - from); }
#endif
#endif
