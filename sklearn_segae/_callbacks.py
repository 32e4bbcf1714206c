"""scikit-learn's callbacks, where it has them (from 1.9 on): progress bars, monitors."""

from __future__ import annotations

import copy
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""


class FitTask:
    """A fit as a task of scikit-learn's, its epochs as the subtasks.

    Parameters
    ----------
    estimator : estimator
        The one being fitted.
    max_epochs : int
        Number of subtasks at most.
    data : dict
        X, y and metadata, for the callbacks that ask for them.
    """

    def __init__(self, estimator: Any, max_epochs: int, **data: Any) -> None:
        self.estimator = estimator
        self.data = data
        self.context: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_epochs)
            self.context.call_on_fit_task_begin(estimator=estimator, **data)

    def of_epochs(self, learnt: dict[str, Any]) -> Epochs | None:
        """Return the subtasks, if anybody listens; `learnt` is known before training."""
        return Epochs(self, learnt) if hasattr(self.estimator, "_skl_callbacks") else None

    def finish(self) -> None:
        """End the fit, the estimator being fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self.data
            )


class Epochs:
    """The epochs of a fit as subtasks."""

    def __init__(self, task: FitTask, learnt: dict[str, Any]) -> None:
        self.task = task
        self.learnt = learnt

    def begin(self) -> None:
        """Begin an epoch."""
        self.context = self.task.context.subcontext(task_name="epoch")
        self.context.call_on_fit_task_begin(estimator=self.task.estimator, **self.task.data)

    def end(self, net: Any) -> bool:
        """End an epoch, and return whether a callback wants training to stop."""
        return self.context.call_on_fit_task_end(
            estimator=self.task.estimator,
            # A function: copying a net takes time, and few callbacks ask for it.
            reconstruction_attributes=lambda: self.learnt | {"net_": copy.deepcopy(net)},
            **self.task.data,
        )
