"""Executables over many points: SIMD lanes do blocks of them, threads take pieces of many blocks."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import errors
from ..._program import Batch, Executable, Places
from ..pytree import Array

AHEAD = 4  # pieces that a thread may be ahead of the oldest unfinished one: their sums wait


def sweep(executable: Executable, count: int, sources: tuple[Places, ...], targets: Places | None, lanes: str,
          index: Array | None = None, start: int = 0, threads: int | None = 1,
          done: Callable[[int], None] | None = None, sums: Array | None = None) -> Batch:
    """Run an executable over ``count`` points from ``start`` on, or over those of ``index``.

    Results go to ``targets``, or are added up in ``sums``, piece by piece in the order of points, whichever thread ran
    which piece. lanes: "exact" for C's own functions, "" for vectorised ones. done: is told of points that are done.
    Returns what knows for each point the guard at which it left the path.
    """
    batch = Batch(executable, count, sources, targets, lanes, index, start)

    def finished(k: int, part: Array | None) -> None:
        if sums is not None and part is not None:
            add_to(sums, part)
        if done is not None:
            failed = batch.failed[k*batch.piece:(k + 1)*batch.piece]
            done(int(failed.size - np.count_nonzero(failed)))

    workers = min(threads or processors(), batch.pieces) if batch.pieces > 1 else 1
    if workers > 1:
        _in_threads(batch, workers, finished)
    else:
        for k in range(batch.pieces):
            finished(k, batch.run(k))
    batch.close()
    return batch


def _in_threads(batch: Batch, workers: int, finished: Callable[[int, Array | None], None]) -> None:
    """Run the pieces of a batch; ``finished`` is called with their sums in order."""
    futures: Any = importlib.import_module("concurrent.futures")  # importing it takes longer than most batches
    stop = threading.Event()

    def run(k: int) -> Array | None:
        return None if stop.is_set() else batch.run(k)

    with futures.ThreadPoolExecutor(workers) as pool:
        try:
            waiting: list[Any] = []
            for k in range(batch.pieces):
                waiting.append(pool.submit(run, k))
                if len(waiting) >= AHEAD*workers:
                    finished(k + 1 - len(waiting), _result(waiting.pop(0)))
            for k, future in enumerate(waiting, batch.pieces - len(waiting)):
                finished(k, _result(future))
        except BaseException:
            stop.set()
            raise


def _result(future: Any) -> Any:
    """The result of a future; wakes up meanwhile, so that signals are handled."""
    while True:
        try:
            return future.result(timeout=0.1)
        except TimeoutError:
            if future.done():
                raise


def add_to(sums: Array, part: Array) -> None:
    """sums += part, without NumPy's warnings: inf - inf is nan, as for single numbers."""
    with np.errstate(all="ignore"):
        np.add(sums, part, out=sums)


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """Reports the number of points done to a tqdm bar, or a function of (done, total)."""

    def __init__(self, wanted: Any, total: int) -> None:
        self.wanted, self.total, self.done, self.passes = wanted, total, 0, 1
        self.bar: Any = None

    @property
    def counter(self) -> Callable[[int], None] | None:
        """``add``, if somebody wants to know."""
        return self.add if self.wanted else None

    def __enter__(self) -> Progress:
        if self.wanted is True:
            try:
                bar: Any = importlib.import_module("tqdm.auto").tqdm
            except ImportError:
                raise errors.no_tqdm() from None
            self.bar = bar(total=self.total, unit=" points", unit_scale=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def add(self, points: int) -> None:
        """Count points of one pass."""
        before = self.done//self.passes
        self.done += points
        now = self.done//self.passes
        if self.bar is not None:
            self.bar.update(now - before)
        elif callable(self.wanted):
            self.wanted(now, self.total)
