/* core/lanes_vector.h: lanes.h with the functions of vecmath.h, for the target that lanes.c has set. */
#define VM(name) T(name)
#include "vecmath.h"
