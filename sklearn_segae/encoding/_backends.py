"""What runs the network of a fitted encoder: onnxruntime, or torch in 16 bits."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks._onnx import graph_of, session_of
from ..networks._pixel_autoencoder import PixelAutoencoder

MAX_SESSIONS = 16  # one for every set of axes that is asked for; few are at a time


class NetworkBackend(nn.Module):
    """In the place of a network where codes are read: has its features, projected, no others.

    Parameters
    ----------
    inner : PixelAutoencoder
        Not changed, and left where it is.
    """

    def __init__(self, inner: PixelAutoencoder) -> None:
        super().__init__()
        self.inner = inner
        self.margin = inner.margin

    @property
    def network(self) -> Self:
        """What reads the views: itself."""
        return self

    def views(self, x: Tensor) -> list[Tensor]:
        """Return what is to be read of images: themselves."""
        return [x]

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Do as `PixelAutoencoder.project` does, in float32."""
        raise NotImplementedError


class BFloat16Network(NetworkBackend):
    """Computes in bfloat16 (autocast); weights and what comes out are in float32."""

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Do as `PixelAutoencoder.project` does, to two or three digits."""
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.inner.project(x, axes, stride).float()


class OnnxNetwork(NetworkBackend):
    """Computes by onnxruntime, on the CPU; graphs are made when they are first needed, and kept."""

    def __init__(self, inner: PixelAutoencoder) -> None:
        super().__init__(inner)
        self.sessions: dict[Any, Any] = {}

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Do as `PixelAutoencoder.project` does, to 1e-5."""
        axes = axes.cpu()
        key = (axes.numpy().tobytes(), stride, torch.get_num_threads())
        if key not in self.sessions:
            while len(self.sessions) >= MAX_SESSIONS:
                del self.sessions[next(iter(self.sessions))]
            self.sessions[key] = self._session(axes, stride)
        images = x.cpu().contiguous().numpy()
        return torch.from_numpy(self.sessions[key].run(None, {"x": images})[0]).to(x.device)

    def _session(self, axes: Tensor, stride: int) -> Any:
        side = 2 * self.margin + 8 * stride
        example = torch.zeros(1, self.inner.sizes[0], side, side)
        module = Projected(self.inner, axes, stride)
        return session_of(graph_of(module, example, ("x", "codes"), (0, 2, 3)))


BACKENDS: dict[str, type[NetworkBackend]] = {"bfloat16": BFloat16Network, "onnx": OnnxNetwork}


class Projected(nn.Module):
    """`PixelAutoencoder.project` with fixed axes, as it traces: convolutions and slices alone."""

    def __init__(self, network: PixelAutoencoder, axes: Tensor, stride: int) -> None:
        super().__init__()
        self.network: Any = copy.deepcopy(network).cpu().eval().requires_grad_(False)
        self.axes, self.stride = axes.float().clone(), stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, n, h, w)."""
        return traced_projection(self.network, x, self.axes, self.stride)


def traced_projection(network: PixelAutoencoder, x: Tensor, axes: Tensor, stride: int) -> Tensor:
    """Do as `PixelAutoencoder.project` does, as it traces for images of any size."""
    height, width = ((size - 2 * network.margin + stride - 1) // stride for size in x.shape[-2:])
    projected = []
    for i, maps, weights in network.looked_at(x, axes, stride):
        first, step = network.place(i, stride)
        inner = maps[..., first::step, first::step][..., :height, :width]
        projected.append(functional.conv2d(inner, weights.T[:, :, None, None]))
    return reduce(torch.add, projected)
