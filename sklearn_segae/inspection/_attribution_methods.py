"""Integrated gradients, occlusion, and Shapley values of channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from math import comb, pi

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .._compat import require
from ._log_odds import LogOdds

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


AT_ONCE = 8  # windows that a network sees at once


def integrate(odds: LogOdds, x: Tensor, starts: Tensor, n_steps: int, side: int) -> Tensor:
    """Return integrated gradients (1, C, H, W), a mean over the ways from all starts (n, C, H, W).

    captum integrates over the position of every pixel on its way, 0 to 1. What the squares of this
    side hold is spread over their pixels; the explained one is in the middle of a square.
    """

    def on_the_way(positions: Tensor, start: Tensor) -> Tensor:
        return odds(arc(positions, start, x))

    gradients = require("captum.attr", "inspect").IntegratedGradients(on_the_way)
    total = torch.zeros_like(x)
    for some in starts.split(AT_ONCE):
        found = gradients.attribute(
            torch.ones_like(some),
            torch.zeros_like(some),
            additional_forward_args=(some,),
            n_steps=n_steps,
            internal_batch_size=AT_ONCE,
        )
        total += found.detach().sum(0, keepdim=True).to(x)
    middle = [(part.start + part.stop) // 2 for part in odds.question.tile]
    return _evenly(total / len(starts), side, middle)


def arc(positions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return pixels between start and end, at positions of 0 to 1 on a quarter of an ellipse.

    Half-way along a straight line, noise has half of its variance: no image looks like that, and a
    network that never saw such a thing attributes to noise. About the middle of both mean pixels,
    the mean moves straight from one to the other, and what differs from it keeps its variance as
    far as start and end are independent. Middles of local means gave the same shares.
    """
    middle = (_mean_pixel(start) + _mean_pixel(end)) / 2
    angle = positions * (pi / 2)
    return middle + angle.cos() * (start - middle) + angle.sin() * (end - middle)


def occlusion(odds: LogOdds, x: Tensor, starts: Tensor, side: int) -> Tensor:
    """Return what squares of x add to the starts (n, C, H, W), over their pixels: (1, C, H, W)."""
    occlusion = require("captum.attr", "inspect").Occlusion(odds)
    step = max(1, side // 2)
    with torch.no_grad():
        found = [
            occlusion.attribute(
                x,
                (1, side, side),
                strides=(1, step, step),
                baselines=start,
                perturbations_per_eval=AT_ONCE,
            )
            for start in starts.split(1)
        ]
    return torch.stack(found).mean(0) / side**2


def channel_values(
    odds: LogOdds, x: Tensor, starts: Tensor, rng: np.random.RandomState
) -> np.ndarray:
    """Return the Shapley values of the channels, (C,), a mean over the starts (n, C, H, W)."""

    def game(start: Tensor, coalitions: np.ndarray) -> np.ndarray:
        own = torch.from_numpy(coalitions).to(x.device)[..., None, None]
        return ask_all(odds, torch.where(own, x, start))

    orders = draw_orders(x.shape[1], len(starts), rng)
    pairs = zip(starts, orders, strict=True)
    return np.mean([shapley_values(partial(game, start), order) for start, order in pairs], 0)


def ask_all(odds: LogOdds, windows: Tensor) -> np.ndarray:
    """Return the log-odds of all windows, some at a time."""
    with torch.no_grad():
        return torch.cat([odds(some) for some in windows.split(AT_ONCE)]).cpu().double().numpy()


def _mean_pixel(windows: Tensor) -> Tensor:
    return windows.mean((-2, -1), keepdim=True)


def _evenly(maps: Tensor, side: int, middle: list[int]) -> Tensor:
    """Spread what squares of maps (1, C, H, W) hold over their pixels; one is about the middle."""
    height, width = maps.shape[-2:]
    top, left = (-(place - side // 2) % side for place in middle)
    beyond = (left, -(left + width) % side, top, -(top + height) % side)
    ones = torch.ones_like(maps)
    total, n_pixels = (functional.avg_pool2d(functional.pad(m, beyond), side) for m in (maps, ones))
    even = (total / n_pixels).repeat_interleave(side, 2).repeat_interleave(side, 3)
    return even[..., top : top + height, left : left + width]
