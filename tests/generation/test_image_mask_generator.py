"""New images with their label maps: what they keep of the given ones, and what they change."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_shapes
from sklearn_segae.generation._image_mask_generator import ImageMaskGenerator


def generator(**parameters):
    """A quick one: linear codes."""
    return ImageMaskGenerator(**{"autoencoder": PCA(6), "random_state": 0} | parameters)


@pytest.fixture(scope="module")
def two():
    """Two images of shapes; in the second, of thrice the range, discs are as bright as squares."""
    images, labels = make_shapes(2, size=64, noise=0.05, random_state=0)
    images[1][labels[1] == 1] += 0.4
    return images * np.array([1, 3], np.float32)[:, None, None, None], labels


def class_means(images, labels):
    return np.array(
        [[i[m == c].mean() for c in (0, 1, 2)] for i, m in zip(images, labels, strict=True)]
    )


def test_images_and_label_maps_change_together(two):
    """Without a change of style, the classes of a new pair look as they did."""
    images, labels = generator(style=0).fit(*two).sample(6)
    assert all(set(np.unique(m)) <= {0, 1, 2} for m in labels)
    changed = [(m != given).mean() > 0.05 for m in labels for given in two[1]]
    assert all(changed)
    means, known = class_means(images, labels), class_means(*two)
    for row in means:
        assert (np.abs(known - row) < 0.1 * known.max(1, keepdims=True)).all(1).any()


def test_styles_go_from_one_image_to_the_other(two):
    """Discs of the first image get brighter, up to squares, and those of the second darker."""
    images, labels = generator(distortion=0, style=1).fit(*two).sample(20)
    first = (labels == two[1][0]).all((1, 2))
    assert ((labels == two[1][1]).all((1, 2)) == ~first).all()
    assert 4 < first.sum() < 16
    means, known = class_means(images, labels), class_means(*two)
    relative, was = means[:, 1] / means[:, 2], known[:, 1] / known[:, 2]
    assert was[0] < 0.7 < 0.9 < was[1]
    assert (relative[first] > was[0]).all()
    assert (relative[~first] < was[1]).all()
    assert relative[first].max() > was[0] + 0.15
    assert relative[~first].min() < was[1] - 0.15
    # In their own range: the dark image stays dark, the bright one bright.
    assert images[first].max() < 2 < images[~first].max()


def test_more_style_changes_more(two):
    """0 keeps the pixels, 1 changes them more than 0.5."""
    changes = []
    for style in (0, 0.5, 1.0):
        images, labels = generator(distortion=0, style=style).fit(*two).sample(10)
        own = [two[0][int((m != two[1][0]).any())] for m in labels]
        changes.append(np.abs(images - own).mean())
    assert changes[0] < 1e-6  # to the range [0, 1] and back
    assert changes[2] > 1.5 * changes[1] > 0


def test_more_distortion_moves_labels_further(two):
    """Labels of a new map differ from the given ones the more, the stronger the distortion."""
    _, labels = two
    shares = []
    for distortion in (0, 0.1, 1):
        _, new = generator(distortion=distortion, style=0).fit(*two).sample(10)
        mirrored = [m[:, ::a, ::b] for m in [labels] for a in (1, -1) for b in (1, -1)]
        given = np.concatenate(mirrored)
        shares.append(np.mean([min((m != g).mean() for g in given) for m in new]))
    assert shares[0] == 0
    assert shares[2] > 2 * shares[1] > 0


def test_containers_and_types_are_those_of_the_input(rng):
    """Bytes stay bytes in their range, lists lists, gray images have no channel axis."""
    sizes = [(20, 24), (17, 31)]
    images = [rng.integers(50, 200, size).astype(np.uint8) for size in sizes]
    labels = [rng.integers(0, 2, size).astype(np.uint8) for size in sizes]
    fitted = generator().fit(images, labels)
    new, maps = fitted.sample(8)
    assert isinstance(new, list)
    assert isinstance(maps, list)
    assert {i.shape for i in new} == set(sizes)
    assert all(i.shape == m.shape for i, m in zip(new, maps, strict=True))
    assert {i.dtype for i in [*new, *maps]} == {np.dtype(np.uint8)}
    assert min(i.min() for i in new) >= 50
    assert max(i.max() for i in new) < 200
    stack, labels = rng.normal(size=(3, 16, 16)), np.zeros((3, 16, 16), int)
    new, maps = generator().fit(stack, labels).sample(2)
    assert new.shape == maps.shape == (2, 16, 16)
    assert new.dtype == np.float64


def test_unlabeled_and_ignored_pixels_stay_what_they_are(two):
    """Their values are carried along; others do not appear, however odd."""
    images, labels = two
    marked = np.where(labels == 0, 255, np.where(labels == 1, -1, 7)).astype(np.int16)
    fitted = generator().fit(images, marked)
    _, maps = fitted.sample(4)
    np.testing.assert_array_equal(np.unique(maps), [-1, 7, 255])
    np.testing.assert_array_equal(fitted.classes_, [-1, 7, 255])
    assert maps.dtype == np.int16


def test_resampling_puts_new_pairs_behind_the_given_ones(two):
    """As many as asked for; none leaves the set as it was. The input is not written to."""
    images, labels = (a.copy() for a in two)
    more, maps = generator(n_generated=3).fit_resample(images, labels)
    assert more.shape == (5, 64, 64, 1)
    assert maps.shape == (5, 64, 64)
    np.testing.assert_array_equal(more[:2], images)
    np.testing.assert_array_equal(maps[:2], labels)
    np.testing.assert_array_equal(images, two[0])
    none, _ = generator(n_generated=0).fit_resample(list(images), list(labels))
    assert isinstance(none, list)
    assert len(none) == 2


def test_equal_seeds_equal_pairs(two):
    """Other seeds other ones; pickled or cloned alike."""
    fitted = generator().fit(*two)
    first = fitted.sample(3)[0]
    np.testing.assert_array_equal(first, fitted.sample(3)[0])
    np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(fitted)).sample(3)[0])
    np.testing.assert_array_equal(first, clone(fitted).fit(*two).sample(3)[0])
    assert np.abs(first - generator(random_state=1).fit(*two).sample(3)[0]).max() > 0.1


def test_the_autoencoder_is_ours_unless_given(two):
    """It learns patches of image and label map: size x size x (channels + classes) numbers."""
    fitted = ImageMaskGenerator(patch_size=4, random_state=0).fit(*two)
    assert isinstance(fitted.autoencoder_, AutoencoderTransformer)
    assert fitted.autoencoder_.n_features_in_ == 4 * 4 * (1 + 3)
    assert generator().fit(*two).autoencoder_.n_features_in_ == 8 * 8 * (1 + 3)
    given = PCA(2)
    assert generator(autoencoder=given).fit(*two).autoencoder_.n_components_ == 2
    assert not hasattr(given, "components_")


def test_one_image_is_enough(two):
    """It has no other style to move to, but shapes to change."""
    images, _ = generator().fit(two[0][:1], two[1][:1]).sample(2)
    assert images.shape == (2, 64, 64, 1)
    assert np.abs(images - two[0][:1]).max() > 0.1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patch_size": 7}, "patch_size=7 is odd.*Pass 8"),
        ({"patch_size": 0}, "patch_size"),
        ({"style": -1}, "style"),
        ({"distortion": -0.1}, "distortion"),
        ({"n_generated": -1}, "n_generated"),
        ({"autoencoder": "nonsense"}, "autoencoder"),
    ],
)
def test_parameters_out_of_range_are_refused(two, parameters, message):
    """In fit, by name."""
    with pytest.raises(ValueError, match=message):
        generator(**parameters).fit(*two)


def test_misfits_are_refused(two):
    """Label maps that do not fit their images, and samples of nothing."""
    images, labels = two
    with pytest.raises(ValueError, match="y holds 1 label maps, but X holds 2 images"):
        generator().fit(images, labels[:1])
    with pytest.raises(ValueError, match=r"y\[0\] has shape"):
        generator().fit(images, labels[:, :5])
    with pytest.raises(ValueError, match="not fitted"):
        generator().sample()
    with pytest.raises(ValueError, match="n_samples=0"):
        generator().fit(images, labels).sample(0)


@pytest.mark.parametrize("kind", ["strings", "masked"])
def test_labels_of_other_types_are_generated(two, kind):
    """New label maps are those of integers, with other names; masked pixels stay masked."""
    images, labels = two
    names = np.array(["ground", "disc", "square"])
    y = names[labels] if kind == "strings" else np.ma.masked_array(labels, labels == 0)
    fitted = generator().fit(images, y)
    _, new = fitted.sample(2)
    assert fitted.classes_.tolist() == (sorted(names) if kind == "strings" else [1, 2])
    assert new.dtype == y.dtype
    assert new.shape == labels.shape
    if kind == "masked":
        assert new.mask.any()
        assert set(np.unique(new.compressed())) <= {1, 2}
    both = fitted.fit_resample(images, y)[1]
    assert both.dtype == y.dtype
