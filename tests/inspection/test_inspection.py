"""Explanations of what is known: the one channel that decides, the one component that matters."""

import copy

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.inspection._attribution import _region, pixel_attribution
from sklearn_segae.inspection._attribution_methods import arc, draw_orders, shapley_values
from sklearn_segae.inspection._baselines import other_windows
from sklearn_segae.inspection._component_importance import component_importance
from sklearn_segae.inspection._latent_traversal import latent_traversal
from sklearn_segae.inspection._log_odds import TorchLogOdds, attribution_target
from sklearn_segae.inspection._prototypes import _best_of_image, _parts, segment_prototypes
from sklearn_segae.inspection._reconstruction_error import reconstruction_error
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture

DECIDES = 1  # the channel that tells segments apart


def one_channel_decides(seed=0, size=48):
    """Images of three channels of noise, one of them with bright squares: (images, labels)."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((2, size, size), int)
    labels[0, size // 4 : -size // 4, size // 4 : -size // 4] = 1
    labels[1, : size // 2] = 1
    images = 0.3 * rng.normal(size=(*labels.shape, 3))
    images[..., DECIDES] += 1.5 * labels
    return images.astype(np.float32), labels


def segmenter(features="intensity", estimator=None, n_segments=2, **options):
    encoder = options.pop("encoder", None) or PixelEncoder(
        4, features=features, n_filters=8, max_epochs=0
    )
    return AESegmenter(n_segments, encoder=encoder, estimator=estimator, random_state=0, **options)


@pytest.fixture(scope="module")
def scene():
    return one_channel_decides()


@pytest.fixture(scope="module")
def by_color(scene):
    return segmenter().fit(scene[0])


@pytest.fixture(scope="module")
def by_texture(mosaic):
    encoder = PixelEncoder(4, features="texture", n_filters=8, max_epochs=1)
    return segmenter(encoder=encoder, n_segments=3).fit(mosaic[0])


ESTIMATORS = {
    "k-means": None,
    "mixture": GaussianMixture(2, random_state=0),
    "tied": GaussianMixture(2, covariance_type="tied", random_state=0),
    "diag": GaussianMixture(2, covariance_type="diag", random_state=0),
    "shrunk": ShrunkMixture(2, random_state=0),
    "discriminant": LinearDiscriminantAnalysis(),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "head": "head",
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_gradients_are_of_what_the_segmenter_computes(scene, name):
    """The differentiable log-odds are those of `predict_proba`, at a corner as in the middle."""
    images, labels = scene
    fitted = segmenter("intensity+texture", ESTIMATORS[name]).fit(images, labels)
    for pixel in ((24, 20), (0, 47)):
        check_log_odds(fitted, images[0], pixel)


@pytest.mark.parametrize("features", ["intensity", "texture", "multiscale", "pretrained"])
def test_gradients_are_of_every_features(scene, features):
    """Whatever leads the codes, the pixels that they see are the same."""
    images, labels = scene
    fitted = segmenter(features, "head").fit(images, labels)
    for pixel in ((24, 20), (0, 47)):
        check_log_odds(fitted, images[0], pixel)


def check_log_odds(fitted, image, pixel):
    batch = fitted.batch([image])
    (labeler,), (seen,) = fitted.labelers(batch), batch.images
    odds = TorchLogOdds(labeler, attribution_target(labeler, seen, _region(pixel, seen.shape)))
    odds.choose(None, None)
    p = fitted.predict_proba([image])[0][pixel].astype(float)
    column = {label: i for i, label in enumerate(getattr(fitted, "classes_", range(len(p))))}
    first, second = (column[odds.labels[i]] for i in (odds.segment, odds.other))
    assert p[first] == p.max()
    if p[second] > 1e-6:  # else rounded away
        found = float(odds(odds.tensor(odds.target.window)))
        assert found == pytest.approx(np.log(p[first] / p[second]), abs=0.02, rel=0.01)


@pytest.mark.parametrize("pixel", [(50, 50), (0, 95), (33, 1)])
def test_gradients_are_of_refined_borders(by_texture, mosaic, pixel):
    """Where a discriminant analysis of narrower codes decides, it is what is explained."""
    check_log_odds(by_texture, mosaic[0][0], pixel)


def test_names_are_explained_as_the_sum_of_their_segments(scene):
    """Segments that stand for one class speak for it together."""
    images, labels = scene
    fitted = segmenter(n_segments=4).fit(images).assign_classes(images, labels)
    check_log_odds(fitted, images[0], (24, 20))
    why = pixel_attribution(fitted, images[0], (24, 20), n_baselines=1, n_steps=2)
    assert (why.segment, why.against) == (1, 0)


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_attribution_points_at_the_channel_that_decides(method):
    """The segments differ in one channel, which has 95 % of the map and of the channels' sums."""
    sums, mass = [], []
    for seed in range(3):
        images, _ = one_channel_decides(seed)
        fitted = segmenter().fit(images)
        for pixel in ((24, 24), (4, 4)):
            why = pixel_attribution(fitted, images[0], pixel, method=method)
            assert why.channels[DECIDES] > 0
            sums.append(shares(why.channels)[DECIDES])
            mass.append(shares(np.abs(why.attribution).sum((0, 1)))[DECIDES])
    assert np.mean(sums) > 0.95
    assert np.mean(mass) > 0.95
    assert min(sums + mass) > 0.9


def shares(values):
    return np.abs(values) / np.abs(values).sum()


def test_attribution_adds_up(by_texture, mosaic):
    """Pixels, with steps enough, and channels account for the whole way from the baselines."""
    why = pixel_attribution(by_texture, mosaic[0][0], (50, 50), n_steps=256, n_baselines=2)
    gained = why.log_odds - why.baseline_log_odds
    assert gained > 1
    assert why.attribution.sum() == pytest.approx(gained, rel=0.01)
    assert why.channels.sum() == pytest.approx(gained, rel=1e-4)
    few = pixel_attribution(by_texture, mosaic[0][0], (50, 50))
    gained = few.log_odds - few.baseline_log_odds
    assert few.attribution.sum() == pytest.approx(gained, rel=0.1)


def test_more_steps_leave_out_less_and_more_baselines_are_more_places(by_texture, mosaic):
    """A single gradient does not add up; by gradients, None stands for 32 places of the rival."""

    def explain(**options):
        return pixel_attribution(by_texture, mosaic[0][0], (50, 50), **options)

    short, long = (explain(n_steps=n, n_baselines=4) for n in (1, 32))
    gaps = [abs(w.attribution.sum() - w.log_odds + w.baseline_log_odds) for w in (short, long)]
    assert gaps[1] < 0.5 * gaps[0]
    usual, same = (explain(n_steps=1, n_baselines=n) for n in (None, 32))
    assert usual.baseline_log_odds == same.baseline_log_odds != short.baseline_log_odds


def test_an_arc_leads_from_one_window_to_the_other(rng):
    """It begins and ends there, means move straight, and noise keeps its variance."""
    start, end = (torch.from_numpy(rng.normal(m, 2, (1, 1, 80, 80))) for m in (0, 10))
    at = [arc(torch.full_like(start, position), start, end) for position in (0, 0.25, 0.5, 1)]
    torch.testing.assert_close(at[0], start)
    torch.testing.assert_close(at[-1], end)
    assert 0.1 < at[1].mean() < at[2].mean() - 2
    assert float(at[2].mean()) == pytest.approx(5, abs=0.1)
    for window in at:
        assert float(window.std()) == pytest.approx(2, rel=0.05)


def test_shapley_values_are_those_of_games_with_known_ones():
    """Of a sum, the summands; factors share their product; a glove needs a partner."""
    for n in (1, 3, 5, 6, 40):
        worth = np.arange(n) - 1.5
        order = np.random.RandomState(0).permutation(n)
        np.testing.assert_allclose(shapley_values(lambda s, w=worth: s @ w, order), worth)
    three = np.arange(3)
    product = shapley_values(lambda s: 6.0 * s[:, 0] * s[:, 2], three)
    np.testing.assert_allclose(product, [3, 0, 3])
    # Two left gloves, one right: a pair is worth 1 (a textbook game).
    gloves = shapley_values(lambda s: 1.0 * (s[:, 0] | s[:, 1]) * s[:, 2], three)
    np.testing.assert_allclose(gloves, [1 / 6, 1 / 6, 2 / 3])


def test_an_order_and_its_reverse_share_what_pairs_of_many_players_are_worth():
    """Of more players than all coalitions are asked of, two orders solve games of pairs."""
    orders = draw_orders(9, 4, np.random.RandomState(0))
    assert len(orders) == 4
    assert not np.array_equal(orders[0], orders[2])
    values = [shapley_values(lambda s: s.sum(1) ** 2.0, order) for order in orders]
    assert np.ptp(values[0]) > 1
    for pair in (values[:2], values[2:]):
        np.testing.assert_allclose(np.mean(pair, 0), np.full(9, 9))


@pytest.mark.parametrize("n_channels", [2, 7])
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_channels_add_up(rng, method, n_channels):
    """Few channels or many, by either method: the channels share the log-odds among them."""
    _, labels = one_channel_decides()
    images = rng.normal(size=(*labels.shape, n_channels)).astype(np.float32)
    images[..., DECIDES] += 5 * labels
    fitted = segmenter("intensity", "head").fit(images, labels)
    why = pixel_attribution(
        fitted, images[0], (24, 24), method=method, n_baselines=16, patch_size=9
    )
    assert why.channels.shape == (n_channels,)
    assert why.channels.sum() == pytest.approx(why.log_odds - why.baseline_log_odds, rel=1e-4)
    assert shares(why.channels)[DECIDES] > 0.8


@pytest.mark.parametrize("normalize", ["image", "dataset"])
@pytest.mark.parametrize("estimator", ["head", RandomForestClassifier(5, random_state=0)])
def test_the_mean_of_an_image_is_a_baseline(scene, normalize, estimator):
    """However the segmenter exposes images, and whatever the method."""
    images, labels = scene
    fitted = segmenter("intensity", estimator, normalize=normalize).fit(images, labels)
    why = pixel_attribution(fitted, images[0], (24, 24), baseline="mean")
    assert np.abs(why.channels).argmax() == DECIDES
    assert np.isfinite(why.attribution).all()


def test_where_the_rival_has_no_place_the_mean_stands_in(scene):
    """An image of one segment alone is compared with its mean."""
    images, labels = scene
    fitted = segmenter("intensity", "head", normalize="dataset").fit(images, labels)
    dark = np.ascontiguousarray(images[0, :10, :10])
    assert not fitted.predict([dark])[0].any()
    rival, mean = (
        pixel_attribution(fitted, dark, (5, 5), baseline=b) for b in ("other_segment", "mean")
    )
    np.testing.assert_array_equal(rival.attribution, mean.attribution)
    assert rival.against == 1


def test_places_of_a_rival_come_from_tiles_of_a_large_image(scene):
    """A few labeled tiles tell where a segment is; one that they miss is looked for everywhere."""
    images, labels = scene
    fitted = segmenter("intensity", "head", normalize="dataset").fit(images, labels)
    large = np.tile(images[0], (20, 20, 1))[:800, :900]
    asked = []
    batch = fitted.batch([large])
    (labeler,), (seen,) = fitted.labelers(batch), batch.images
    odds = TorchLogOdds(labeler, attribution_target(labeler, seen, _region((24, 24), seen.shape)))
    odds.choose(1, 0)
    whole, labeler = labeler.label_map, copy.copy(labeler)
    labeler.label_map = lambda image, work: asked.append(work.within) or whole(image, work)
    odds.labeler = labeler
    windows = other_windows(odds, large, 5, np.random.RandomState(0))
    assert len(windows) == 5
    assert sum((r.stop - r.start) * (c.stop - c.start) for r, c in asked) <= 9 * 128**2
    middle = tuple((part.start + part.stop) // 2 for part in odds.target.tile)
    assert all(window[middle][DECIDES] < 1 for window in windows)
    rare = np.full_like(large, 1.5)
    rare[300:308, 300:308] = 0  # between the tiles
    for window in other_windows(odds, rare, 5, np.random.RandomState(0)):
        assert window[middle][DECIDES] == 0


def test_nothing_beyond_the_window_matters(by_texture, mosaic):
    """The window holds all that the label depends on: the rest of the image may be anything."""
    image = mosaic[0][0]
    encoder = PixelEncoder(4, pooling=1, n_filters=8, max_epochs=0)
    fitted = segmenter(encoder=encoder).fit(mosaic[0])
    why = pixel_attribution(fitted, image, (60, 20), n_baselines=1, n_steps=2)
    other = np.full_like(image, 0.0)
    other[0, 0], other[-1, -1] = image.min(), image.max()  # equally exposed
    other[why.window] = image[why.window]
    assert other.std() < 0.9 * image.std()
    kept = fitted.predict_proba([other])[0][60, 20]
    np.testing.assert_allclose(kept, fitted.predict_proba([image])[0][60, 20], atol=1e-5)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_flat_places_have_gradients():
    """Where nothing changes, slopes and contrasts are 0 and so are their gradients: no NaN."""
    images = np.zeros((1, 48, 48, 1), np.float32)
    images[0, :, 24:] = 1
    labels = (images[..., 0] > 0).astype(int)
    for features, estimator in (("multiscale", "head"), ("texture", "head")):
        fitted = segmenter(features, estimator).fit(images, labels)
        why = pixel_attribution(fitted, images[0], (24, 40), n_baselines=2, n_steps=4)
        assert np.isfinite(why.attribution).all()
        assert np.abs(why.attribution).max() > 0


@pytest.mark.parametrize("encoder", ["passthrough", PCA(3, random_state=0), None])
def test_occlusion_explains_any_estimator(scene, encoder):
    """A forest has no gradients; what changes its votes is found by hiding it."""
    images, labels = scene
    forest = RandomForestClassifier(20, max_depth=4, random_state=0)
    encoder = encoder or PixelEncoder(4, features="intensity", n_filters=8, max_epochs=0)
    fitted = segmenter(encoder=encoder, estimator=forest, patch_size=3).fit(images, labels)
    why = pixel_attribution(fitted, images[0], (24, 24), n_baselines=4)
    assert why.method == "occlusion"
    assert np.abs(why.channels).argmax() == DECIDES
    with pytest.raises(ValueError, match="needs gradients"):
        pixel_attribution(fitted, images[0], (24, 24), method="integrated_gradients")


def test_a_region_is_explained_by_the_mean_of_its_pixels(by_color, scene):
    """The log-odds of two pixels together are the mean of those of each."""
    image = scene[0][0]
    region = np.zeros(image.shape[:2], bool)
    region[24, 24] = region[20, 30] = True
    options = {"segment": 0, "against": 1, "n_baselines": 1, "n_steps": 1}
    both = pixel_attribution(by_color, image, region, **options)
    single = [pixel_attribution(by_color, image, p, **options) for p in ((24, 24), (20, 30))]
    assert both.log_odds == pytest.approx(np.mean([s.log_odds for s in single]), rel=1e-4)
    assert np.array_equal(
        np.argwhere(both.region) + [w.start for w in both.window], np.argwhere(region)
    )


def test_squares_hold_what_their_pixels_hold(by_color, scene):
    """Attributions of squares are sums of those of pixels, spread evenly."""
    fine, coarse = (
        pixel_attribution(by_color, scene[0][0], (24, 24), patch_size=side, n_baselines=1)
        for side in (1, 5)
    )
    np.testing.assert_allclose(fine.channels, coarse.channels, rtol=1e-4, atol=1e-4)
    y, x = np.argwhere(coarse.region)[0]
    square = slice(y - 2, y + 3), slice(x - 2, x + 3)  # the explained pixel is in its middle
    inner = coarse.attribution[square]
    np.testing.assert_allclose(inner, np.broadcast_to(inner[0, 0], inner.shape))
    held = fine.attribution[square].sum()
    np.testing.assert_allclose(inner.sum(), held, rtol=1e-3, atol=1e-4)
    sums = [why.attribution.sum() for why in (fine, coarse)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-4)
    beside = coarse.attribution[square[0], x + 3 : x + 8]
    assert np.abs(beside - inner[0, 0]).max() > 0.1 * np.abs(inner).max()


def test_attribution_refuses_what_it_cannot_explain(by_color, scene):
    """Pixels beside the image, unknown segments and methods, rows."""
    image = scene[0][0]
    for pixel in ((48, 0), (-1, 0), (1, 2, 3), np.zeros((48, 48), bool)):
        with pytest.raises(ValueError, match="pixel="):
            pixel_attribution(by_color, image, pixel)
    with pytest.raises(ValueError, match="segment=7 is not a segment"):
        pixel_attribution(by_color, image, (1, 1), 7)
    with pytest.raises(ValueError, match="'method' parameter of pixel_attribution"):
        pixel_attribution(by_color, image, (1, 1), method="guess")
    for name in ("n_baselines", "n_steps", "patch_size"):
        with pytest.raises(ValueError, match=f"'{name}' parameter .* Got 0"):
            pixel_attribution(by_color, image, (1, 1), **{name: 0})
    with pytest.raises(ValueError, match="is the explained segment itself"):
        pixel_attribution(by_color, image, (1, 1), 1, against=1)
    rows = segmenter(encoder="passthrough").fit(image.reshape(-1, 3))
    with pytest.raises(ValueError, match="explains images"):
        pixel_attribution(rows, image, (1, 1))


def test_prototypes_lie_inside_their_segments(by_color, scene):
    """Every patch is real, holds its own segment alone, and overlaps no other."""
    images, _ = scene
    found = segment_prototypes(by_color, images, n_prototypes=3, size=8)
    labels = by_color.predict(images)
    taken = np.zeros(labels.shape, int)
    for patch, segment, (y, x), i in zip(
        found.patches, found.segments, found.positions, found.image_index, strict=True
    ):
        place = i, slice(y, y + 8), slice(x, x + 8)
        assert np.array_equal(patch, images[place])
        assert (labels[place] == segment).mean() > 0.95
        taken[place] += 1
    assert taken.max() == 1
    assert [list(found.segments).count(s) for s in (0, 1)] == [3, 3]
    assert all(len(set(found.image_index[found.segments == s])) == 2 for s in (0, 1))
    assert (np.diff(found.scores[:3]) <= 0).all()


def test_prototypes_of_a_large_image_come_from_tiles_all_over_it(by_color, scene):
    """About as many pixels are looked at as asked for; with all of them, the best is no worse."""
    images, _ = scene
    large = np.tile(images[0], (13, 11, 1))[:600, :500]
    parts = list(_parts(0, large, 8, 2**17))
    n_pixels = sum((r.stop - r.start) * (c.stop - c.start) for _, (r, c) in parts)
    assert 0.6 * 2**17 < n_pixels < 1.4 * 2**17
    assert (min(t[0].start for _, t in parts), max(t[0].stop for _, t in parts)) == (0, 600)
    options = {"n_prototypes": 5, "size": 8}
    some = segment_prototypes(by_color, [large], max_pixels=2**17, **options)
    every = segment_prototypes(by_color, [large], max_pixels=None, **options)
    for found in (some, every):
        taken = np.zeros(large.shape[:2], int)
        for patch, (y, x) in zip(found.patches, found.positions, strict=True):
            assert np.array_equal(patch, large[y : y + 8, x : x + 8])
            taken[y : y + 8, x : x + 8] += 1
        assert taken.max() == 1
        assert len(found.patches) == 10
    inside = [
        any(r.start <= y < r.stop and c.start <= x < c.stop for _, (r, c) in parts)
        for y, x in some.positions
    ]
    assert all(inside)
    assert some.scores[0] > 0.8 * every.scores[0]


def test_patches_of_overlapping_parts_do_not_overlap():
    """In a narrow image, tiles may share pixels: what one part gave, the other gives no more."""
    score = np.ones((20, 20))
    scored = [((slice(top, top + 27), slice(0, 27)), score) for top in (0, 10)]
    found = list(_best_of_image(scored, 0, 40, 8))
    taken = np.zeros((37, 27), int)
    for patch in found:
        y, x = patch.position
        taken[y : y + 8, x : x + 8] += 1
    assert taken.max() == 1
    assert len(found) >= 9


def test_prototypes_refuse_patches_larger_than_images(by_color, scene):
    """And images that share no labels."""
    with pytest.raises(ValueError, match="size=49"):
        segment_prototypes(by_color, scene[0], size=49)
    with pytest.raises(ValueError, match=r"'max_pixels' parameter .* Got 0"):
        segment_prototypes(by_color, scene[0], max_pixels=0)
    own = segmenter(scope="image").fit(scene[0])
    with pytest.raises(ValueError, match="scope='image'"):
        segment_prototypes(own, scene[0])
    assert len(segment_prototypes(own, scene[0][:1], size=8, n_prototypes=1).patches) == 2


@pytest.mark.parametrize("with_labels", [False, True])
def test_the_component_that_decides_is_important(scene, with_labels):
    """Of pixels as they are, shuffling the deciding channel alone changes labels or accuracy."""
    images, labels = scene
    fitted = segmenter(encoder="passthrough", estimator=LogisticRegression()).fit(images, labels)
    y = labels if with_labels else None
    found = component_importance(fitted, images, y, random_state=0)
    assert found.importances.shape == (3, 5)
    mean = found.importances_mean
    assert mean[DECIDES] > 0.3
    assert mean[DECIDES] > 20 * np.abs(np.delete(mean, DECIDES)).max()
    np.testing.assert_allclose(found.importances_std, found.importances.std(1))


def test_components_are_shuffled_in_groups(scene):
    """Two copies of a channel are spared by neither shuffle alone, but not by both together."""
    images, labels = scene
    twice = np.concatenate([images, images[..., [DECIDES]]], axis=3)
    forest = RandomForestClassifier(30, max_features=1, random_state=0)
    fitted = segmenter(encoder="passthrough", estimator=forest, n_fit_pixels=500).fit(twice, labels)
    groups = {"first": [1], "second": [3], "both": [1, 3]}
    found = component_importance(fitted, twice, labels, groups=groups, random_state=0)
    first, second, both = found.importances_mean
    assert both > first + second
    with pytest.raises(ValueError, match="groups="):
        component_importance(fitted, twice, groups={"none": [9]})
    with pytest.raises(ValueError, match="'groups' parameter of component_importance"):
        component_importance(fitted, twice, groups="colors")


def test_kinds_of_codes_are_told_apart(scene):
    """With everything side by side, the groups are all components, each once."""
    images, labels = scene
    fitted = segmenter("multiscale", "head").fit(images, labels)
    found = component_importance(fitted, images, groups="blocks", n_repeats=1, random_state=0)
    assert "jets at 0.5 px" in found.names
    assert "narrow codes" in found.names
    members = [i for own in found.components for i in own]
    assert members == list(range(fitted.transform(images).shape[-1]))


def test_a_traversal_decodes_along_one_component(rng):
    """Decoded are the codes with that component at the given values, and nothing else changed."""
    X = rng.normal(size=(60, 8, 8))
    autoencoder = AutoencoderTransformer(3, max_epochs=1, random_state=0).fit(X)
    found = latent_traversal(autoencoder, X[0], component=1, values=[-1.0, 2.0])
    codes = autoencoder.transform(X[:1]).repeat(2, 0)
    codes[:, 1] = [-1, 2]
    np.testing.assert_allclose(found.decoded, autoencoder.inverse_transform(codes), rtol=1e-6)
    usual = latent_traversal(autoencoder, X[0], component=1).levels
    assert (np.diff(usual) > 0).all()
    with pytest.raises(ValueError, match="component=3"):
        latent_traversal(autoencoder, X[0], component=3)
    with pytest.raises(ValueError, match="values="):
        latent_traversal(autoencoder, X[0], component=0, values=[np.nan])


def test_a_traversal_of_pixel_codes_moves_along_the_readout(scene):
    """A step of one in a component changes every pixel by its row of the linear readout."""
    image = scene[0][0]
    encoder = PixelEncoder(3, features="intensity", n_filters=8, max_epochs=0).fit(scene[0])
    found = latent_traversal(encoder, image, component=0, values=[0, 1])
    step = encoder.codes_.readout[0] * encoder.scale_[1]
    np.testing.assert_allclose(
        found.decoded[1] - found.decoded[0], np.broadcast_to(step, image.shape), atol=1e-4
    )


def smooth(rng, size):
    """Noise blurred over two pixels, of unit spread."""
    blurred = ndimage.gaussian_filter(rng.normal(size=(size, size)), 2)
    return (blurred / blurred.std())[..., None].astype(np.float32)


def test_unseen_texture_is_reconstructed_worse(rng):
    """A network that learnt a smooth texture does not know stripes of the same contrast."""
    known = np.stack([smooth(rng, 64) for _ in range(2)])
    encoder = PixelEncoder(
        2,
        features="texture",
        pooling=2,
        whitening=1,
        n_filters=16,
        batch_size=2,
        max_epochs=4,
        random_state=0,
    ).fit(known)
    image = smooth(rng, 160)
    y, x = np.mgrid[:40, :40]
    image[60:100, 60:100, 0] = 2**0.5 * np.sin(2 * np.pi * (x + y / 2) / 6)
    error = reconstruction_error(encoder, [image])[0]
    assert np.median(error[66:94, 66:94]) > 1.3 * np.median(error[:50])
    crop = reconstruction_error(encoder, [image[20:100, 20:100]])[0]
    # The image is worked on in tiles of 128 pixels, which do not show.
    np.testing.assert_allclose(crop[20:-20, 20:-20], error[40:80, 40:80], rtol=1e-4, atol=1e-5)


def test_reconstruction_errors_come_from_trained_networks(by_texture, mosaic):
    """A segmenter lends its encoder, and the normalize; an untrained network has learnt nothing."""
    error = reconstruction_error(by_texture, mosaic[0])
    assert error.shape == mosaic[0].shape[:3]
    own_ranges = clone(by_texture).set_params(normalize="image").fit(mosaic[0])
    error, brighter = (reconstruction_error(own_ranges, x) for x in (mosaic[0], 3 * mosaic[0] + 5))
    np.testing.assert_allclose(brighter, error, rtol=1e-3, atol=1e-4)
    untrained = PixelEncoder(4, features="texture", max_epochs=0).fit(mosaic[0])
    with pytest.raises(ValueError, match="max_epochs=0"):
        reconstruction_error(untrained, mosaic[0])
    rows = PixelEncoder(2, n_filters=4, max_epochs=1).fit(mosaic[0][0].reshape(-1, 4))
    assert reconstruction_error(rows, mosaic[0][0].reshape(-1, 4)).shape == (96 * 24,)
