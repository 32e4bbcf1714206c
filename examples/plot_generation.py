"""
Generating digits, and images with their label maps
===================================================

A fitted autoencoder can draw new samples. This example computes scores that measure whether samples
resemble the data, are copies of it, and cover all classes. Then `ImageMaskGenerator` generates
images together with their label maps.
"""

# %%
# `sample` draws codes near those of the training digits and decodes them.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_shapes
from sklearn_segae.generation import (
    ImageMaskGenerator,
    mode_coverage,
    novelty,
    two_sample_accuracy,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, _ = train_test_split(X, y, test_size=500, random_state=0)
autoencoder = AutoencoderTransformer(16, max_epochs=40, random_state=0).fit(X_train)
drawn = autoencoder.sample(500)

# %%
# The two-sample accuracy is that of a nearest-neighbor classifier of drawn against held-out digits
# (0.5: cannot be distinguished). The novelty is how often drawn digits are further from the
# training digits than held-out ones (0.5: equally far, 0: copies). The mode coverage is the share
# of classes that occur, according to a classifier of real digits.

classifier = SVC(gamma=0.001).fit(X_train, y_train)
print(f"two-sample accuracy  {two_sample_accuracy(X_test, drawn):.2f}")
print(f"novelty              {novelty(X_train, X_test, drawn):.2f}")
print(f"mode coverage        {mode_coverage(classifier, drawn):.0%}")

# %%
# Top: drawn digits. Bottom: interpolations between the codes of two held-out digits.

figure, axes = plt.subplots(4, 12, figsize=(10, 3.6), layout="constrained")
paths = [autoencoder.interpolate(X_test[2 * i], X_test[2 * i + 1], 12) for i in range(2)]
for row, shown in zip(axes, [drawn[:12], drawn[12:24], *paths], strict=True):
    for ax, digit in zip(row, shown, strict=True):
        ax.imshow(digit.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set_axis_off()
plt.show()

# %%
# New pairs are generated from two labeled images of shapes. In one of them, discs are darker than
# squares, in the other they are equally bright. The codes of patches of a class are moved towards
# their distribution in the other image; then image and label map are deformed together.

images, labels = make_shapes(2, size=96, noise=0.1, random_state=0)
images[1][labels[1] == 1] += 0.4
generator = ImageMaskGenerator(style=1, random_state=1).fit(images, labels)
new_images, new_labels = generator.sample(5)

figure, axes = plt.subplots(2, 7, figsize=(12, 3.6), layout="constrained")
shown = [*zip(images, labels, strict=True), *zip(new_images, new_labels, strict=True)]
for (above, below), (image, mask) in zip(axes.T, shown, strict=True):
    above.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
    below.imshow(mask, cmap="viridis", interpolation="nearest")
    for ax in (above, below):
        ax.set_axis_off()
axes[0, 0].set_title("given")
axes[0, 1].set_title("given")
axes[0, 2].set_title("generated")
plt.show()

# %%
# The drawn digits are of all classes; some are between two classes, and so are the midpoints of
# interpolations between classes. In the new pairs, the brightness of discs is between those of the
# two images, and the labels match. Generated images contain nothing new: the shapes are deformed
# copies of the given ones.
