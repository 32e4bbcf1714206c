"""
Encoding text as sparse rows
============================

The texts are pieces of ten lines of source code of Python's standard library, as TF-IDF rows of a
thousand words. The rows stay sparse; only the current batch is converted to a dense array.
"""

# %%

import argparse
import calendar
import email.message
import inspect
import statistics
import tarfile
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae import AutoencoderTransformer

modules = [argparse, calendar, email.message, statistics, tarfile, ElementTree]
sources = [inspect.getsource(module) for module in modules]

# %%
# The topic of a text is its module.

texts, topics = [], []
for topic, source in enumerate(sources):
    lines = source.splitlines()
    pieces = ["\n".join(lines[i : i + 10]) for i in range(0, len(lines), 10)]
    texts += pieces
    topics += [topic] * len(pieces)
X = TfidfVectorizer(max_features=1000, token_pattern=r"[a-zA-Z]{3,}").fit_transform(texts)
y = np.array(topics)
print(X.shape, f"{X.nnz / np.prod(X.shape):.1%} of the numbers are not zero")

# %%
# The codes have two components. Cross-entropy suits words that are present or absent. The variant
# "masked" hides a quarter of the words, so that the network learns which words occur together.
# `scaling="minmax"` keeps zeros, and thus sparsity.

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
autoencoder = AutoencoderTransformer(
    2,
    variant="masked",
    loss="cross_entropy",
    scaling="minmax",
    hidden_layer_sizes=(128,),
    lr=1e-2,
    max_epochs=60,
    n_iter_no_change=60,  # all epochs
    random_state=0,
).fit(X_train)
pca = TruncatedSVD(2, random_state=0).fit(X_train)
for name, model in {"autoencoder": autoencoder, "latent semantic analysis": pca}.items():
    neighbors = KNeighborsClassifier(15).fit(model.transform(X_train), y_train)
    accuracy = neighbors.score(model.transform(X_test), y_test)
    print(f"{name:25s} accuracy of modules for new texts: {accuracy:.0%}")

# %%

codes = autoencoder.transform(X_test)
for topic, module in enumerate(modules):
    plt.scatter(*codes[y_test == topic].T, s=8, label=module.__name__)
plt.legend()
plt.show()

# %%
# Modules form separate regions, with argparse and statistics farthest from the center, and the
# modules for messages and trees side by side. Texts without words that are typical of a module are
# in the center.
