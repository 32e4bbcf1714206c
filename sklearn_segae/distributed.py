"""Training of one model by several processes, each of which computes a share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = ["shared_training"]


def __dir__() -> list[str]:
    return __all__


_n_ranks: ContextVar[int] = ContextVar("n_ranks", default=1)


@contextmanager
def shared_training(backend: str | None = None) -> Iterator[int]:
    """Train the estimators that are fitted inside this context by all processes of a `torchrun`.

    Every process runs the same program on the same data. Each computes the gradients of its share
    of every batch, and all apply their mean, so that all end with the same weights. If the loss is
    a mean over the samples of a batch and shares are equal, these are the weights of a single
    process, up to rounding. They differ slightly for noisy variants, and for a
    :class:`~sklearn_segae.PixelEncoder`, whose loss depends on all crops of a batch together.
    Without `torchrun` there is one process, and nothing changes.

    Parameters
    ----------
    backend : {"gloo", "nccl"} or None, default=None
        Backend of `torch.distributed`. None is "nccl" if every process has a GPU, else "gloo".
        With "nccl" each process uses the GPU of its local rank.

    Yields
    ------
    rank : int
        Rank of this process, from 0. Only the process of rank 0 should write files.

    Raises
    ------
    ValueError
        If the backend is unknown.
    RuntimeError
        If the processes cannot connect.

    Notes
    -----
    This is synchronous data parallelism [1]_. A batch with fewer samples than there are processes
    is computed by all of them.

    References
    ----------
    .. [1] S. Li et al., "PyTorch Distributed: experiences on accelerating data parallel training",
       PVLDB 13, 2020, doi:10.14778/3415478.3415530.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae import AutoencoderTransformer
    >>> from sklearn_segae.distributed import shared_training
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> with shared_training() as rank:  # python -m torch.distributed.run --nproc-per-node 2 ...
    ...     ae = AutoencoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    >>> rank
    0
    """
    if backend not in (None, "gloo", "nccl"):
        raise ValueError(f"backend={backend!r} is unknown. Pass 'gloo', 'nccl' or None.")
    n = int(os.environ.get("WORLD_SIZE", "1"))
    if n == 1:
        yield 0
        return
    started = not dist.is_initialized()
    if started:
        dist.init_process_group(backend or _default_backend())
    if dist.get_backend() == "nccl":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    token = _n_ranks.set(n)
    try:
        yield dist.get_rank()
    finally:
        _n_ranks.reset(token)
        if started:
            dist.destroy_process_group()


def own_share(batch: Tensor) -> Tensor:
    """Return the share of a batch (n, ...) that this process computes."""
    n = _n_ranks.get()
    return batch[dist.get_rank() :: n] if 1 < n <= len(batch) else batch


def average(values: Iterable[Tensor | None]) -> None:
    """Replace tensors by their mean over all processes, in place; None is skipped."""
    n = _n_ranks.get()
    tensors = [v for v in values if v is not None]
    if n == 1 or not tensors:
        return
    # A single message, because its latency dominates.
    flat = torch.cat([v.detach().flatten() for v in tensors])
    dist.all_reduce(flat)
    means = (flat / n).split([v.numel() for v in tensors])
    for value, mean in zip(tensors, means, strict=True):
        value.copy_(mean.view_as(value))


def common_seed(seed: int) -> int:
    """Return the seed of the first process."""
    if _n_ranks.get() == 1:
        return seed
    seeds = [seed]
    dist.broadcast_object_list(seeds)
    return seeds[0]


def _default_backend() -> str:
    n_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    enough = torch.cuda.is_available() and torch.cuda.device_count() >= n_local
    return "nccl" if enough else "gloo"
