"""Draw the pictures of guide pages, before and after: `python docs/_before_after.py [NAME ...]`.

A case is a function that returns true classes and panels by their titles: images are floats, label
maps are integers. The mean IoU of each label map, whose segments are matched to classes, is printed
and drawn.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from PIL import Image
from scipy.ndimage import (
    distance_transform_edt,
    gaussian_filter,
    label,
    maximum_filter,
    median_filter,
)
from sklearn.cluster import KMeans

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import load_coins, load_textures, load_tissue, make_scenes, make_volume
from sklearn_segae.metrics import match_labels, mean_iou

IMAGES = Path(__file__).parent / "images" / "guide"
PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000"]
WIDTH = 9  # of a picture, in inches
N_COLORS = 64
INTENSITY = PixelEncoder(features="intensity", max_epochs=0)


def textures():
    """Segment textures whose gray values overlap."""
    data = load_textures()
    image = data.images[1] / 255
    return data.target[1], {
        "image": image,
        'features="intensity"': segments(image, 3, INTENSITY),
        'features="texture"': segments(image, 3, PixelEncoder(features="texture", max_epochs=0)),
    }


def number_of_segments():
    """Assign classes to too many segments by one stroke per class and image."""
    data = load_textures()
    segmenter = AESegmenter(random_state=0).fit(data.images)
    assigned = segmenter.assign_classes(data.images, data.strokes)
    return data.target[0], {
        "image and strokes": painted(data.images[0] / 255, data.strokes[0]),
        "n_segments=8": segmenter.labels_[0],
        "n_segments=3": AESegmenter(3, random_state=0).fit_predict(data.images)[0],
        "classes of 8 segments": assigned.predict(data.images)[0],
    }


def uneven_light():
    """Divide an unevenly lit image by its blur."""
    image, target = coins()
    return target, {
        "image": image,
        "default": segments(image, 2),
        "divided image": flat(image) / 2,
        "default, divided": segments(flat(image), 2),
    }


def exposures():
    """Apply a model of one exposure to another."""
    image, target = coins()
    fitted, dark = flat(image)[None, :, :192] / 2, flat(image)[None, :, 192:] * 0.3
    maps = {
        f'"{how}"': AESegmenter(2, normalize=how, random_state=0).fit(fitted).predict(dark)
        for how in ("dataset", "image")
    }
    shown = {"fitted": fitted[0], "another exposure": dark[0]}
    return target[:, 192:], shown | {title: labels[0] for title, labels in maps.items()}


def simple():
    """Segment smooth objects, for which single pixels are enough."""
    image, target = coins()
    image = median_filter(flat(image), 3) / 2
    return target, {
        "image": image,
        "default": segments(image, 2),
        "k-means on pixels": pixel_clusters(image, 2),
    }


def hot_pixels():
    """Make one pixel of a hundred ten times as bright as the brightest of the others."""
    image, target = coins()
    image = flat(image) / 2
    image[np.random.default_rng(0).random(image.shape) < 0.01] = 10 * image.max()
    return target, {
        "image": image,
        "k-means on pixels": pixel_clusters(image, 2),
        'features="intensity"': segments(image, 2, INTENSITY),
        "median_filter before": segments(median_filter(image, 3), 2),
    }


def speckle():
    """Multiply by noise, as in radar and ultrasound images."""
    image, target = coins()
    image = flat(image) / 2 * np.random.default_rng(0).gamma(4, 1 / 4, image.shape)
    return target, {
        "image": image,
        "k-means on pixels": pixel_clusters(image, 2),
        "default": segments(image, 2),
        "min_size=50": segments(image, 2, min_size=50),
    }


def thin_structures():
    """Segment walls between cells, two pixels thick."""
    volumes, truth = make_volume("membranes", size=(64, 192, 192), noise=0.6, random_state=0)
    image, target = standard(volumes[0, 32, ..., 0]), truth[0, 32]
    strokes = np.full(target.shape, -1)
    strokes[20:24] = target[20:24]
    fine = PixelEncoder(features="intensity", pooling=1, max_epochs=0)
    return target, {
        "image and strokes": painted(image, strokes),
        "default": segments(image, 2),
        "pooling=1": segments(image, 2, fine),
        "strokes": classes(image, strokes, "forest"),
    }


def strokes():
    """Segment tissues that both hold blue nuclei."""
    data = load_tissue()
    image = data.images[0] / 255
    return data.target[0], {
        "image and strokes": painted(image, data.strokes[0]),
        "no labels, n_segments=3": segments(image, 3),
        "six strokes": classes(image, data.strokes[0], "forest"),
    }


def few_strokes():
    """Add labels in three boxes that a classifier suggests, three times."""
    image, target = coins()
    drawn = load_coins().strokes[0]
    numbers, _ = label(drawn >= 0, np.ones((3, 3)))
    first = np.where(np.isin(numbers, (1, 2)), drawn, -1)  # one of each class
    y = first[None].copy()
    segmenter = AESegmenter(estimator="trees", random_state=0)
    before = segmenter.fit(image[None], y).predict(image[None])[0]
    for _ in range(3):
        for box in segmenter.suggest_regions(image[None], 3, y=y, size=16):
            y[0, box.rows, box.columns] = target[box.rows, box.columns]
        segmenter.fit(image[None], y)
    return target, {
        "two strokes": painted(image, first),
        "strokes": before,
        "nine suggested boxes": painted(image, y[0]),
        "strokes and boxes": segmenter.predict(image[None])[0],
    }


def unet():
    """Compare a forest, which sees the code of a pixel, with a U-Net, which sees others, too."""
    data = load_textures()
    forest, network = (
        AESegmenter(estimator=name, random_state=0).fit(data.images, data.strokes)
        for name in ("forest", "unet")
    )
    return data.target[0], {
        "image and strokes": painted(data.images[0] / 255, data.strokes[0]),
        'estimator="forest"': forest.predict(data.images)[0],
        'estimator="unet"': network.predict(data.images)[0],
    }


def nuclei():
    """Count synthetic nuclei: connected regions, and pixels by their nearest maximum."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128]
    centers = rng.uniform(10, 118, (12, 2))
    inside = np.any([np.hypot(y - row, x - column) < 9 for row, column in centers], axis=0)
    image = gaussian_filter(inside.astype(float), 1) + rng.normal(scale=0.3, size=inside.shape)
    found = match_labels(
        inside[None].astype(int), segments(image, 2, INTENSITY, min_size=30)[None]
    )[0]
    distance = gaussian_filter(distance_transform_edt(found), 1)
    maxima = (found > 0) & (distance == maximum_filter(distance, size=13))
    seeds, n_objects = label(maxima, np.ones((3, 3)))
    nearest = distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    regions, n_regions = label(found)
    objects = np.where(found, seeds[tuple(nearest)], 0)
    return inside.astype(int), {
        "image": standard(image),
        "two segments": found,
        f"{n_regions} regions": in_colors(regions),
        f"{n_objects} objects": in_colors(objects),
    }


def satellite():
    """Segment land cover in four bands."""
    images, truth = make_scenes(
        1, n_segments=4, kind="color", n_channels=4, size=192, noise=0.4, random_state=0
    )
    return truth[0], {"bands 1 to 3": images[0, ..., :3], "n_segments=4": segments(images[0], 4)}


def materials():
    """Segment phases that differ in gray value and texture; rims look like a third phase."""
    images, truth = make_scenes(
        1, n_segments=3, kind="intensity+texture", size=192, noise=0.3, random_state=1
    )
    strokes = np.full(truth[0].shape, -1)
    for row in (40, 140):
        strokes[row : row + 4] = truth[0, row : row + 4]
    return truth[0], {
        "image and labeled rows": painted(images[0, ..., 0], strokes),
        "no labels, n_segments=3": segments(images[0], 3),
        "labeled rows": classes(images[0], strokes, "forest"),
    }


def coins():
    """Return the coins, from 0 to 1, and their truth."""
    data = load_coins()
    return data.images[0] / 255, data.target[0]


def flat(image):
    """Divide by the local mean, wider than a coin."""
    return image / gaussian_filter(image, 40)


def standard(image):
    """Scale to the range from 0 to 1."""
    return (image - image.min()) / np.ptp(image)


def painted(image, strokes):
    """Return the image in RGB with strokes in the colors of label maps."""
    colors = np.array([mpl.colors.to_rgb(color) for color in PALETTE])
    rgb = np.broadcast_to(image[..., None], (*image.shape, 3)) if image.ndim == 2 else image
    return np.where(strokes[..., None] >= 0, colors[strokes], rgb)


def in_colors(objects):
    """Return an image of objects in recurring colors on black."""
    return painted(np.zeros(objects.shape), np.where(objects, objects % 7, -1))


def segments(image, n_segments, encoder=None, **parameters):
    """Return the label map of a segmenter without labels."""
    segmenter = AESegmenter(n_segments, encoder=encoder, random_state=0, **parameters)
    return segmenter.fit_predict(image[None])[0]


def classes(image, strokes, estimator):
    """Return the label map of a classifier."""
    segmenter = AESegmenter(estimator=estimator, random_state=0)
    return segmenter.fit(image[None], strokes[None]).predict(image[None])[0]


def pixel_clusters(image, n_segments):
    """Return the label map of k-means on gray values."""
    pixels = image.reshape(-1, 1)
    return KMeans(n_segments, n_init=10, random_state=0).fit_predict(pixels).reshape(image.shape)


def scores(target, panels):
    """Return the mean IoU of every label map."""
    maps = {title: panel for title, panel in panels.items() if panel.dtype.kind == "i"}
    return {title: mean_iou(target[None], labels[None]) for title, labels in maps.items()}


def draw(target, panels):
    """Return a figure of the panels side by side."""
    height, width = target.shape
    side = min(2.3, WIDTH * height / (len(panels) * width))  # in inches
    size = side * len(panels) * width / height, side + 0.35
    figure, axes = plt.subplots(1, len(panels), figsize=size)
    scored = scores(target, panels)
    for ax, (title, panel) in zip(axes, panels.items(), strict=True):
        if title in scored:
            title, panel = (
                f"{title}: {scored[title]:.2f}".replace(": 0.", ": ."),
                match_labels(target[None], panel[None])[0],
            )
            ax.imshow(panel, ListedColormap(PALETTE), vmin=0, vmax=7, interpolation="nearest")
        else:
            ax.imshow(panel.clip(0, 1), cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=9)
        ax.set_axis_off()
    figure.tight_layout(pad=0.3)
    return figure


def save(figure, path):
    """Write a small PNG with a palette."""
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    picture.quantize(N_COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    plt.close(figure)


CASES = {
    case.__name__: case
    for case in (
        textures,
        number_of_segments,
        uneven_light,
        exposures,
        simple,
        hot_pixels,
        speckle,
        thin_structures,
        few_strokes,
        strokes,
        unet,
        nuclei,
        satellite,
        materials,
    )
}


if __name__ == "__main__":
    mpl.use("agg")
    for name in sys.argv[1:] or CASES:
        target, panels = CASES[name]()
        print(name, {title: round(score, 3) for title, score in scores(target, panels).items()})
        save(draw(target, panels), IMAGES / f"{name}.png")
