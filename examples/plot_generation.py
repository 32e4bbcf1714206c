"""
Generated digits, and generated images with their label maps
============================================================

A fitted autoencoder draws new samples. How do we know that they are like the data, and neither
copies of it nor all of one kind? And what does it take to make an image *and* its label map?
"""

# %%
# An autoencoder of 8 x 8 digits draws codes near those of the training digits, and decodes them.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.datasets import make_shapes
from sklearn_segae.generation._image_mask_generator import ImageMaskGenerator
from sklearn_segae.generation._sample_metrics import mode_coverage, novelty, two_sample_accuracy

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, _ = train_test_split(X, y, test_size=500, random_state=0)
autoencoder = AutoencoderTransformer(16, max_epochs=40, random_state=0).fit(X_train)
drawn = autoencoder.sample(500)

# %%
# Three questions, three scores. Can a nearest neighbor tell drawn digits from held-out ones (0.5:
# no)? Are they as far from the training digits as held-out ones are (0.5: yes, 0: copies)? Do all
# classes occur, as a classifier of real digits sees them?

classifier = SVC(gamma=0.001).fit(X_train, y_train)
print(f"told apart  {two_sample_accuracy(X_test, drawn):.2f}")
print(f"novelty     {novelty(X_train, X_test, drawn):.2f}")
print(f"classes     {mode_coverage(classifier, drawn):.0%}")

# %%
# Above, drawn digits; below, ways through the space of codes from one held-out digit to another.

figure, axes = plt.subplots(4, 12, figsize=(10, 3.6), layout="constrained")
ways = [autoencoder.interpolate(X_test[2 * i], X_test[2 * i + 1], 12) for i in range(2)]
for row, shown in zip(axes, [drawn[:12], drawn[12:24], *ways], strict=True):
    for ax, digit in zip(row, shown, strict=True):
        ax.imshow(digit.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set_axis_off()
plt.show()

# %%
# Two labeled images of shapes become many. In one of them, discs are darker than squares, in the
# other as bright. Codes of patches move from what a class is like in one image towards what it is
# like in the other; then image and label map are bent together.

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
# What to see: drawn digits are of all classes, and most would pass, but some are between two; so
# are the middles of ways between classes. In new pairs, discs are of brightnesses in between, and
# the labels fit. What no image shows, no generated one does either: the shapes are those that
# were given, bent.
