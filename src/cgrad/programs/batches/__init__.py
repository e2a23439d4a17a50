"""Many points of a program: where they lie, which path each takes, lanes and threads."""
