"""Compiled functions: recorded once, run without Python, at one point or over batches."""
