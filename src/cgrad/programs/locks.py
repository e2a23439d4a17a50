"""Locks and forks: in the child nobody is left to release what other threads held."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import AbstractContextManager
from typing import Any

_locks: weakref.WeakSet[Lock] = weakref.WeakSet()
_held: list[AbstractContextManager[Any]] = []  # over forks
_this = threading.local()  # .taken: those that the fork under way has taken


class Lock:
    """A lock that its thread may take again, and that in a forked child no lost thread holds."""

    __slots__ = ("_lock", "__weakref__")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """In a forked child: begin anew, unless this very thread holds it."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


def hold_over_forks(lock: AbstractContextManager[Any]) -> None:
    """Let forks wait until a lock is free: one that guards what would be unusable in the child if cut short."""
    if not any(lock is other for other in _held):
        _held.append(lock)


def _before() -> None:
    _this.taken = list(_held)
    for lock in _this.taken:
        lock.__enter__()


def _after() -> None:
    for lock in reversed(_this.taken):
        lock.__exit__(None, None, None)


def _after_in_child() -> None:
    _after()
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
