"""
Choosing the pooling and the number of segments
===============================================

A texture can only be recognized from a neighborhood, whose width is the parameter `pooling`. If it
is too narrow, the pattern inside a texture is segmented; if it is too wide, codes of different
textures become similar. Three labeled images are enough to choose it by a grid search.
"""

# %%
# We use six images of the same four textures. Three of them are labeled; the others are used only
# for the evaluation at the end.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import make_segmentation_scorer, match_labels

images, truth = make_mosaic(6, n_segments=4, size=64, random_state=0)
X, y = images[:3], truth[:3]

# %%
# In every fold, a segmenter is fitted to two images without their labels, and its segments of the
# third image are scored with the labels. `memory` trains one network for each pooling and fold, not
# for each number of segments. Parameters of the encoder have the prefix `encoder__`.

poolings, numbers = [0, 2, 8], [2, 3, 4, 5, 6]
with tempfile.TemporaryDirectory() as cache:
    segmenter = AESegmenter(
        encoder=PixelEncoder(8, features="texture", whitening=1, n_filters=16, max_epochs=1),
        estimator=KMeans(n_init=3),
        refine=False,  # quicker, and enough to compare with
        memory=cache,
        random_state=0,
    )
    search = GridSearchCV(
        segmenter,
        {"encoder__pooling": poolings, "n_segments": numbers},
        scoring=make_segmentation_scorer(adjusted_rand_score),
        cv=3,
    ).fit(X, y)
    print(search.best_params_, f"{search.best_score_:.2f}")

# %%
# Scores are low if the pooling is too narrow or too wide. With the best pooling, four segments have
# the highest score, which is the number of textures. The choice also holds for an image that was
# not part of the search. Without pooling, the stripes inside the textures are segmented; with six
# segments, textures are split. The errors of the best model are at borders, where a neighborhood
# contains two textures.

best = search.best_estimator_
pictures = {
    "the best": best,
    "too narrow": clone(best).set_params(encoder__pooling=0).fit(X),
    "too wide": clone(best).set_params(encoder__pooling=8).fit(X),
    "too many": clone(best).set_params(n_segments=6).fit(X),
}

figure, axes = plt.subplots(2, 4, figsize=(13, 6.4), layout="constrained")
axes[0, 0].imshow(X[0, ..., 0], cmap="gray")
axes[0, 0].contour(y[0], levels=[0.5, 1.5, 2.5], colors="red")
axes[0, 0].set_title("a labeled image and its borders")
scores = search.cv_results_["mean_test_score"].reshape(len(poolings), len(numbers))
axes[0, 1].imshow(scores, vmin=0, vmax=1)
axes[0, 1].set(title="scores of the search", xlabel="n_segments", ylabel="encoder__pooling")
axes[0, 1].set_xticks(range(len(numbers)), numbers)
axes[0, 1].set_yticks(range(len(poolings)), poolings)
for (row, column), score in np.ndenumerate(scores):
    color = "white" if score < 0.6 else "black"
    axes[0, 1].text(column, row, f"{score:.2f}", color=color, ha="center", va="center")

new_image, new_truth = images[3:4], truth[3]
axes[0, 2].imshow(new_image[0, ..., 0], cmap="gray")
axes[0, 2].set_title("a new image")
axes[0, 3].imshow(new_truth, cmap="viridis", vmin=0, vmax=5)
axes[0, 3].set_title("truth")
for ax, (name, fitted) in zip(axes[1], pictures.items(), strict=True):
    labels = match_labels(new_truth, fitted.predict(new_image)[0])
    ax.imshow(labels, cmap="viridis", vmin=0, vmax=5)
    score = adjusted_rand_score(new_truth.ravel(), labels.ravel())
    chosen = fitted.encoder.pooling, fitted.n_segments
    ax.set_title(f"{name}: pooling {chosen[0]}, {chosen[1]} segments\nscore {score:.2f}")
for ax in (axes[0, 0], *axes.flat[2:]):
    ax.set_axis_off()
plt.show()
