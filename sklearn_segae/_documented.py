"""Where an estimator's picture in a notebook finds the documentation of its parameters."""

from __future__ import annotations

SITE = "https://sklearn-segae.readthedocs.io/en/latest"


class Documented:
    """Makes scikit-learn (from 1.8 on) link and describe our parameters, as it does its own."""

    _doc_link_module = "sklearn_segae"
    _doc_link_template = SITE + "/reference/generated/{estimator_module}.{estimator_name}.html"
