"""Tiles are as wide as memory allows."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.imaging._tiled_inference import (
    STEP,
    WIDEST,
    TileCost,
    tile_bytes,
    tile_side,
    to_bytes,
)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(5, 5), ("7B", 7), ("1GiB", 2**30), ("1.5 MiB", 3 * 2**19), ("2MB", 2_000_000)],
)
def test_amounts_of_memory(amount, expected):
    """Bytes, or a number and its unit."""
    assert to_bytes(amount) == expected


@pytest.mark.parametrize("amount", ["much", "1 gib", "GiB", "-1GiB", "1TiBx"])
def test_other_words_are_no_amounts(amount):
    """The error names the way out."""
    with pytest.raises(ValueError, match="Pass bytes, or a number with one of"):
        to_bytes(amount)


@pytest.mark.parametrize("halo", [0, 11, 98])
def test_the_widest_tile_that_fits(halo):
    """Its side needs no more than there is, and the next one more."""
    cost = TileCost(halo, 1400, 900)
    for max_memory in np.geomspace(tile_bytes(STEP, cost), 2**31, 20):
        side = tile_side(int(max_memory) + 1, cost)
        assert tile_bytes(side, cost) <= max_memory + 1
        assert side == WIDEST[2] or tile_bytes(side + STEP, cost) > max_memory


def test_too_little_memory():
    """The error says how much is enough, and that is enough."""
    cost = TileCost(50, 1400, 900)
    with pytest.raises(ValueError, match=r"Pass at least '(\d+)MiB'") as error:
        tile_side(2**20, cost)
    enough = str(error.value).split("'")[1]
    assert tile_side(to_bytes(enough), cost) == STEP


@pytest.mark.parametrize("model", [PixelEncoder(2, max_epochs=0), AESegmenter(2)], ids=str)
def test_estimators_read_amounts(model, shapes):
    """They refuse what is none, before they do anything."""
    model = model.set_params(max_memory="a lot")
    with pytest.raises(ValueError, match="is not an amount of memory"):
        model.fit(shapes[0])
