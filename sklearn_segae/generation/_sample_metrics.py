"""Scores of generated samples: fidelity, novelty and coverage.

Samples are rows or images, along the first axis of arrays. Distances are Euclidean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted


def two_sample_accuracy(real: Any, generated: Any) -> float:
    """Return the accuracy of a nearest-neighbor classifier of generated and real samples.

    This is a classifier two-sample test [1]_ with the leave-one-out accuracy of a nearest-neighbor
    classifier. 0.5 is ideal; at 1 generated samples are always distinguished from real ones. Values
    below 0.5 indicate that generated samples are copies of real ones.

    Parameters
    ----------
    real, generated : array of shape (n_samples, ...)
        The same number of both. `real` should be samples that the generator was not fitted to.

    Returns
    -------
    accuracy : float
        In [0, 1].

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017,
       arXiv:1610.06545.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.generation import two_sample_accuracy
    >>> rng = np.random.default_rng(0)
    >>> real, far = rng.normal(size=(2, 200, 3)) + np.array([0, 9])[:, None, None]
    >>> two_sample_accuracy(real, far)
    1.0
    """
    real, generated = _rows(real=real, generated=generated)
    if len(real) != len(generated):
        raise ValueError(
            f"real holds {len(real)} samples, but generated holds {len(generated)}. Pass the same "
            "number of both, so that chance is 0.5."
        )
    samples = np.concatenate([real, generated])
    is_generated = np.repeat([False, True], len(real))
    nearest = NearestNeighbors(n_neighbors=1).fit(samples).kneighbors(return_distance=False)
    return float(np.mean(is_generated[nearest[:, 0]] == is_generated))


def novelty(train: Any, real: Any, generated: Any) -> float:
    """Return the probability that generated samples are further from the training data than real.

    This is the test of data copying of Meehan et al. [1]_, over the whole space: the probability
    that the distance of a generated sample to the nearest training sample exceeds that of a
    held-out real sample; ties count half. 0.5 is ideal; values near 0 indicate copies of the
    training data, and values near 1 samples that are unlike the data.

    Parameters
    ----------
    train : array of shape (n_train, ...)
        The samples that the generator was fitted to.
    real : array of shape (n_real, ...)
        Held-out samples.
    generated : array of shape (n_generated, ...)
        Generated samples.

    Returns
    -------
    novelty : float in [0, 1]

    References
    ----------
    .. [1] C. Meehan, K. Chaudhuri, S. Dasgupta, "A non-parametric test to detect data-copying in
       generative models", AISTATS 2020, arXiv:2004.05675.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.generation import novelty
    >>> train, real = np.random.default_rng(0).normal(size=(2, 100, 3))
    >>> novelty(train, real, train)
    0.0
    """
    train, real, generated = _rows(train=train, real=real, generated=generated)
    nearest = NearestNeighbors(n_neighbors=1).fit(train)
    distances = nearest.kneighbors(np.concatenate([generated, real]))[0][:, 0]
    ranks = rankdata(distances)[: len(generated)]  # Mann and Whitney's U
    own = len(generated) * (len(generated) + 1) / 2
    return float((ranks.sum() - own) / (len(generated) * len(real)))


def coverage(real: Any, generated: Any, n_neighbors: int = 5) -> float:
    """Return the share of real samples with a generated one in their neighborhood [1]_.

    Parameters
    ----------
    real, generated : array of shape (n_samples, ...)
        Coverage grows with the number of generated samples: use as many as there are real ones.
    n_neighbors : int, default=5
        Number of real samples in a neighborhood. With 5, as many new real samples have a coverage
        of about 0.97.

    Returns
    -------
    coverage : float in [0, 1]

    References
    ----------
    .. [1] M. Naeem et al., "Reliable fidelity and diversity metrics for generative models",
       ICML 2020, arXiv:2002.09797.

    Examples
    --------
    >>> from sklearn_segae.generation import coverage
    >>> coverage([[0.0], [1.0], [8.0], [9.0]], [[0.4], [0.6]], n_neighbors=1)
    0.5
    """
    real, generated = _rows(real=real, generated=generated)
    if not 0 < n_neighbors < len(real):
        raise ValueError(
            f"n_neighbors={n_neighbors}, but each of the {len(real)} real samples has "
            f"{len(real) - 1} neighbors. Pass 1 to {len(real) - 1}."
        )
    reach = NearestNeighbors(n_neighbors=n_neighbors).fit(real).kneighbors()[0][:, -1]
    nearest = NearestNeighbors(n_neighbors=1).fit(generated).kneighbors(real)[0][:, 0]
    return float(np.mean(nearest <= reach))


def mode_coverage(classifier: Any, generated: Any, *, min_share: float = 0.1) -> float:
    """Return the share of classes that occur among the generated samples.

    Parameters
    ----------
    classifier : estimator
        A classifier fitted to real samples (as rows) and their classes.
    generated : array of shape (n_samples, ...)
        Generated samples.
    min_share : float, default=0.1
        A class occurs if it is predicted for at least `min_share * n_samples / n_classes` samples,
        and for at least one.

    Returns
    -------
    coverage : float in [0, 1]

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_segae.generation import mode_coverage
    >>> classifier = KNeighborsClassifier(1).fit([[0.0], [1.0], [2.0]], ["a", "b", "c"])
    >>> round(mode_coverage(classifier, [[0.1], [0.2], [1.1]]), 2)
    0.67
    """
    check_is_fitted(classifier)
    (generated,) = _rows(generated=generated)
    classes, counts = np.unique(classifier.predict(generated), return_counts=True)
    n_classes = len(classifier.classes_)
    fewest = max(1, min_share * len(generated) / n_classes)
    return float(np.isin(classifier.classes_, classes[counts >= fewest]).mean())


def _rows(**samples: Any) -> list[np.ndarray]:
    """Return arrays of samples as rows of equal length."""
    rows = []
    for name, X in samples.items():
        X = check_array(X, allow_nd=True, input_name=name, dtype=[np.float64, np.float32])
        rows.append(X.reshape(len(X), -1))
    first, width = next(iter(samples)), rows[0].shape[1]
    for name, X in zip(samples, rows, strict=True):
        if X.shape[1] != width:
            raise ValueError(
                f"{name} has {X.shape[1]} numbers per sample, but {first} has {width}. Pass "
                "samples of equal size."
            )
    return rows
