"""Scores of generated samples: whether they are like the data, new, and of every kind.

Samples are rows or images, arrays whose first axis counts them; distances are Euclidean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted


def two_sample_accuracy(real: Any, generated: Any) -> float:
    """Return how well a nearest neighbor tells generated samples from real ones.

    The accuracy of a classifier two-sample test [1]_ whose classifier is the nearest of all other
    samples, each left out in turn. 0.5 is perfect; 1 is told apart always. Below 0.5 every
    sample is nearest to one of the other kind: generated ones are copies of the real ones.

    Parameters
    ----------
    real, generated : array of shape (n_samples, ...)
        Equally many of both. `real` should be samples that the generator was not fitted on.

    Returns
    -------
    accuracy : float

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
            f"real holds {len(real)} samples, but generated holds {len(generated)}. With as many "
            "of both, chance is 0.5: leave some out."
        )
    everything = np.concatenate([real, generated])
    made = np.repeat([False, True], len(real))
    nearest = NearestNeighbors(n_neighbors=1).fit(everything).kneighbors(return_distance=False)
    return float(np.mean(made[nearest[:, 0]] == made))


def novelty(train: Any, real: Any, generated: Any) -> float:
    """Return how often generated samples are further from the training data than new real ones.

    The test of data copying of Meehan et al. [1]_, over all space: the probability that a
    generated sample's distance to the nearest training sample exceeds a real one's, ties
    counting half. 0.5 is as new as new data are; near 0, the training data were learnt by
    heart; near 1, samples lie off the data.

    Parameters
    ----------
    train : array of shape (n_train, ...)
        What the generator was fitted on.
    real : array of shape (n_real, ...)
        Samples like those that were held out.
    generated : array of shape (n_generated, ...)

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
    """Return the share of real samples that have a generated one in their neighborhood [1]_.

    Parameters
    ----------
    real, generated : array of shape (n_samples, ...)
        The more samples are generated, the higher; take as many as there are real ones.
    n_neighbors : int, default=5
        A neighborhood reaches to that many other real samples. With 5, as many new real ones
        cover about 0.97.

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
            f"n_neighbors={n_neighbors}, but every one of {len(real)} real samples has 1 to "
            f"{len(real) - 1} others."
        )
    reach = NearestNeighbors(n_neighbors=n_neighbors).fit(real).kneighbors()[0][:, -1]
    nearest = NearestNeighbors(n_neighbors=1).fit(generated).kneighbors(real)[0][:, 0]
    return float(np.mean(nearest <= reach))


def mode_coverage(classifier: Any, generated: Any, *, min_share: float = 0.1) -> float:
    """Return the share of classes that occur among generated samples.

    Parameters
    ----------
    classifier : estimator
        Fitted on real samples (as rows) and their classes.
    generated : array of shape (n_samples, ...)
    min_share : float, default=0.1
        A class occurs if it is predicted for at least this part of an even share of the samples,
        and for one at least.

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
    names, counts = np.unique(classifier.predict(generated), return_counts=True)
    n_classes = len(classifier.classes_)
    fewest = max(1, min_share * len(generated) / n_classes)
    return float(np.isin(classifier.classes_, names[counts >= fewest]).mean())


def _rows(**samples: Any) -> list[np.ndarray]:
    """Return arrays of samples as rows of the same length, each a sample."""
    rows = []
    for name, X in samples.items():
        X = check_array(X, allow_nd=True, input_name=name, dtype=[np.float64, np.float32])
        rows.append(X.reshape(len(X), -1))
    first, width = next(iter(samples)), rows[0].shape[1]
    for name, X in zip(samples, rows, strict=True):
        if X.shape[1] != width:
            raise ValueError(
                f"{name} has {X.shape[1]} numbers a sample, but {first} has {width}. Compare "
                "samples of one size."
            )
    return rows
