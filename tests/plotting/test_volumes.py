"""Volumes in displays: orthogonal views, and slices with a slider."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.imaging._rendering import as_gray, colors
from sklearn_segae.inspection import latent_traversal
from sklearn_segae.plotting import (
    AttributionDisplay,
    FeatureMapDisplay,
    LatentTraversalDisplay,
    PrototypeDisplay,
    ReconstructionDisplay,
    RegionTreeDisplay,
    SegmentationDisplay,
    SliceViewer,
    UncertaintyDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the backend is chosen)

SIDES = (8, 20, 24)
LONG = (3.0, 1.0, 1.0)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """Whatever a test draws is closed."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def octants():
    """A volume of bright rear, lower, right corners: (volume, labels)."""
    labels = np.zeros(SIDES, int)
    labels[4:, 10:, 12:] = 1
    noise = np.random.default_rng(0).normal(0, 0.1, SIDES)
    return (labels + noise).astype(np.float32), labels


@pytest.fixture(scope="module")
def segmenter(octants):
    encoder = PixelEncoder(2, features="intensity", pooling=1, n_filters=4, max_epochs=0)
    return AESegmenter(2, encoder=encoder, spacing=LONG, random_state=0).fit([octants[0]])


def picture(display, panel=0):
    return np.asarray(display.axes_.ravel()[panel].images[0].get_array())


class TestOrthogonalViews:
    def test_three_slices_through_a_voxel(self, octants):
        """At the right and below, the depth is three times as long as it has slices."""
        _, labels = octants
        display = SegmentationDisplay.from_predictions(
            labels * 0.0, labels, spacing=LONG, point=(5, 12, 3), alpha=1
        )
        views = picture(display)
        assert views.shape == (20 + 3 + 24, 24 + 3 + 24, 3)
        bright = (views == colors(2)[1]).all(2)
        assert bright[10:20, 12:24].mean() > 0.8  # (y, x) at z = 5, but for the borders
        assert not bright[:, 27:][:20].any()  # (y, z) at x = 3: none
        assert bright[23 + 12 :, 12:24].mean() > 0.8  # (z, x) at y = 12
        assert not bright[23 : 23 + 12].any()
        assert (views[20:23] == 255).all()
        assert (views[20:, 24:] == 255).all()

    @pytest.mark.parametrize("kind", [list, np.stack])
    def test_of_an_estimator(self, segmenter, octants, kind):
        """One volume, a stack or a list; the center, or a given voxel."""
        volume, _ = octants
        assert SegmentationDisplay.from_estimator(segmenter, volume).axes_.shape == (1, 1)
        display = SegmentationDisplay.from_estimator(segmenter, kind([volume, volume]))
        assert display.axes_.shape == (1, 2)
        center = picture(SegmentationDisplay.from_estimator(segmenter, volume, point=(4, 10, 12)))
        np.testing.assert_array_equal(picture(display), center)
        corner = SegmentationDisplay.from_estimator(segmenter, volume[..., None], point=(0, 0, 0))
        assert (picture(corner) != center).any()

    def test_other_displays(self, segmenter, octants):
        """Of uncertainty, codes, prototypes; each is rendered."""
        volume, _ = octants
        sides = 20 + 3 + 24, 24 + 3 + 24
        for display in (
            UncertaintyDisplay.from_estimator(segmenter, volume, point=(2, 3, 4)),
            FeatureMapDisplay.from_estimator(segmenter, volume),
            FeatureMapDisplay.from_estimator(segmenter.encoder_, volume, point=(2, 3, 4)),
        ):
            display.figure_.canvas.draw()
            views = picture(display, -1)
            assert views.shape[:2] == sides
            assert np.ma.getmaskarray(display.axes_.ravel()[-1].images[0].get_array())[22].all()
        display = PrototypeDisplay.from_estimator(segmenter, [volume], size=3)
        assert picture(display).shape == (3 + 3 + 9, 3 + 3 + 9, 3)

    def test_voxels_without_data_are_white(self, octants):
        volume, labels = octants
        gappy = np.ma.masked_array(volume, mask=np.zeros(SIDES, bool))
        gappy[:, :4] = np.ma.masked
        display = SegmentationDisplay.from_predictions(gappy, labels, spacing=LONG, alpha=0)
        assert (picture(display)[:4, :24] == 255).all()

    @pytest.mark.parametrize("point", [(8, 0, 0), (0, 0), (0.5, 1, 1), (-1, 0, 0)])
    def test_points_outside(self, octants, point):
        volume, labels = octants
        with pytest.raises(ValueError, match="not a voxel of a volume of 8 x 20 x 24 voxels"):
            SegmentationDisplay.from_predictions(volume, labels, spacing=LONG, point=point)

    def test_images_have_no_point(self, octants):
        with pytest.raises(ValueError, match="but images are drawn"):
            SegmentationDisplay.from_predictions(octants[0][0], octants[1][0], point=(1, 2, 3))


class TestRefusals:
    """Displays of images say what to do with volumes."""

    def test_label_maps_without_spacing(self, octants):
        volume, labels = octants
        with pytest.raises(ValueError, match=r"spacing=\(1, 1, 1\)\) for volumes"):
            SegmentationDisplay.from_predictions([volume], [labels])
        SegmentationDisplay.from_predictions(volume, labels, spacing=(1, 1, 1))

    def test_reconstructions(self, segmenter, octants):
        encoder, X = segmenter.encoder_, octants[0][None]
        with pytest.raises(ValueError, match="Pass slices of volumes"):
            ReconstructionDisplay.from_estimator(encoder, X)
        back = encoder.inverse_transform(encoder.transform(X))
        ReconstructionDisplay.from_predictions(X[:, 3], back[:, 3, ..., 0])

    def test_traversals(self, segmenter, octants):
        with pytest.raises(ValueError, match=r"replace `decoded` by decoded\[:, z\]"):
            LatentTraversalDisplay.from_estimator(segmenter.encoder_, octants[0], 0)
        found = latent_traversal(segmenter.encoder_, octants[0], 0)
        found.decoded = found.decoded[:, 3]
        LatentTraversalDisplay(found).plot()

    def test_what_is_of_images_only(self, segmenter, octants):
        with pytest.raises(ValueError, match="component_importance"):
            AttributionDisplay.from_estimator(segmenter, octants[0], (1, 2, 3))
        with pytest.raises(ValueError, match="region_tree needs"):
            RegionTreeDisplay.from_estimator(segmenter, octants[0])


class TestSliceViewer:
    def test_every_slice_is_a_picture(self, segmenter, octants):
        """Gray values have one scale, labels the colors of the legend."""
        volume, labels = octants
        viewer = SliceViewer.from_estimator(segmenter, volume, display_labels=["a", "<b>"])
        assert viewer.pictures_.shape == (*SIDES, 3)
        plain = SliceViewer(volume, labels, alpha=0)
        inside = plain.pictures_[6, 12:18, 14:22]
        sheet = as_gray(volume.reshape(-1, 24)).reshape(*SIDES, 3)
        np.testing.assert_array_equal(inside, sheet[6, 12:18, 14:22])
        page = viewer._repr_html_()
        assert page.count("<figure") == 8
        assert page.count("display: none") == 7
        assert "&lt;b&gt;" in page
        assert all("#{:02x}{:02x}{:02x}".format(*color) in page for color in colors(2))

    def test_the_page_holds_the_pictures(self, octants, tmp_path):
        """As PNG; a file of its own opens in browsers."""
        from PIL import Image

        viewer = SliceViewer(octants[0], spacing=LONG, axis=1)
        assert viewer.pictures_.shape == (20, 24, 24, 3)
        viewer.save(tmp_path / "a.html")
        page = (tmp_path / "a.html").read_text()
        found = re.findall(r"base64,([^\"]+)", page)
        shown = np.asarray(Image.open(BytesIO(b64decode(found[7]))))
        np.testing.assert_array_equal(shown, viewer.pictures_[7])
        assert "y = 7" in page
        assert page.count("<div") == page.count("</div>")

    def test_large_volumes_are_subsampled(self):
        """Only some slices are read, and few of their pixels."""

        class Counted:
            shape, dtype, ndim = (1000, 3000, 4000), np.dtype(np.uint8), 3
            n_read = 0

            def __getitem__(self, key):
                sides = [len(range(*k.indices(n))) for k, n in zip(key, self.shape, strict=True)]
                assert sides[0] == 1
                self.n_read += 1
                return np.broadcast_to(np.uint8(7), sides)

        volume = Counted()
        viewer = SliceViewer(volume)
        assert volume.n_read == len(viewer.positions_) == 64
        assert viewer.positions_[[0, -1]].tolist() == [0, 999]
        assert np.prod(viewer.pictures_.shape[:3]) < 1.01 * 2**22

    def test_what_it_refuses(self, octants, shapes):
        volume, labels = octants
        flat = AESegmenter(2, encoder="passthrough").fit(shapes[0])
        for call, why in [
            (lambda: SliceViewer(volume[0]), "Use SegmentationDisplay for images"),
            (lambda: SliceViewer(volume, labels[:3]), "Pass the label map of this volume"),
            (lambda: SliceViewer(volume, axis=3), r"Pass 0 \(z\), 1 \(y\) or 2 \(x\)"),
            (lambda: SliceViewer(volume, spacing=(0, 1, 1)), "three numbers above 0"),
            (lambda: SliceViewer.from_estimator(flat, volume), "fit it with spacing"),
        ]:
            with pytest.raises(ValueError, match=why):
                call()
