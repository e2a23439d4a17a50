"""Code of programs: a graph rerolled into loops, laid out in memory, written for LLVM or in C."""
