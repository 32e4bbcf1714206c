"""Images that are not in memory give what they would give in memory, tile by tile."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import zarr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.imaging._tiled_inference import OVERHEAD, tile_side

TINY = {"n_filters": 4, "batch_size": 1, "max_epochs": 0}
SEGMENTERS = {
    "colors": AESegmenter(3, encoder=PixelEncoder(4, features="intensity", **TINY)),
    "textures": AESegmenter(3, encoder=PixelEncoder(4, pooling=2, whitening=1.0, **TINY)),
    "kmeans": AESegmenter(3, encoder=PixelEncoder(4, pooling=1, **TINY), estimator=KMeans(3)),
    "patches": AESegmenter(3, encoder=PCA(4), patch_size=5),
    "classifier": AESegmenter(
        encoder=PixelEncoder(4, features="multiscale", **TINY), estimator=LogisticRegression(C=0.01)
    ),
    "pretrained": AESegmenter(
        encoder=PixelEncoder(features="multiscale+pretrained"), estimator=LogisticRegression(C=0.01)
    ),
    "by image": AESegmenter(
        2, scope="image", encoder=PixelEncoder(4, pooling=2, whitening=1.0, **TINY)
    ),
}


@pytest.fixture(params=SEGMENTERS)
def segmenter(request):
    return SEGMENTERS[request.param].set_params(random_state=0, n_fit_pixels=2000)


def on_disk(images, folder, kind):
    """The same images, to be read piece by piece."""
    if kind == "memmap":
        np.save(folder / "images.npy", images)
        return np.load(folder / "images.npy", mmap_mode="r")
    chunks = (1, 40, 40, images.shape[3])
    stack = zarr.create_array(folder / "z", shape=images.shape, chunks=chunks, dtype=images.dtype)
    stack[:] = images
    return stack


@pytest.mark.parametrize("kind", ["memmap", "zarr"])
def test_stored_equals_in_memory(segmenter, mosaic, tmp_path, kind):
    """Fitted and predicted from the disk, and written to it: label for label as in memory."""
    images, truth = mosaic
    stored = on_disk(images, tmp_path, kind)
    expected = segmenter.fit(images, truth).predict(images)

    segmenter.fit(stored, truth)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, images.shape[:3])
    answer = segmenter.predict(stored, out=out)

    assert answer is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(segmenter.predict([stored[0], stored[1]])[1], expected[1])
    if hasattr(segmenter, "labels_"):
        np.testing.assert_array_equal(segmenter.labels_, expected)


def test_tiles_do_not_show_in_label_maps(segmenter, mosaic):
    """For every amount of memory the labels are the same, seams included."""
    images, truth = mosaic
    whole = segmenter.fit(images, truth).predict(images)
    cost = segmenter.labeler_.cost(images[0])

    sides = set()
    for megabytes in range(OVERHEAD // 2**20 + 1, 200, 2):
        try:
            side = tile_side(megabytes * 2**20, cost)
        except ValueError:
            continue
        if side not in sides and side < 96:
            sides.add(side)
            segmenter.set_params(max_memory=f"{megabytes}MiB")
            np.testing.assert_array_equal(segmenter.predict(images), whole)
    segmenter.set_params(max_memory="1GiB")
    assert sides, "no amount of memory led to more than one tile"


def test_codes_are_written_where_they_should_be(mosaic):
    """`transform(out=)` of both estimators fills it with what it would return."""
    images, _ = mosaic
    encoder = PixelEncoder(4, features="intensity", random_state=0, **TINY).fit(images)
    segmenter = AESegmenter(2, encoder=encoder, random_state=0).fit(images)
    for model in (encoder, segmenter):
        expected = model.transform(images)
        out = [np.empty(expected.shape[1:], np.float32) for _ in images]
        assert model.transform(list(images), out=out) is out
        np.testing.assert_array_equal(np.stack(out), expected)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((2, 64, 64), int), "type ndarray and length 2, but X is a stack of length 3"),
        ([np.empty((64, 64), int)] * 3, "Pass a list for a list"),
        (np.empty((3, 64, 60), int), r"out\[0\] has shape \(64, 60\)"),
        (np.empty((3, 64, 64)), r"a dtype that holds the labels \[0, 1, 2\]"),
    ],
)
def test_out_must_fit(fitted, shapes, out, message):
    """Container, shape and type are those of the answer."""
    with pytest.raises(ValueError, match=message):
        fitted.predict(shapes[0], out=out)


def test_out_must_have_room_for_the_labels(shapes):
    """Labels that do not fit into its type are refused, not wrapped around."""
    images, truth = shapes
    model = AESegmenter(encoder="passthrough", estimator=LogisticRegression(), random_state=0).fit(
        images, truth + 200
    )
    model.predict(images, out=np.empty(truth.shape, np.uint8))
    with pytest.raises(
        ValueError, match=r"dtype int8, but .* a dtype that holds the labels \[200, 201, 202\]"
    ):
        model.predict(images, out=np.empty(truth.shape, np.int8))


def test_out_and_clean_label_maps_exclude_each_other(fitted, shapes):
    """Small regions are found in a whole map, which is what `out` avoids; rows have no tiles."""
    fitted.set_params(min_size=5)
    try:
        with pytest.raises(ValueError, match="Pass min_size=0"):
            fitted.predict(shapes[0], out=np.empty(shapes[1].shape, np.int32))
    finally:
        fitted.set_params(min_size=0)
    rows = AESegmenter(2, encoder="passthrough", random_state=0).fit(np.eye(10))
    with pytest.raises(ValueError, match="out is for images, but X holds rows"):
        rows.predict(np.eye(10), out=np.empty(10, int))


class Counted:
    """A huge image that is made where it is sliced, and counts what is read of it."""

    shape, dtype, ndim = (20_000, 20_000, 3), np.dtype(np.uint8), 3
    read = 0

    def __getitem__(self, key):
        rows, columns = (np.arange(*k.indices(n)) for k, n in zip(key, self.shape, strict=False))
        self.read += len(rows) * len(columns)
        noise = (rows[:, None] * 7919 + columns * 104729) % 23
        wave = 80 * (np.sin(rows[:, None] / 40) + np.sin(columns / 60) > 0) + noise
        return np.stack([wave, wave // 2, 255 - wave], 2).astype(np.uint8)


def test_fit_samples_a_huge_image():
    """A fit reads a small part of 400 megapixels, leaves no label map, and holds nothing of it."""
    image = Counted()
    segmenter = AESegmenter(
        2, encoder=PixelEncoder(4, features="intensity", **TINY), random_state=0
    )

    segmenter.fit([image])

    assert image.read < 0.15 * 20_000**2
    assert not hasattr(segmenter, "labels_")
    corner = image[:200, :200]
    assert len(np.unique(segmenter.predict(corner[None]))) == 2


MEASURE = """
    import sys
    import numpy as np, torch
    from pathlib import Path
    from sklearn.linear_model import LogisticRegression
    from sklearn_segae import AESegmenter, PixelEncoder

    torch.set_num_threads(1)
    folder, features, max_memory = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

    def status(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (1, 40, 40, 3)).astype(np.uint8)
    truth = rng.integers(0, 2, (1, 40, 40))
    model = AESegmenter(
        encoder=PixelEncoder(
            16, features=features, max_epochs=0, pooling="auto" if features == "pretrained" else 4.0
        ),
        estimator=LogisticRegression(), random_state=0,
    ).fit(images, truth)
    big = np.load(folder / "big.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(folder / "out.npy", "w+", np.uint8, big.shape[:3])
    model.set_params(max_memory=max_memory)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    model.predict(big, out=out)
    print((status("VmHWM") - before) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
@pytest.mark.parametrize("features", ["intensity", "texture", "multiscale", "pretrained"])
@pytest.mark.parametrize("max_memory", [150, 400])
def test_memory_is_bounded(tmp_path, features, max_memory):
    """The resident memory of a process grows by no more than it may, for an image of any size."""
    shape = (1, 3000, 2000, 3) if features == "intensity" else (1, 800, 800, 3)
    big = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.uint8, shape)
    big[:] = np.random.default_rng(0).integers(0, 255, shape)
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), str(tmp_path), features]

    grown = subprocess.check_output([*command, f"{max_memory}MiB"], text=True)

    assert float(grown) < max_memory
