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
FEW = 5  # players; up to so many, all coalitions are evaluated, at most 32


def shapley_values(game: Game, order: np.ndarray) -> np.ndarray:
    """Return the Shapley values (n_players,) [1]_, which sum to the value of all players.

    They are exact for up to `FEW` players. For more, only one order of joining is evaluated. The
    mean over many random orders, best combined with their reverses [2]_, converges to the Shapley
    values; their sum is always exact.

    References
    ----------
    .. [1] L. Shapley, "A value for n-person games", Contributions to the theory of games 2, 1953,
       doi:10.1515/9781400881970-018.
    .. [2] R. Mitchell and others, "Sampling permutations for Shapley value estimation", Journal of
       Machine Learning Research 23, 2022, arXiv:2104.12199.
    """
    return _of_all_coalitions(game, len(order)) if len(order) <= FEW else _in_order(game, order)


def draw_orders(n_players: int, n_orders: int, rng: np.random.RandomState) -> list[np.ndarray]:
    """Return random orders; every second one is the reverse of the previous one."""
    orders: list[np.ndarray] = []
    for i in range(n_orders):
        orders.append(orders[-1][::-1] if i % 2 else rng.permutation(n_players))
    return orders


def _of_all_coalitions(game: Game, n: int) -> np.ndarray:
    coalitions = np.array(list(product((False, True), repeat=n)))
    values, sizes = game(coalitions), coalitions.sum(1)
    # All sizes of the previous coalition are equally likely, as are all coalitions of one size.
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


AT_ONCE = 8  # windows per batch


def integrate(odds: LogOdds, x: Tensor, starts: Tensor, n_steps: int, side: int) -> Tensor:
    """Return integrated gradients (1, C, H, W), averaged over all starts (n, C, H, W).

    captum integrates over the position of every pixel on its path, from 0 to 1. Attributions are
    averaged over squares of the given side; the explained pixel is at the center of a square.
    """

    def on_path(positions: Tensor, start: Tensor) -> Tensor:
        return odds(arc(positions, start, x))

    gradients = require("captum.attr", "inspect").IntegratedGradients(on_path)
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
    middle = [(part.start + part.stop) // 2 for part in odds.target.tile]
    return _average_squares(total / len(starts), side, middle)


def arc(positions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return pixels between start and end, at positions from 0 to 1 on a quarter of an ellipse.

    Half-way along a straight line, noise has half of its variance, unlike training images, and
    attributions become noisy. On this ellipse around the midpoint of both mean pixels, deviations
    keep their variance if start and end are independent. Ellipses around local means gave the same
    attributions.
    """
    middle = (_mean_pixel(start) + _mean_pixel(end)) / 2
    angle = positions * (pi / 2)
    return middle + angle.cos() * (start - middle) + angle.sin() * (end - middle)


def occlusion(odds: LogOdds, x: Tensor, starts: Tensor, side: int) -> Tensor:
    """Return the attributions (1, C, H, W) of squares of x, averaged over starts (n, C, H, W)."""
    captum_occlusion = require("captum.attr", "inspect").Occlusion(odds)
    step = max(1, side // 2)
    with torch.no_grad():
        found = [
            captum_occlusion.attribute(
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
    """Return the Shapley values (C,) of the channels, averaged over starts (n, C, H, W)."""

    def game(start: Tensor, coalitions: np.ndarray) -> np.ndarray:
        own = torch.from_numpy(coalitions).to(x.device)[..., None, None]
        return evaluate_all(odds, torch.where(own, x, start))

    orders = draw_orders(x.shape[1], len(starts), rng)
    pairs = zip(starts, orders, strict=True)
    return np.mean([shapley_values(partial(game, start), order) for start, order in pairs], 0)


def evaluate_all(odds: LogOdds, windows: Tensor) -> np.ndarray:
    """Return the log-odds of all windows, computed in batches."""
    with torch.no_grad():
        return torch.cat([odds(some) for some in windows.split(AT_ONCE)]).cpu().double().numpy()


def _mean_pixel(windows: Tensor) -> Tensor:
    return windows.mean((-2, -1), keepdim=True)


def _average_squares(maps: Tensor, side: int, middle: list[int]) -> Tensor:
    """Average maps (1, C, H, W) over squares, one of which is centered on `middle`."""
    height, width = maps.shape[-2:]
    top, left = (-(place - side // 2) % side for place in middle)
    beyond = (left, -(left + width) % side, top, -(top + height) % side)
    ones = torch.ones_like(maps)
    total, n_pixels = (functional.avg_pool2d(functional.pad(m, beyond), side) for m in (maps, ones))
    even = (total / n_pixels).repeat_interleave(side, 2).repeat_interleave(side, 3)
    return even[..., top : top + height, left : left + width]
