"""Real images with strokes and ground truth."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

TISSUE = """\
A section of the colon whose glands are stained brown (expression of the protein FHL2, shown by
DAB) and whose nuclei are stained blue (hematoxylin). Center for Microscopy and Molecular Imaging;
no known copyright restrictions; `skimage.data.immunohistochemistry`.

Lumina include empty vessels, and stroma the nuclei in it. Outlines and strokes were drawn by hand;
1 % of the pixels, which are ambiguous, have no label."""
COINS = """\
Greek coins from Pompeii on an unevenly lit background. Brooklyn Museum Collection; no known
copyright restrictions; `skimage.data.coins`.

The outline of every coin is an ellipse that was fitted by hand."""
TEXTURES = """\
Two mosaics of photographs of brick, grass and gravel. CC0 Textures (CC0); `skimage.data.brick`,
`grass` and `gravel`.

The gray values of the textures overlap, and the borders are exact, since the mosaics were made
from parts of larger photographs."""


def load_tissue() -> Bunch:
    """Load a stained tissue section of 512 x 512 pixels with three classes.

    Glands contain blue nuclei, as the stroma around them does, so that colors of single pixels do
    not separate them.

    Returns
    -------
    tissue : Bunch
        With the attributes

        images : ndarray of shape (1, 512, 512, 3), uint8
            The image in RGB.
        target : ndarray of shape (1, 512, 512), int32
            The class of every pixel, -1 for ambiguous pixels.
        strokes : ndarray of shape (1, 512, 512), int32
            Classes of the pixels of two strokes per class, 1.5 % of the image; -1 elsewhere.
        target_names : list of str
            Names of the classes: "lumen", "stroma", "gland".
        DESCR : str
            Source, license and how the labels were made.

    Examples
    --------
    >>> from sklearn_segae.datasets import load_tissue
    >>> tissue = load_tissue()
    >>> tissue.images.shape, tissue.target_names
    ((1, 512, 512, 3), ['lumen', 'stroma', 'gland'])
    """
    return _load("tissue", ["lumen", "stroma", "gland"], TISSUE)


def load_coins() -> Bunch:
    """Load a gray photograph of 24 coins, 303 x 384 pixels, on an unevenly lit background.

    Returns
    -------
    coins : Bunch
        As of :func:`load_tissue`: `images` (1, 303, 384), `target`, `strokes` (three on coins, four
        on the background), `target_names` ("background", "coin") and `DESCR`.

    Examples
    --------
    >>> from sklearn_segae.datasets import load_coins
    >>> coins = load_coins()
    >>> coins.images.shape, coins.target_names
    ((1, 303, 384), ['background', 'coin'])
    """
    return _load("coins", ["background", "coin"], COINS)


def load_textures() -> Bunch:
    """Load two gray mosaics of three real textures, 256 x 256 pixels each.

    Returns
    -------
    textures : Bunch
        As of :func:`load_tissue`: `images` (2, 256, 256), `target`, `strokes` (one per texture and
        mosaic), `target_names` ("brick", "grass", "gravel") and `DESCR`.

    Examples
    --------
    >>> from sklearn_segae.datasets import load_textures
    >>> textures = load_textures()
    >>> textures.images.shape, textures.target_names
    ((2, 256, 256), ['brick', 'grass', 'gravel'])
    """
    return _load("textures", ["brick", "grass", "gravel"], TEXTURES)


def _load(name: str, target_names: list[str], description: str) -> Bunch:
    path = files("sklearn_segae.datasets") / "samples" / f"{name}.npz"
    with path.open("rb") as file, np.load(file) as arrays:
        return Bunch(
            images=arrays["images"],
            target=arrays["target"].astype(np.int32),
            strokes=arrays["strokes"].astype(np.int32),
            target_names=target_names,
            DESCR=description,
        )
