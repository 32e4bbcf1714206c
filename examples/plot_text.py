"""
Text: sparse rows in, a map of topics out
=========================================

Python's standard library, ten lines of source a text, as TF-IDF rows: a thousand words, most of
them absent. The rows stay sparse; only the batch in work is ever dense.
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
# The module is the topic.

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
# Two numbers a text. Cross-entropy suits words that are there or not, and hiding a quarter of them
# makes the net learn which go together. What is 0 stays 0 if scaled to [0, 1].

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
autoencoder = AutoencoderTransformer(
    2,
    variant="masked",
    loss="cross_entropy",
    scaling="minmax",
    hidden_layer_sizes=(128,),
    lr=1e-2,
    max_epochs=60,
    n_iter_no_change=60,
    random_state=0,
).fit(X_train)
pca = TruncatedSVD(2, random_state=0).fit(X_train)
for name, model in {"autoencoder": autoencoder, "latent semantic analysis": pca}.items():
    neighbors = KNeighborsClassifier(15).fit(model.transform(X_train), y_train)
    found = neighbors.score(model.transform(X_test), y_test)
    print(f"{name:25s} the module is found for {found:.0%} of new texts")

# %%

codes = autoencoder.transform(X_test)
for topic, module in enumerate(modules):
    plt.scatter(*codes[y_test == topic].T, s=8, label=module.__name__)
plt.legend()
plt.show()

# %%
# What to see: modules lie in regions of their own, argparse and statistics farthest out, and what
# deals in messages and trees side by side. The linear map has arms that begin in one crowded place.
# Pieces of plain code, which speak no module's language, lie in the middle.
