"""Number of threads, by the amount of work.

Threads wait for each other many times in a step, actively. If other programs have one of their
cores, each wait takes milliseconds. With two threads on two cores that were also used by others,
small steps of networks took 4 to 30 times as long as with one thread, k-means and products of
matrices 7 to 12 times, eigenvectors of 100 features 150 times, training steps of 2e9 multiply-adds
2 to 9 times, and tiles of 8e9 1 to 1.3 times. On idle cores, two threads begin to pay at 2e8
multiply-adds, and save half of the time of 2e9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from threadpoolctl import ThreadpoolController
from torch import nn

LARGE_WORK = 4e9  # multiply-adds of a forward pass; about 0.2 s of one core
WORK_PER_THREAD = 1e8

# Of torch outside `fewer_threads`, whose inside may have large work, too; 0 outside.
_users_threads: ContextVar[int] = ContextVar("_users_threads", default=0)


def work_of(n_weights: int, shape: Sequence[int]) -> int:
    """Return the multiply-adds of a pass of a module for a batch of shape (N, F) or (N, C, ...).

    Every weight is used at every position, as in convolutions without stride: an upper bound.
    """
    return n_weights * shape[0] * prod(shape[2:])


_n_weights: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def count_weights(module: nn.Module) -> int:
    """Return the number of weights of a module, which is counted once."""
    if module not in _n_weights:
        _n_weights[module] = sum(weights.numel() for weights in module.parameters())
    return _n_weights[module]


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """Set torch's number of threads by the work, and restore it.

    `work` counts multiply-adds of a forward pass; a backward pass waits as often as it computes
    more. Large work gets all threads of the user, less work at most half of
    them, as other programs may need the cores. Every thread of a program has its own number,
    except that one that uses torch for the first time meanwhile starts with the current number.
    """
    now = torch.get_num_threads()
    most = max(now, _users_threads.get())
    few = min(most // 2, int(work // WORK_PER_THREAD))
    n_threads = most if work >= LARGE_WORK else max(1, few)
    if n_threads == now:
        yield
        return
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(now)


@contextmanager
def fewer_threads() -> Iterator[None]:
    """Leave half of the threads of torch, OpenMP and BLAS to other programs.

    For many small steps, as those of clusterers and projections of thousands of rows. Inside,
    `threads_for` gives large work all threads of torch. Nested contexts change nothing.
    """
    if _users_threads.get():
        yield
        return
    most = torch.get_num_threads()
    token = _users_threads.set(most)
    # scikit-learn uses the library of torch or its own, whichever was loaded first.
    before = _halve("openmp")
    try:
        torch.set_num_threads(max(1, most // 2))
        with _blas:
            yield
    finally:
        _users_threads.reset(token)
        _restore(before)
        torch.set_num_threads(most)


class _FewerBlasThreads:
    """Halve the threads of BLAS, whose number is one for all threads of a program.

    The first that enters reads the number, and the last that leaves restores it.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.n_inside = 0
        self.before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        with self.lock:
            if self.n_inside == 0:
                self.before = _halve("blas")
            self.n_inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                _restore(self.before)


_blas = _FewerBlasThreads()


def _halve(user_api: str) -> list[tuple[Any, int]]:
    """Halve the threads of the loaded libraries of a kind; return these and their numbers."""
    libraries = ThreadpoolController().select(user_api=user_api).lib_controllers
    before = [(library, library.num_threads or 1) for library in libraries]
    for library, number in before:
        if number > 1:
            library.set_num_threads(number // 2)
    return before


def _restore(before: list[tuple[Any, int]]) -> None:
    """Set the numbers of threads that `_halve` returned."""
    for library, number in before:
        if number > 1:
            library.set_num_threads(number)
