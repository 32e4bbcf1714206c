"""
Saving and loading without pickle
=================================

Loading a pickle can run any code that is in it. `persistence.save` writes data without code. This
example shows the contents of a file, compares the loaded model with the saved one, and loads
damaged files.
"""

# %%
# `save` writes a fitted segmenter to one file.

import tempfile
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.persistence import load, save

images, _ = make_shapes(2, size=96, random_state=0)
encoder = PixelEncoder(4, features="intensity", max_epochs=3)
segmenter = AESegmenter(3, encoder=encoder, random_state=0).fit(images)
path = Path(tempfile.mkdtemp()) / "shapes.segae"
save(segmenter, path)

# %%
# The file is a zip archive of JSON and arrays.

with zipfile.ZipFile(path) as archive:
    sizes = {member.filename: member.file_size for member in archive.infolist()}
print(sizes)

# %%
# The loaded model gives the same labels for new images.

new_images, _ = make_shapes(1, size=96, random_state=1)
before, after = segmenter.predict(new_images), load(path).predict(new_images)
assert (before == after).all()

# %%
# Now one byte of the file is changed, at 200 positions in turn.

content = path.read_bytes()
outcomes = {"refused": 0, "loaded, same labels": 0, "loaded, other labels": 0}
for place in np.linspace(0, len(content) - 1, 200).astype(int):
    damaged = bytearray(content)
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    try:
        again = load(path)
    except ValueError:
        outcomes["refused"] += 1
    else:
        same = (again.predict(new_images) == before).all()
        outcomes["loaded, same labels" if same else "loaded, other labels"] += 1
print(outcomes)

# %%
# The labels of the loaded model are the same, and damaged files are refused, except where the byte
# has no meaning for the model. Checksums do not authenticate a file: somebody who changes weights
# on purpose can write matching checksums. Such a file still cannot run code.

figure, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")
axes[0].imshow(new_images[0, ..., 0], cmap="gray")
axes[0].set_title("a new image")
for ax, labels, title in zip(axes[1:3], (before, after), ("saved", "loaded"), strict=True):
    ax.imshow(labels[0], cmap="viridis")
    ax.set_title(f"labels of the model {title}")
for ax in axes[:3]:
    ax.set_axis_off()
bars = axes[3].barh(list(outcomes), list(outcomes.values()))
axes[3].bar_label(bars, padding=3)
axes[3].set(title="200 damaged files", xlim=(0, 240))
plt.show()
