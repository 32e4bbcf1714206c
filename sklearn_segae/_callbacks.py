"""scikit-learn's callbacks, where it has them (from 1.9 on): progress bars, monitors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""


class FitTask:
    """A fit as a task of scikit-learn's, its epochs or its parts as the subtasks.

    Parameters
    ----------
    estimator : estimator
        The one being fitted.
    max_subtasks : int
        Number of epochs at most, or of parts.
    data : dict
        X, y and metadata, for the callbacks that ask for them.
    """

    def __init__(self, estimator: Any, max_subtasks: int, **data: Any) -> None:
        self.estimator = estimator
        self.data = data
        self.context: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_subtasks)
            self.context.call_on_fit_task_begin(estimator=estimator, **data)

    def of_epochs(self, learnt: Callable[[Any], dict[str, Any]]) -> Epochs | None:
        """Return the subtasks, if anybody listens; `learnt(net)` makes a fitted estimator."""
        return Epochs(self, learnt) if hasattr(self.estimator, "_skl_callbacks") else None

    @contextmanager
    def of_part(self, name: str, part: Any) -> Iterator[None]:
        """Fit a part inside a subtask; callbacks that follow into parts are told of its own."""
        if self.context is None:
            yield
            return
        context = self.context.subcontext(task_name=name)
        context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        with context.propagate_callback_context(part):
            yield
        context.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def finish(self) -> None:
        """End the fit, the estimator being fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self.data
            )


class Epochs:
    """The epochs of a fit as subtasks."""

    def __init__(self, task: FitTask, learnt: Callable[[Any], dict[str, Any]]) -> None:
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
            reconstruction_attributes=lambda: self.learnt(copy.deepcopy(net)),
            **self.task.data,
        )
