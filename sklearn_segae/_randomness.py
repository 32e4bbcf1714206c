"""Seeds: `random_state` alone decides, and torch's global generator is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from .distributed import common_seed


@contextmanager
def seeded(random_state: Any) -> Iterator[np.random.Generator]:
    """Yield a generator, and torch's global one seeded likewise; put that back afterwards."""
    seed = draw_seed(random_state)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield np.random.default_rng(seed)


def draw_seed(random_state: Any) -> int:
    """Return a seed; None draws fresh entropy and leaves numpy's global generator as it was."""
    if random_state is None:
        return common_seed(int(np.random.SeedSequence().generate_state(1)[0] // 2))
    return common_seed(int(check_random_state(random_state).randint(2**31 - 1)))
