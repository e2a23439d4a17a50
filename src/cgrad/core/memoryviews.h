/* core/memoryviews.h: a memoryview that goes on at another address.

   Making a new one would take memory, which may be short just then, and could run a cycle collection while the old
   address dangles. */
#ifndef CGRAD_MEMORYVIEWS_H
#define CGRAD_MEMORYVIEWS_H

#define CGRAD_POINT(view, to, n) ((view).data = (to), (view).shape[0] = (n))

#endif
