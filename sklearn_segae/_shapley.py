"""Shapley values: what every player adds to a game, whatever the order in which they join."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import comb

import numpy as np

# Values (m,) of coalitions (m, n_players), bool.
Game = Callable[[np.ndarray], np.ndarray]
FEW = 5  # players of whom all coalitions are asked, 32 at most


def shapley_values(game: Game, n_players: int, rng: np.random.RandomState) -> np.ndarray:
    """Return what every player adds, (n_players,); together, what all of them add to none [1]_.

    Exact for `FEW` players. Of more, they join in one random order and in its reverse, which is
    right in the mean over many games; the sum is exact all the same [2]_.

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the theory of games 2, 1953,
       doi:10.1515/9781400881970-018.
    .. [2] R. Mitchell and others, "Sampling permutations for Shapley value estimation", Journal of
       Machine Learning Research 23, 2022, arXiv:2104.12199.
    """
    if n_players <= FEW:
        return _of_all_coalitions(game, n_players)
    order = rng.permutation(n_players)
    return (_in_order(game, order) + _in_order(game, order[::-1])) / 2


def _of_all_coalitions(game: Game, n: int) -> np.ndarray:
    coalitions = np.array(list(product((False, True), repeat=n)))
    values, sizes = game(coalitions), coalitions.sum(1)
    # A coalition that a player joins is as likely as its size is, 1 of n, among all of that size.
    joined = np.array([1 / (n * comb(n - 1, size - 1)) if size else 0 for size in sizes])
    left = np.array([1 / (n * comb(n - 1, size)) if size < n else 0 for size in sizes])
    return np.where(coalitions.T, joined * values, -left * values).sum(1)


def _in_order(game: Game, order: np.ndarray) -> np.ndarray:
    n = len(order)
    joined = np.zeros((n + 1, n), bool)
    for i, player in enumerate(order, start=1):
        joined[i:, player] = True
    added = np.empty(n)
    added[order] = np.diff(game(joined))
    return added
