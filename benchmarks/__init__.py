"""What cgrad must reach, measured: ``python benchmarks/run.py``. How each figure is taken: docs/performance.md."""
