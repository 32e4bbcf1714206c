"""Displays show what was computed: colors, names, panels; and they draw where they are told."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.imaging._rendering import as_picture, colors
from sklearn_segae.inspection._attribution import pixel_attribution
from sklearn_segae.inspection._latent_traversal import latent_traversal
from sklearn_segae.plotting import (
    FeatureMapDisplay,
    RegionTreeDisplay,
    SegmentationDisplay,
    UncertaintyDisplay,
)
from sklearn_segae.plotting._autoencoder_displays import (
    LatentTraversalDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
)
from sklearn_segae.plotting._axes import round_length
from sklearn_segae.plotting._inspection_displays import AttributionDisplay, PrototypeDisplay
from sklearn_segae.regions._region_tree import RegionTree

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the backend is chosen)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """Whatever a test draws is closed."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def halves():
    """Two images, left half dark and right half bright, under faint noise: (images, labels)."""
    rng = np.random.default_rng(0)
    labels = np.zeros((2, 32, 40), int)
    labels[..., 20:] = 1
    return (labels + 0.1 * rng.normal(size=labels.shape)).astype(np.float32), labels


@pytest.fixture(scope="module")
def segmenter(halves):
    encoder = PixelEncoder(3, features="intensity", n_filters=4, max_epochs=2)
    return AESegmenter(2, encoder=encoder, random_state=0).fit(halves[0])


@pytest.fixture(scope="module")
def autoencoder():
    X = np.random.default_rng(0).normal(size=(40, 8, 8))
    return AutoencoderTransformer(3, max_epochs=2, random_state=0).fit(X), X


def drawn(display):
    """Render, and return the figure's pixels (H, W, 3)."""
    display.figure_.canvas.draw()
    return np.asarray(display.figure_.canvas.buffer_rgba())[..., :3]


def pictures(axes):
    return [ax.images[0].get_array() for ax in axes.ravel() if ax.images]


ONE_EACH = {
    "segmentation": lambda s, a, X: SegmentationDisplay.from_estimator(s, X[0]),
    "uncertainty": lambda s, a, X: UncertaintyDisplay.from_estimator(s, X),
    "features": lambda s, a, X: FeatureMapDisplay.from_estimator(s, X[0]),
    "losses": lambda s, a, X: LossCurveDisplay.from_estimator(s),
    "prototypes": lambda s, a, X: PrototypeDisplay.from_estimator(s, X, size=8),
    "attribution": lambda s, a, X: AttributionDisplay.from_estimator(s, X[0], (10, 5), n_steps=2),
    "reconstruction": lambda s, a, X: ReconstructionDisplay.from_estimator(a[0], a[1][:3]),
    "traversal": lambda s, a, X: LatentTraversalDisplay.from_estimator(a[0], a[1][0], 1),
}


@pytest.mark.parametrize("name", ONE_EACH)
def test_one_figure_is_made_and_rendered(name, segmenter, autoencoder, halves):
    """A display opens one figure, which shows something, and nothing else."""
    display = ONE_EACH[name](segmenter, autoencoder, halves[0])
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes
    assert drawn(display).std() > 5


@pytest.mark.parametrize("name", ONE_EACH)
def test_given_axes_are_used(name, segmenter, autoencoder, halves):
    """With `ax`, no figure is opened, and nothing is drawn beside what was given."""
    display = ONE_EACH[name](segmenter, autoencoder, halves[0])
    plt.close("all")
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    assert display.plot(ax=left) is display
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not right.has_data()
    figure.canvas.draw()


def test_segments_have_the_colors_of_the_legend(halves):
    """Labels are laid over the image in Okabe and Ito's colors, under the names of classes."""
    images, labels = halves
    flat = np.zeros_like(images[0])
    display = SegmentationDisplay.from_predictions(
        flat, labels[0], display_labels={0: "sea", 1: "land"}
    )
    (picture,) = pictures(display.axes_)
    left, right = picture[5, 5], picture[5, 35]
    np.testing.assert_allclose(left, 0.4 * colors(2)[0], atol=1)
    np.testing.assert_allclose(right, 0.4 * colors(2)[1], atol=1)
    assert (picture[:, 19] == 255).all()  # the border
    assert [text.get_text() for text in display.legend_.get_texts()] == ["sea", "land"]
    faces = [np.array(patch.get_facecolor()[:3]) for patch in display.legend_.get_patches()]
    np.testing.assert_allclose(faces, colors(2) / 255)


def test_classes_keep_their_colors_and_names(halves):
    """A class that an image lacks still counts; unlabeled pixels are white."""
    images, labels = halves
    maps = [7 * labels[0] + 3, np.full_like(labels[0], 10), np.full_like(labels[0], -1)]
    display = SegmentationDisplay.from_predictions([images[0] * 0] * 3, maps)
    assert [t.get_text() for t in display.legend_.get_texts()] == ["segment 3", "segment 10"]
    first, second, third = pictures(display.axes_)
    assert np.array_equal(first[5, 35], second[5, 5])
    np.testing.assert_allclose(third[5, 5], 0.4 * 255, atol=1)
    assert display.axes_.shape == (1, 3)


def test_several_images_are_panels(segmenter, halves):
    """A stack makes a panel for each image; one image makes one; too few axes are refused."""
    images, _ = halves
    assert len(pictures(SegmentationDisplay.from_estimator(segmenter, images).axes_)) == 2
    assert len(pictures(SegmentationDisplay.from_estimator(segmenter, images[0]).axes_)) == 1
    five = SegmentationDisplay.from_predictions([images[0]] * 5, [halves[1][0]] * 5, n_columns=3)
    assert five.axes_.shape == (2, 3)
    with pytest.raises(ValueError, match="ax holds 2 axes, but 3"):
        SegmentationDisplay.from_predictions(
            [images[0]] * 3, [halves[1][0]] * 3, ax=plt.subplots(1, 2)[1]
        )


def test_names_have_to_fit(halves):
    """One name too few is an error that says so."""
    with pytest.raises(ValueError, match="holds 1 texts"):
        SegmentationDisplay.from_predictions(halves[0][0], halves[1][0], display_labels=["only"])


def test_a_scale_bar_has_a_round_length(halves):
    """The bar is as long as it says, in the units of the pixels."""
    display = SegmentationDisplay.from_predictions(
        halves[0][0], halves[1][0], pixel_size=2.5, units="nm"
    )
    (bar,) = display.ax_.get_lines()
    start, end = bar.get_xdata()
    assert display.ax_.texts[0].get_text() == "20 nm"
    assert (end - start) * 2.5 == pytest.approx(20)
    assert [round_length(x) for x in (0.3, 1, 4.9, 5.0, 99)] == [0.2, 1, 2, 5, 50]
    with pytest.raises(ValueError, match="pixel_size=0"):
        SegmentationDisplay.from_predictions(halves[0][0], halves[1][0], pixel_size=0)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 30])
def test_images_of_any_channels_show_their_halves(n_channels, halves):
    """Whichever channel differs, the picture shows that something does."""
    labels = halves[1][0]
    for channel in {0, n_channels - 1}:
        image = 0.01 * np.random.default_rng(0).normal(size=(*labels.shape, n_channels))
        image[..., channel] += labels
        picture = as_picture(image).astype(float)
        assert picture.shape == (*labels.shape, 3)
        apart = picture[:, :20].mean((0, 1)) - picture[:, 20:].mean((0, 1))
        assert np.abs(apart).max() > 100


def test_uncertainty_is_bright_where_labels_are_unsure(segmenter, halves):
    """Values are those of the segmenter, on one scale from 0 to 1."""
    display = UncertaintyDisplay.from_estimator(segmenter, halves[0], measure="margin")
    shown = display.axes_[1, 0].images[0]
    expected = segmenter.uncertainty(halves[0], measure="margin")[0]
    np.testing.assert_allclose(shown.get_array(), expected)
    assert shown.get_clim() == (0, 1)
    errors = UncertaintyDisplay.from_estimator(
        segmenter.encoder_, halves[0], measure="reconstruction_error"
    )
    assert errors.axes_[1, 0].images[0].get_clim()[1] != 1


def test_feature_maps_tell_their_coherence(segmenter, halves):
    """A panel for each component, or for the first so many."""
    display = FeatureMapDisplay.from_estimator(segmenter, halves[0][0])
    coherence = segmenter.encoder_.autocorrelation_
    assert len(pictures(display.axes_)) == 3
    assert f"{coherence[0]:.2f}" in display.ax_.get_title()
    np.testing.assert_allclose(
        pictures(display.axes_)[1], segmenter.transform(halves[0])[0, ..., 1]
    )
    assert len(pictures(display.plot(n_components=2).axes_)) == 2


def test_losses_are_those_of_the_fit(segmenter, rows):
    """Training and validation are two lines, and the title says what ended it."""
    display = LossCurveDisplay.from_estimator(segmenter)
    (training,) = display.lines_
    np.testing.assert_allclose(training.get_ydata(), segmenter.encoder_.loss_curve_)
    assert display.ax_.get_title() == "2 epochs: max_epochs was reached"
    held_out = AutoencoderTransformer(2, early_stopping=0.5, max_epochs=2).fit(rows)
    display = LossCurveDisplay.from_estimator(held_out)
    training, validation = display.lines_
    np.testing.assert_allclose(training.get_ydata(), held_out.loss_curve_)
    np.testing.assert_allclose(validation.get_ydata(), held_out.validation_loss_curve_)
    assert len({line.get_color() for line in display.lines_}) == 2
    plain = AESegmenter(2, encoder="passthrough").fit(np.eye(8)[None])
    with pytest.raises(ValueError, match="no losses"):
        LossCurveDisplay.from_estimator(plain)


@pytest.mark.parametrize("reason", ["no_improvement", "max_epochs"])
def test_every_reason_to_stop_is_told_in_words(reason, rows):
    """None of the names that `stop_reason_` may have is shown bare."""
    rule = {"n_iter_no_change": 1, "lr": 1e-12} if reason == "no_improvement" else {}
    autoencoder = AutoencoderTransformer(2, max_epochs=3, random_state=0, **rule)
    display = LossCurveDisplay.from_estimator(autoencoder.fit(rows))
    assert autoencoder.stop_reason_ == reason
    title = display.ax_.get_title()
    assert " " in title.split(": ")[1]
    assert autoencoder.stop_reason_ != title.split(": ")[1]


def test_reconstructions_stand_below_originals(autoencoder):
    """Three rows of pictures: samples, what is decoded, and the difference."""
    fitted, X = autoencoder
    display = ReconstructionDisplay.from_estimator(fitted, X[:4])
    assert display.axes_.shape == (3, 4)
    decoded = fitted.inverse_transform(fitted.transform(X[:4]))
    error = display.axes_[2, 3].images[0].get_array()
    np.testing.assert_allclose(error, np.abs(X[3] - decoded[3]))
    assert f"{error.mean():.3g}" in display.axes_[2, 3].get_title()


def test_rows_are_reconstructed_as_curves(rows):
    """Rows have no picture: both lines are drawn into one panel."""
    display = ReconstructionDisplay.from_predictions(rows[:2], rows[:2] + 1)
    first, second = display.ax_.get_lines()
    np.testing.assert_allclose(second.get_ydata() - first.get_ydata(), 1)
    assert display.axes_.shape == (1, 2)


def test_a_traversal_is_on_one_scale(autoencoder):
    """Panels differ as the decoded samples do, not each stretched by itself."""
    fitted, X = autoencoder
    found = latent_traversal(fitted, X[0], 1, values=[-2, 0, 2])
    display = LatentTraversalDisplay(found).plot()
    low, high = found.decoded.min(), found.decoded.max()
    for shown, x in zip(pictures(display.axes_), found.decoded, strict=True):
        np.testing.assert_allclose(shown, (x - low) / (high - low), atol=1e-6)


def test_prototypes_are_framed_in_their_colors(segmenter, halves):
    """A row for each segment, named, with the patches as they are in the image."""
    display = PrototypeDisplay.from_estimator(
        segmenter, halves[0], n_prototypes=2, size=8, display_labels=["dark", "bright"]
    )
    found = display.prototypes
    assert display.axes_.shape == (2, 2)
    dark = int(found.patches[0].mean() > 0.5)
    assert pictures(display.axes_)[2 * dark].mean() < pictures(display.axes_)[2 - 2 * dark].mean()
    assert [row[0].get_ylabel() for row in display.axes_] == ["dark", "bright"]
    frame = display.axes_[1, 0].spines["left"].get_edgecolor()
    np.testing.assert_allclose(frame[:3], colors(2)[1] / 255)


def test_attributions_are_drawn_where_they_are(segmenter, halves):
    """The map is the sum over the channels, about the pixel; one channel needs no bars."""
    why = pixel_attribution(segmenter, halves[0][0], (16, 10), n_steps=4)
    display = AttributionDisplay(why, display_labels={0: "dark", 1: "bright"}).plot()
    assert display.axes_.shape == (1, 2)
    shown = np.abs(display.axes_[0, 1].images[0].get_array()).sum()
    assert shown > 0.95 * np.abs(why.attribution).sum()
    names = {display.ax_.get_title(), display.axes_[0, 1].get_title()}
    assert names in ({"dark", "against bright"}, {"bright", "against dark"})
    color = np.repeat(why.attribution, 3, axis=2)
    why.update(attribution=color, channels=color.sum((0, 1)))
    bars = AttributionDisplay(why, channel_names=["r", "g", "b"]).plot().axes_[0, 2]
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], why.channels)
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["r", "g", "b"]


def test_region_trees_are_cut():
    """Panels show contours and the asked-for numbers of segments."""
    regions = np.arange(4).reshape(2, 2).repeat(8, 0).repeat(8, 1)
    tree = RegionTree(regions, np.array([[0, 1], [2, 3], [4, 5]]), np.array([1.0, 2.0, 3.0]))
    display = RegionTreeDisplay(regions / 4, tree).plot(n_segments=(2, 4))
    assert [len(np.unique(cut)) for cut in display.cuts_] == [2, 4]
    titles = [ax.get_title() for ax in display.axes_.ravel()]
    assert titles[2:] == ["2 segments", "4 segments"]
    np.testing.assert_allclose(pictures(display.axes_)[1], tree.contours())
