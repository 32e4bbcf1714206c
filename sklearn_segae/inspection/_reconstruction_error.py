"""Where a trained network fails to reconstruct: what it has not learnt."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn import functional

from ..encoding._feature_sampling import evaluate_tile
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._image_batch import check_batch
from ..imaging._tiles import image_tiles
from ..networks._pixel_autoencoder import PixelAutoencoder, crop
from ..training._losses import LOSSES

SIDE = 128  # of the tiles, in pixels: every pixel has a patch of its own in memory


def reconstruction_error(encoder: Any, images: Any) -> Any:
    """Return how badly the patch around every pixel is reconstructed, by the trained network.

    Large where the network did not learn what is there: other colors, materials, damage. Large,
    too, where there is more detail than it can tell, seen before or not: compare with the errors
    of ordinary images, and if these are near 1 already, as with fine textures, trust it with
    colors alone.

    Parameters
    ----------
    encoder : PixelEncoder or AESegmenter
        A fitted one, trained for at least one epoch; of a segmenter its `encoder_`.
    images : as in `fit` of the encoder; images may have any size

    Returns
    -------
    error : array (n, H, W), list of arrays (H, W), or array (n_samples,) for rows
        The encoder's `loss`, mean over the channels and the patch about a pixel (9 x 9 pixels,
        fewer if there are many channels), of channels in units of their standard deviations: a
        squared error of 1 is what the mean of the image set would cost. float32.

    Raises
    ------
    ValueError
        If the network was never trained.

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
    batch = check_batch(fitted, images, reset=False) if fitted is encoder else encoder.batch(images)
    if not fitted.n_iter_:
        raise ValueError(
            "reconstruction_error needs a trained decoder, but max_epochs=0 left it as it was "
            "drawn. Fit with max_epochs=1 or more."
        )
    return batch.restore([_error_map(fitted, image) for image in batch.images])


def _error_map(encoder: PixelEncoder, image: np.ndarray) -> np.ndarray:
    errors = np.empty(image.shape[:2], np.float32)
    measure = partial(_errors, loss=encoder.loss)
    for tile in image_tiles(image, SIDE):
        found = evaluate_tile(encoder.net_.module_, measure, image, encoder.scale_, tile)
        errors[tile] = found[..., 0]
    return errors


def _errors(module: PixelAutoencoder, x: Tensor, loss: str) -> Tensor:
    """(N, C, h + 2 * margin, w + 2 * margin) -> (N, 1, h, w)."""
    size = module.patch_size
    reconstructed = module(x)
    patches = functional.unfold(crop(x, module.margin - size // 2), size)
    each = LOSSES[loss](reconstructed, patches.view_as(reconstructed), reduction="none")
    return each.mean(1, keepdim=True)
