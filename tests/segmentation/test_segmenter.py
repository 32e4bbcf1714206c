"""AESegmenter: regimes, labels, and what each parameter does."""

import numpy as np
import pytest
from sklearn.base import is_classifier, is_clusterer
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import matched_accuracy, mean_iou
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture

RAW = {"encoder": "passthrough", "normalize": "dataset", "random_state": 0}


@pytest.fixture
def quadrants():
    """An image of four gray values, one a quadrant, and its labels."""
    labels = np.kron([[0, 1], [2, 3]], np.ones((20, 20), int))
    return 10.0 * labels[None], labels[None]


def test_quadrants_are_found_exactly(quadrants):
    """Four colors, four segments, no pixel wrong."""
    images, labels = quadrants
    assert matched_accuracy(labels, AESegmenter(4, **RAW).fit_predict(images)) == 1


def test_learnt_codes_tell_textures_apart_that_have_one_mean(mosaic):
    """Raw pixels say nothing about textures of one mean and spread; pooled codes do."""
    images, labels = mosaic
    encoder = PixelEncoder(pooling=4, whitening=1, max_epochs=3)
    learnt = AESegmenter(3, encoder=encoder, random_state=0).fit_predict(images)
    raw = AESegmenter(3, **RAW).fit_predict(images)
    assert mean_iou(labels, learnt) > 0.7 > 0.4 > mean_iou(labels, raw)


def test_labels_are_what_predict_says(fitted, shapes):
    """labels_ belongs to the fitted images: int32, from 0 to n_segments - 1."""
    assert fitted.labels_.dtype == np.int32
    assert set(np.unique(fitted.labels_)) == {0, 1, 2}
    np.testing.assert_array_equal(fitted.predict(shapes[0]), fitted.labels_)
    assert not hasattr(fitted, "classes_")


def test_new_images_of_other_sizes(fitted, shapes):
    """What was learnt on some images segments others, and labels mean the same there."""
    other = shapes[0][0, :40, :50]
    (labels,) = fitted.predict([other])
    inner = (slice(0, 30), slice(0, 40))  # away from the new border
    np.testing.assert_array_equal(labels[inner], fitted.labels_[0][inner])


def test_the_estimator_decides_the_regime():
    """A clusterer makes a clusterer, a classifier a classifier."""
    assert is_clusterer(AESegmenter())
    assert is_clusterer(AESegmenter(estimator=GaussianMixture()))
    assert is_classifier(AESegmenter(estimator=LogisticRegression()))
    assert is_classifier(
        AESegmenter(estimator=make_pipeline(StandardScaler(), LogisticRegression()))
    )


@pytest.mark.parametrize(
    "estimator",
    [
        KMeans(n_init=1),
        GaussianMixture(),
        AgglomerativeClustering(),
        make_pipeline(StandardScaler(), KMeans(4, n_init=4)),
        HDBSCAN(min_cluster_size=200, copy=True),
    ],
    ids=lambda e: type(e).__name__,
)
def test_any_clusterer_will_do(quadrants, estimator):
    """With or without `predict`; n_segments reaches those that ask for a number."""
    images, labels = quadrants
    noisy = images + np.random.default_rng(0).normal(0, 0.3, images.shape)
    predicted = AESegmenter(4, estimator=estimator, **RAW).fit_predict(noisy)
    assert matched_accuracy(labels, predicted) > 0.9


def test_a_number_of_clusters_of_ones_own_stays(quadrants):
    """n_segments does not overwrite what the clusterer was told."""
    images, _ = quadrants
    segmenter = AESegmenter(7, estimator=KMeans(2, n_init=1), **RAW).fit(images)
    assert len(np.unique(segmenter.labels_)) == 2


def test_a_few_labeled_pixels_are_enough(quadrants):
    """-1 is unlabeled; classes come back under their names."""
    images, labels = quadrants
    y = np.full(labels.shape, -1)
    for value, name in enumerate([7, 3, 100, 5]):
        y[0, 5 + 20 * (value // 2), 5 + 20 * (value % 2)] = name
    segmenter = AESegmenter(estimator=RandomForestClassifier(20), **RAW).fit(images, y)
    assert list(segmenter.classes_) == [3, 5, 7, 100]
    np.testing.assert_array_equal(segmenter.predict(images), np.array([7, 3, 100, 5])[labels])
    assert segmenter.score(images, y) == 1
    assert not hasattr(segmenter, "labels_")


@pytest.mark.parametrize("ignored", [0, 255, [0, 255]])
def test_other_codes_for_no_label(quadrants, ignored):
    """Pixels with these codes are left out, however many they are, as are those with -1."""
    images, labels = quadrants
    y = labels + 1
    y[0, :, ::2] = np.resize(ignored, 20)
    y[0, ::5] = -1
    segmenter = AESegmenter(
        estimator=LogisticRegression(max_iter=1000), ignore_label=ignored, **RAW
    )
    assert list(segmenter.fit(images, y).classes_) == [1, 2, 3, 4]
    assert list(segmenter.set_params(ignore_label=-9).fit(images, y).classes_) != [1, 2, 3, 4]


def test_a_label_to_ignore_is_an_integer(quadrants):
    """0.5 can be no label, so that ignoring it would do nothing."""
    segmenter = AESegmenter(estimator=LogisticRegression(), ignore_label=[0, 0.5], **RAW)
    with pytest.raises(TypeError, match=r"ignore_label=\[0, 0\.5\] holds 0\.5"):
        segmenter.fit(*quadrants)


class Recorder(SelfTrainingClassifier):
    """Keeps the labels that it was given."""

    def fit(self, X, y):
        self.given_ = y
        return super().fit(X, y)


def test_semi_supervised_estimators_are_not_taught_ignored_pixels(quadrants):
    """Half of the image is to be ignored: of the other half alone, unlabeled pixels are learnt."""
    images, labels = quadrants
    y = np.full(labels.shape, -1)
    y[0, ::5, ::5] = labels[0, ::5, ::5]
    y[0, :, 20:] = 255
    fit = {"estimator": Recorder(LogisticRegression(max_iter=1000)), "ignore_label": 255, **RAW}
    given = AESegmenter(**fit).fit(images, y).estimator_.given_
    assert (given >= 0).sum() == 8 * 4
    assert (given == -1).sum() == 40 * 20 - 8 * 4


def test_semi_supervised_estimators_see_unlabeled_pixels(quadrants):
    """SelfTrainingClassifier labels pixels by itself, so it must have been given some."""
    images, labels = quadrants
    y = np.full(labels.shape, -1)
    y[0, ::7, ::7] = labels[0, ::7, ::7]
    estimator = SelfTrainingClassifier(RandomForestClassifier(10))
    segmenter = AESegmenter(estimator=estimator, **RAW).fit(images, y)
    assert (segmenter.estimator_.labeled_iter_ > 0).any()
    assert segmenter.score(images, labels) > 0.95


def test_a_classifier_asks_for_labels(quadrants):
    """Without y, with no labeled pixel, or with maps that do not fit, the error says so."""
    images, labels = quadrants
    segmenter = AESegmenter(estimator=LogisticRegression(), **RAW)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        segmenter.fit(images)
    with pytest.raises(ValueError, match="y has no labeled pixel"):
        segmenter.fit(images, np.full(labels.shape, -1))
    with pytest.raises(ValueError, match=r"y\[0\] has shape \(40, 39\), but X\[0\] has \(40, 40\)"):
        segmenter.fit(images, labels[:, :, :39])
    with pytest.raises(ValueError, match="y holds 2 label maps, but X holds 1 images"):
        segmenter.fit(images, [labels[0], labels[0]])
    with pytest.raises(ValueError, match=r"y\[0\] holds \d+\.5, but labels are whole numbers"):
        segmenter.fit(images, labels + 0.5)


def test_probabilities_sum_to_one_and_agree_with_labels(fitted, shapes):
    """k-means has none of its own: those of the mixture it is the limit of."""
    probabilities = fitted.predict_proba(shapes[0])
    assert probabilities.shape == (*shapes[1].shape, 3)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(-1), fitted.labels_)


def test_probabilities_of_the_estimator_pass_through(quadrants):
    """A classifier's own, in the order of classes_; an estimator without has none."""
    images, labels = quadrants
    segmenter = AESegmenter(estimator=LogisticRegression(), **RAW).fit(images, labels)
    rows = images.reshape(-1, 1)
    np.testing.assert_allclose(
        segmenter.predict_proba(images).reshape(-1, 4),
        segmenter.estimator_.predict_proba(rows),
        atol=1e-6,
    )
    assert not hasattr(AESegmenter(estimator=AgglomerativeClustering()), "predict_proba")


def test_transform_gives_feature_maps(fitted, shapes):
    """The codes that the estimator sees, which are the encoder's."""
    np.testing.assert_array_equal(fitted.transform(shapes[0]), fitted.encoder_.transform(shapes[0]))


def test_illumination_does_not_matter(quadrants):
    """Twice the light and an offset change nothing, image by image, unless intensities are kept."""
    images, _ = quadrants
    noisy = images + np.random.default_rng(0).normal(0, 0.3, images.shape)
    pair = np.concatenate([noisy, 100 + 3 * noisy])
    fitted = {
        normalize: AESegmenter(4, encoder="passthrough", normalize=normalize, random_state=0).fit(
            pair
        )
        for normalize in ("auto", "image", "dataset")
    }
    assert [model.normalize_ for model in fitted.values()] == ["image", "image", "dataset"]
    for normalize in ("auto", "image"):
        same = fitted[normalize].labels_
        assert (same[0] == same[1]).mean() > 0.99  # but for rounding
    other = fitted["dataset"].labels_
    assert (other[0] == other[1]).mean() < 0.1


@pytest.fixture(scope="module")
def nuclei():
    """Three exposures of bright discs on a dark, noisy background, and their label maps."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    truth = np.array([
        (np.hypot(rows % 32 - 16, columns % 32 - 16) < radius).astype(int) for radius in (7, 8, 9)
    ])  # fmt: skip
    return 100 + 900 * truth + rng.normal(0, 20, truth.shape), truth


def of_colors(**parameters):
    encoder = PixelEncoder(2, features="intensity", n_filters=4, max_epochs=0)
    return AESegmenter(2, encoder=encoder, random_state=0, **parameters)


@pytest.mark.parametrize("spoil", [65_535, -9999])
@pytest.mark.parametrize("light", [1, 4])
@pytest.mark.parametrize("estimator", [None, "logistic"])
def test_an_extreme_pixel_is_local(nuclei, spoil, light, estimator):
    """In a fitted or a predicted image, it changes no label elsewhere, whatever the ranges."""
    images, truth = nuclei
    images = images * np.array([1, 1, light])[:, None, None]
    spoiled = images.copy()
    spoiled[:, 0, 0] = spoil
    far = np.hypot(*np.mgrid[:96, :96]) > 12
    clean, other = (of_colors(estimator=estimator).fit(x, truth) for x in (images, spoiled))
    assert clean.normalize_ == other.normalize_ == ("dataset" if light == 1 else "image")
    labels = clean.predict(images)
    for model, x in ((clean, spoiled), (other, images), (other, spoiled)):
        assert matched_accuracy(labels[:, far], model.predict(x)[:, far]) > 0.999


@pytest.mark.parametrize("light", [1, 4])
@pytest.mark.parametrize("estimator", [None, "logistic"])
def test_empty_slices_have_no_nuclei(nuclei, light, estimator):
    """Noise gets the label of the background, also if most of the fitted images are empty."""
    images, truth = nuclei
    images = images * np.array([1, 1, light])[:, None, None]
    empty = np.random.default_rng(1).normal(100, 20, (5, 96, 96))
    stack = np.concatenate([images, empty])
    labels = np.concatenate([truth, np.zeros(empty.shape, int)])
    found = of_colors(estimator=estimator).fit(stack, labels).predict(stack)
    background = found[0, 0, 0]
    assert (found[3:] != background).mean() < 0.01
    assert (found[:3][truth == 1] != background).mean() > 0.99


def test_tiles_have_the_labels_of_the_whole(nuclei):
    """With a shared range, every pixel whose neighborhood is inside a tile, at any offset."""
    image = nuclei[0][0]
    model = of_colors().fit(image[None])
    assert model.normalize_ == "dataset"
    whole, reach = model.predict(image[None])[0], 8
    for top, left in np.random.default_rng(0).integers(0, 64, (8, 2)):
        part = model.predict(image[None, top : top + 32, left : left + 32])[0]
        inner = slice(reach, -reach), slice(reach, -reach)
        expected = whole[top : top + 32, left : left + 32]
        np.testing.assert_array_equal(part[inner], expected[inner])


def test_much_smaller_images_are_warned_of(nuclei):
    """If images have their own ranges; `normalize="dataset"` is the way out."""
    images = nuclei[0] * np.array([1, 2, 4])[:, None, None]
    with pytest.warns(UserWarning, match="normalize='dataset'"):
        of_colors().fit(images).predict(images[:, :40, :40])
    of_colors(normalize="dataset").fit(images).predict(images[:, :40, :40])


def test_ranges_on_disk_are_those_in_memory(nuclei, tmp_path):
    """Labels do not depend on where images are."""
    images = nuclei[0] * np.array([1, 2, 4])[:, None, None]
    np.save(tmp_path / "images.npy", images)
    stored = np.load(tmp_path / "images.npy", mmap_mode="r")
    model = of_colors().fit(images)
    np.testing.assert_array_equal(model.predict(stored), model.labels_)
    np.testing.assert_array_equal(of_colors().fit(stored).labels_, model.labels_)


def test_an_empty_image_is_not_stretched(quadrants):
    """Noise a hundred times fainter than what images show stays one segment."""
    images, _ = quadrants
    empty = 0.1 * np.random.default_rng(0).normal(size=images.shape[1:])
    segmenter = AESegmenter(4, encoder="passthrough", random_state=0).fit(images)
    assert len(np.unique(segmenter.predict(empty[None]))) == 1


def test_ordinary_transformers_see_patches(shapes):
    """PCA gets patch_size**2 numbers a pixel and channel."""
    segmenter = AESegmenter(3, encoder=PCA(4), patch_size=5, random_state=0).fit(shapes[0])
    assert segmenter.encoder_.n_features_in_ == 25
    assert segmenter.transform(shapes[0]).shape == (*shapes[1].shape, 4)


def test_specks_are_absorbed(shapes):
    """min_size leaves no connected patch smaller than itself."""
    from scipy.ndimage import label

    noisy = shapes[0] + np.random.default_rng(0).normal(0, 0.3, shapes[0].shape)
    speckled = AESegmenter(3, **RAW).fit_predict(noisy)
    clean = AESegmenter(3, min_size=12, **RAW).fit_predict(noisy)

    def smallest(m):
        patches = [label(m == value)[0] for value in np.unique(m)]
        return min(np.bincount(p.ravel())[1:].min() for p in patches)

    assert min(map(smallest, speckled)) < 12 <= min(map(smallest, clean))


def test_the_estimator_is_fitted_on_so_many_pixels(shapes):
    """n_fit_pixels bounds what the estimator sees, of labeled pixels too."""
    counts = []

    class Counting(LogisticRegression):
        def fit(self, X, y):
            counts.append((len(X), len(np.unique(y))))
            return super().fit(X, y)

    AESegmenter(estimator=Counting(), n_fit_pixels=500, **RAW).fit(*shapes)
    ((n_pixels, n_classes),) = counts
    assert 500 <= n_pixels <= 503  # shares of classes are rounded up
    assert n_classes == 3


def test_verbose_shows_the_training_of_the_encoder(shapes, capsys):
    """verbose=1 prints a header and a line an epoch, also of an encoder that is given."""
    encoder = PixelEncoder(2, features="intensity", max_epochs=2)
    segmenter = AESegmenter(2, encoder=encoder, verbose=1, random_state=0)
    segmenter.fit(shapes[0][:1, :32, :32])
    assert len(capsys.readouterr().out.strip().splitlines()) == 4
    assert encoder.verbose == 0
    segmenter.set_params(verbose=0).fit(shapes[0][:1, :32, :32])
    assert not capsys.readouterr().out


def test_classifiers_that_predict_once_fitted(shapes):
    """A StackingClassifier without a final estimator has no `predict` before its fit."""
    estimator = StackingClassifier(
        [("tree", DecisionTreeClassifier()), ("prior", DummyClassifier())]
    )
    segmenter = AESegmenter(estimator=estimator, **RAW).fit(*shapes)
    assert segmenter.score(*shapes) > 0.9


def test_the_score_of_a_clusterer_warns_of_labels(shapes):
    """It is no agreement with them, in spite of its name; without labels it is silent."""
    images, truth = shapes
    segmenter = AESegmenter(3, estimator=KMeans(), **RAW).fit(images)
    with pytest.warns(UserWarning, match=r"y is ignored.*make_segmentation_scorer"):
        score = segmenter.score(images, truth)
    assert score == segmenter.score(images)


def test_a_failed_fit_leaves_no_half_fitted_model(shapes):
    """If the estimator fails, the segmenter is not fitted."""

    class Failing(KMeans):
        def fit(self, X, y=None):
            raise RuntimeError("no luck")

    segmenter = AESegmenter(3, estimator=Failing(3), **RAW)
    with pytest.raises(RuntimeError, match="no luck"):
        segmenter.fit(shapes[0])
    assert not segmenter.__sklearn_is_fitted__()


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_segments", 0),
        ("scope", "images"),
        ("refine", "maybe"),
        ("encoder", "raw"),
        ("estimator", "svm"),
        ("patch_size", 0),
        ("patch_size", 4),
        ("min_size", -1),
        ("n_fit_pixels", 0),
    ],
)
def test_values_out_of_range_are_refused(shapes, parameter, value):
    """The error names the parameter."""
    with pytest.raises(ValueError, match=f"{parameter}"):
        AESegmenter(**{parameter: value}).fit(shapes[0])


def test_scope_image_partitions_every_image_on_its_own():
    """Images of unlike textures: one partition for each, the same alone as among others."""
    pairs = [make_mosaic(1, n_segments=2 + i, size=96, random_state=i) for i in range(2)]
    images = np.concatenate([x for x, _ in pairs])
    encoder = PixelEncoder(features="texture", pooling=3, n_filters=8, max_epochs=0)
    segmenter = AESegmenter(3, encoder=encoder, scope="image", random_state=0).fit(images)
    labels = segmenter.predict(images)
    np.testing.assert_array_equal(labels, segmenter.labels_)
    np.testing.assert_array_equal(segmenter.predict(images[1:])[0], labels[1])
    codes = segmenter.transform(images)
    for image in codes:  # centered on each by itself
        assert np.abs(image.mean((0, 1))).max() < 0.1
    together = AESegmenter(3, encoder=encoder, random_state=0).fit(images)
    assert (together.transform(images) != codes).any()
    assert segmenter.score(images) != together.score(images)
    assert segmenter.predict_proba(images).shape == (2, 96, 96, 3)


def test_scope_image_is_for_clusterers(shapes):
    """Labels that mean nothing across images cannot be those of a classifier."""
    images, truth = shapes
    segmenter = AESegmenter(scope="image", estimator=LogisticRegression())
    with pytest.raises(ValueError, match="scope='image'"):
        segmenter.fit(images, truth)


def test_the_default_estimator_follows_the_features(shapes, mosaic):
    """A mixture for colors, k-means for textures."""
    quick = {"n_filters": 8, "max_epochs": 0}
    for features, images, kind in (
        ("intensity", shapes[0], ShrunkMixture),
        ("texture", mosaic[0], KMeans),
        ("intensity+texture", shapes[0], KMeans),
    ):
        segmenter = AESegmenter(2, encoder=PixelEncoder(features=features, **quick), random_state=0)
        assert type(segmenter.fit(images).estimator_) is kind


def test_region_trees_of_single_images(shapes):
    """Any cut is a label map of the image, whatever its size and dtype; the same every time."""
    images, truth = shapes
    encoder = PixelEncoder(n_filters=8, max_epochs=0)
    segmenter = AESegmenter(3, encoder=encoder, scope="image", random_state=0).fit(images)
    tree = segmenter.region_tree(images[0])
    assert tree.regions.shape == images[0].shape[:2]
    k = len(np.unique(tree.cut(min_strength=0)))
    assert k == tree.n_regions > len(np.unique(tree.cut(2, min_strength=0))) == 2
    np.testing.assert_array_equal(segmenter.region_tree(images[0]).heights, tree.heights)
    assert segmenter.region_tree(images[0, 10:40, 5:]).regions.shape == (30, images.shape[2] - 5)
    best = max(mean_iou(truth[0], tree.cut(n, min_strength=0)) for n in range(2, 30))
    assert best > 0.6


@pytest.mark.parametrize("change", [{"scope": "dataset"}, {"encoder": PCA(1)}])
def test_trees_need_a_pixel_encoder_and_scope_image(shapes, change):
    """The error says both, and what there is instead."""
    options = {"encoder": PixelEncoder(n_filters=8, max_epochs=0), "scope": "image"} | change
    segmenter = AESegmenter(2, random_state=0, **options).fit(shapes[0])
    with pytest.raises(ValueError, match="region_tree needs"):
        segmenter.region_tree(shapes[0][0])


def test_clusterers_may_look_at_all_there_is(mosaic):
    """features="multiscale" is for classifiers; a clusterer takes it, and refines no borders."""
    encoder = PixelEncoder(4, features="multiscale", max_epochs=0)
    labels = AESegmenter(3, encoder=encoder, random_state=0).fit_predict(mosaic[0])
    assert set(np.unique(labels)) == {0, 1, 2}
    with pytest.raises(ValueError, match="refine=True needs codes of narrower pooling"):
        AESegmenter(3, encoder=encoder, refine=True, random_state=0).fit(mosaic[0])
