"""Backends that run the network of a fitted encoder: onnxruntime, or torch in bfloat16."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks._onnx import graph_of, session_of
from ..networks._pixel_autoencoder import PixelAutoencoder, spatial

MAX_SESSIONS = 16  # per network, one for each set of axes


class NetworkBackend(nn.Module):
    """Base class of backends: projects the features of a `PixelAutoencoder`, which is unchanged."""

    def __init__(self, inner: PixelAutoencoder) -> None:
        super().__init__()
        self.inner = inner
        self.margin, self.voxel = inner.margin, inner.voxel

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return the result of `PixelAutoencoder.project`, in float32."""
        raise NotImplementedError


class BFloat16Network(NetworkBackend):
    """Backend that computes in bfloat16 (autocast); weights and output are float32."""

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return the result of `PixelAutoencoder.project`, to two or three digits."""
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.inner.project(x, axes, stride).float()


# Kept outside the networks, so that copies, pickles and files exclude the sessions.
SESSIONS: WeakKeyDictionary[nn.Module, dict[Any, Any]] = WeakKeyDictionary()


class OnnxNetwork(NetworkBackend):
    """Backend of onnxruntime on the CPU; graphs are created on first use and cached."""

    @property
    def sessions(self) -> dict[Any, Any]:
        """Sessions of the network, oldest first."""
        return SESSIONS.setdefault(self.inner, {})

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return the result of `PixelAutoencoder.project`, to 1e-5."""
        axes, sessions = axes.cpu(), self.sessions
        # Training changes the weights in place; torch increments their version.
        weights = tuple(t._version for t in self.inner.state_dict(keep_vars=True).values())
        key = (axes.numpy().tobytes(), stride, weights, torch.get_num_threads())
        if key not in sessions:
            while len(sessions) >= MAX_SESSIONS:
                del sessions[next(iter(sessions))]
            sessions[key] = self._session(axes, stride)
        images = x.cpu().contiguous().numpy()
        return torch.from_numpy(sessions[key].run(None, {"x": images})[0]).to(x.device)

    def _session(self, axes: Tensor, stride: int) -> Any:
        side = 2 * np.max(self.margin) + 8 * stride
        example = torch.zeros(1, self.inner.sizes[0], *[int(side)] * self.inner.n_axes)
        module = Projected(self.inner, axes, stride)
        return session_of(graph_of(module, example, ("x", "codes"), (0, *range(2, example.ndim))))


BACKENDS: dict[str, type[NetworkBackend]] = {"bfloat16": BFloat16Network, "onnx": OnnxNetwork}


class TracedNetwork(NetworkBackend):
    """Network of convolutions and slices only, traceable for images of any size."""

    def __init__(self, inner: PixelAutoencoder) -> None:
        super().__init__(copy.deepcopy(inner).cpu().eval().requires_grad_(False))

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return the result of `PixelAutoencoder.project`."""
        pairs = zip(x.shape[2:], self.inner.margins.sum(0).tolist(), strict=True)
        counts = [(size - 2 * margin + stride - 1) // stride for size, margin in pairs]
        convolve = functional.conv3d if self.voxel else functional.conv2d
        projected = []
        for i, maps, weights in self.inner.needed_maps(x, axes, stride):
            places = self.inner.place(i, stride)
            inner = maps[spatial(slice(first, None, step) for first, step in places)]
            inner = inner[spatial(map(slice, counts))]
            projected.append(convolve(inner, weights.T[(..., *[None] * len(counts))]))
        return reduce(torch.add, projected)


class Projected(nn.Module):
    """`TracedNetwork.project` with fixed axes."""

    def __init__(self, network: PixelAutoencoder, axes: Tensor, stride: int) -> None:
        super().__init__()
        self.network = TracedNetwork(network)
        self.axes, self.stride = axes.float().clone(), stride

    def forward(self, x: Tensor) -> Tensor:
        """Project x (N, C, H, W) to (N, n, h, w)."""
        return self.network.project(x, self.axes, self.stride)
