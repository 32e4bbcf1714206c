"""Shapley values: what every player adds to a game, whatever the order in which they join."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import comb

import numpy as np

# Values (m,) of coalitions (m, n_players), bool.
Game = Callable[[np.ndarray], np.ndarray]
FEW = 5  # players of whom all coalitions are asked, 32 at most


def shapley_values(game: Game, order: np.ndarray) -> np.ndarray:
    """Return what every player adds, (n_players,); together, what all of them add to none [1]_.

    Exact for `FEW` players. Of more, only one order of joining is asked: right in the mean over
    many games of one kind and random orders, best each with its reverse [2]_; the sum is exact.

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the theory of games 2, 1953,
       doi:10.1515/9781400881970-018.
    .. [2] R. Mitchell and others, "Sampling permutations for Shapley value estimation", Journal of
       Machine Learning Research 23, 2022, arXiv:2104.12199.
    """
    return _of_all_coalitions(game, len(order)) if len(order) <= FEW else _in_order(game, order)


def draw_orders(n_players: int, n_orders: int, rng: np.random.RandomState) -> list[np.ndarray]:
    """Return random orders, every second one the reverse of that before it."""
    orders: list[np.ndarray] = []
    for i in range(n_orders):
        orders.append(orders[-1][::-1] if i % 2 else rng.permutation(n_players))
    return orders


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
