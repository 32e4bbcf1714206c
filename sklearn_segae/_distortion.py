"""Random affine distortions of images: turned, resized, slanted and shifted."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# At a strength of 1: angle (radians), log width, log height, slant, shifts (halves of a side).
LARGEST = (0.6, 0.4, 0.4, 0.75, 0.25, 0.25)


def distort(images: Tensor, strength: float) -> Tensor:
    """Distort every image of (N, C, H, W) in its own way, drawn up to `strength`.

    What comes in from outside the image is its border, continued.
    """
    maps = draw_maps(images, strength)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def draw_maps(images: Tensor, strength: float) -> Tensor:
    """Draw maps (N, 2, 3) from places in a distorted image to places in the image it shows.

    Places are (right, down, 1), from -1 to 1 along each side, as torch has them.
    """

    def draw(largest: float) -> Tensor:
        return strength * largest * (2 * torch.rand(len(images), device=images.device) - 1)

    angle, width, height, slant, right, down = map(draw, LARGEST)
    cos, sin, width, height = angle.cos(), angle.sin(), width.exp(), height.exp()
    # Turned, after slanted, after resized; in halves of sides, which may differ.
    oblong = images.shape[2] / images.shape[3]
    to_right = [cos * width, (slant * cos - sin) * height * oblong, right]
    to_down = [sin * width / oblong, (slant * sin + cos) * height, down]
    return torch.stack([torch.stack(to_right, 1), torch.stack(to_down, 1)], 1)
