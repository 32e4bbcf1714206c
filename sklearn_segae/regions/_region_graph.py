"""The graph of neighboring regions, and hierarchical merging of them."""

from __future__ import annotations

import heapq

import numpy as np

from ._watershed import neighbors

AREA_EXPONENT = 0.07  # small regions merge slightly earlier; .05 to .15 score the same


class RegionGraph:
    """The graph of neighboring regions.

    Parameters
    ----------
    regions : ndarray of shape (H, W)
        Numbers 0 to n - 1 of connected regions.

    Attributes
    ----------
    first, second : ndarray of shape (n_edges,)
        The regions on both sides of every boundary, first < second.
    length : ndarray of shape (n_edges,)
        Length of every boundary, in pairs of pixels.
    area : ndarray of shape (n_regions,)
        Area of every region, in pixels.
    """

    def __init__(self, regions: np.ndarray) -> None:
        self.regions = regions
        self.area = np.bincount(regions.ravel())
        p, q = neighbors(regions.shape)
        sides = np.sort(regions.ravel()[np.stack([p, q])], axis=0)
        apart = sides[0] != sides[1]
        self._p, self._q = p[apart], q[apart]
        keys, self._border = np.unique(sides.T[apart] @ [len(self.area), 1], return_inverse=True)
        self.first, self.second = np.divmod(keys, len(self.area))
        self.length = np.bincount(self._border)

    def gradient(self, tensor: np.ndarray) -> np.ndarray:
        """Return the mean gradient across every boundary, given a structure tensor (3, H, W)."""
        flat = tensor.reshape(3, -1)
        yy, xx, xy = (flat[:, self._p] + flat[:, self._q]) / 2
        y, x = self._normals()
        return self._mean(np.sqrt(np.maximum(yy * y**2 + xx * x**2 + 2 * xy * x * y, 0)))

    def _normals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the direction (y, x) across the boundary for each pair of pixels."""
        width = self.regions.shape[1]
        (y, x), (y2, x2) = np.divmod(self._p, width), np.divmod(self._q, width)
        below = y2 - y  # 1 or 0
        y, x = (y + y2) / 2, (x + x2) / 2
        my, mx = self._mean(y), self._mean(x)
        # Second moments of the line between the pixels, which has length 1 for every pair.
        covariance = self._mean(x * y) - mx * my
        spread = self._mean(x**2 - y**2) - mx**2 + my**2 + self._mean(2 * below - 1) / 12
        angle = np.arctan2(2 * covariance, spread) / 2  # of the boundary
        return np.cos(angle)[self._border], -np.sin(angle)[self._border]

    def _mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the pairs of pixels of every boundary."""
        return np.bincount(self._border, values, len(self.length)) / self.length


def merge(graph: RegionGraph, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge the pair of least cost repeatedly; return merges (n - 1, 2) and heights (n - 1,)."""
    growing = _Growing(graph, strength)
    costs = [(growing.cost(i, j), i, j) for i, j in _pairs(graph)]
    heapq.heapify(costs)
    merges: list[tuple[int, int]] = []
    heights: list[float] = []
    while costs:
        cost, i, j = heapq.heappop(costs)
        if not growing.has(i, j):  # one of them has already been merged
            continue
        new = len(graph.area) + len(merges)
        for neighbor in growing.join(i, j, new):
            heapq.heappush(costs, (growing.cost(neighbor, new), neighbor, new))
        merges.append((i, j))
        heights.append(cost)
    return np.array(merges), np.maximum.accumulate(heights)


class _Growing:
    """Areas of the current regions, length and total strength of their boundaries."""

    def __init__(self, graph: RegionGraph, strength: np.ndarray) -> None:
        self.areas = dict(enumerate(graph.area.tolist()))
        self.shared: dict[int, dict[int, tuple[float, float]]] = {i: {} for i in self.areas}
        totals = (graph.length * strength).tolist()
        for (i, j), *border in zip(_pairs(graph), graph.length.tolist(), totals, strict=True):
            self.shared[i][j] = self.shared[j][i] = (border[0], border[1])

    def has(self, i: int, j: int) -> bool:
        return i in self.areas and j in self.areas

    def cost(self, i: int, j: int) -> float:
        length, total = self.shared[i][j]
        return total / length * min(self.areas[i], self.areas[j]) ** AREA_EXPONENT

    def join(self, i: int, j: int, new: int) -> list[int]:
        """Merge two regions, and return the neighbors of the new one."""
        self.areas[new] = self.areas.pop(i) + self.areas.pop(j)
        joint, other = self.shared.pop(i), self.shared.pop(j)
        del joint[j], other[i]
        for k, (length, total) in other.items():
            known = joint.get(k, (0.0, 0.0))
            joint[k] = known[0] + length, known[1] + total
        for k, border in joint.items():
            self.shared[k].pop(i, None)
            self.shared[k].pop(j, None)
            self.shared[k][new] = border
        self.shared[new] = joint
        return list(joint)


def _pairs(graph: RegionGraph) -> list[tuple[int, int]]:
    return list(zip(graph.first.tolist(), graph.second.tolist(), strict=True))
