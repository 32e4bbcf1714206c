"""Reconstruction errors of a trained pixel encoder."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..encoding._feature_sampling import TileReader
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import patches_of
from ..imaging._image_batch import check_batch
from ..imaging._no_data import missing_at
from ..imaging._tiles import image_tiles
from ..networks._pixel_autoencoder import PixelAutoencoder, crop
from ..training._losses import LOSSES

# Sides of the tiles of images and volumes in pixels; a patch for every pixel is held in memory.
ERROR_TILE_SIDES = {2: 128, 3: 24}


def reconstruction_error(encoder: Any, images: Any) -> Any:
    """Return the reconstruction error of the patch around every pixel.

    The error is large for structures that are rare in the training images, such as other colors,
    materials or damage. It is also large for more detail than the network can represent: compare
    with the errors of ordinary images. If those are near 1, as for fine textures, only unusual
    colors can be detected.

    Parameters
    ----------
    encoder : PixelEncoder or AESegmenter
        An estimator trained for at least one epoch. For a segmenter, its `encoder_` is used.
    images : as in `fit` of the encoder
        Images of any size.

    Returns
    -------
    error : array (n, H, W), list of arrays (H, W), or array (n_samples,) for rows
        The `loss` of the encoder, float32, averaged over the channels and the patch around a pixel
        (9 x 9 pixels, fewer if there are many channels). Channels are in units of their standard
        deviations, so that reconstruction by their means has a squared error of 1.

    Raises
    ------
    ValueError
        If the network was not trained.

    Examples
    --------
    >>> from sklearn_segae import PixelEncoder
    >>> from sklearn_segae.datasets import make_mosaic
    >>> from sklearn_segae.inspection import reconstruction_error
    >>> images, _ = make_mosaic(size=64, random_state=0)
    >>> encoder = PixelEncoder(4, features="texture", max_epochs=1, random_state=0).fit(images)
    >>> reconstruction_error(encoder, images).shape
    (1, 64, 64)
    """
    check_is_fitted(encoder)
    fitted: Any = getattr(encoder, "encoder_", encoder)
    if not isinstance(fitted, PixelEncoder):
        raise ValueError(
            f"reconstruction_error needs the network of a PixelEncoder, but encoder={fitted!r}."
        )
    if fitted is encoder:
        batch = check_batch(fitted, images, reset=False, n_axes=fitted.n_axes)
    else:
        batch = encoder.batch(images)
    if not fitted.n_iter_:
        raise ValueError(
            "reconstruction_error needs a trained decoder, but max_epochs=0 did not train it. Fit "
            "with encoder=PixelEncoder(), or with max_epochs=1 or more."
        )
    return batch.restore([_error_map(fitted, image) for image in batch.images])


def _error_map(encoder: PixelEncoder, image: np.ndarray) -> np.ndarray:
    errors = np.empty(image.shape[:-1], np.float32)
    measure = partial(_errors, loss=encoder.loss)
    reader = TileReader(encoder.net_.module_, encoder.scale_)
    for tile in image_tiles(image, ERROR_TILE_SIDES[encoder.n_axes]):
        errors[tile] = reader.read(measure, image, tile)[..., 0]
        missing = missing_at(image, tile)
        if missing is not None:
            errors[tile][missing] = np.nan
    return errors


def _errors(
    module: PixelAutoencoder, x: Tensor, present: Tensor | None = None, *, loss: str
) -> Tensor:
    """(N, C, h + 2 * margin, w + 2 * margin) -> (N, 1, h, w); means over pixels with data."""
    size = module.patch_size
    reconstructed = module(x)
    patches = patches_of(crop(x, module.margin - size // 2), size, 1)
    each = LOSSES[loss](reconstructed, patches, reduction="none")
    if present is None:
        return each.mean(1, keepdim=True)
    known = patches_of(crop(present, module.margin - size // 2), size, 1)
    known = known.repeat(1, x.shape[1], *[1] * (x.ndim - 2))
    return (each * known).sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp_min(1)
