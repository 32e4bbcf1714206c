"""Code shared by all estimators: seeds, rollback, callbacks, documentation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import RLock
from typing import Any, TypeVar, cast

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import _fit_context, clone
from sklearn.utils import check_random_state

from .distributed import common_seed

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Placeholder without callback support."""


Method = TypeVar("Method", bound=Callable[..., Any])

# Set once all that is needed to predict has been learned.
PUBLISHED = ("net_", "members_", "labeler_")


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator of `fit`, which validates parameters; it has no types."""
    decorator: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


def all_or_nothing(fit: Method) -> Method:
    """Make a method restore all attributes if it fails.

    After Ctrl-C, a model that has already been published is kept.
    """

    @wraps(fit)
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException as error:
            is_new = any(vars(self).get(name) is not before.get(name) for name in PUBLISHED)
            if not (isinstance(error, KeyboardInterrupt) and is_new):
                vars(self).clear()
                vars(self).update(before)
            raise

    return cast(Method, attempt)


Generators = tuple[np.random.Generator, torch.Generator]

# Held by the fit that uses torch's global generator.
_global_generator = RLock()


@contextmanager
def seeded(random_state: Any, use_global: bool = False) -> Iterator[Generators]:
    """Yield generators of numpy's and of torch's, seeded alike, for one fit alone.

    With `use_global`, that of torch is its global one, for modules that draw from it: such fits
    take turns, and its state is put back afterwards.
    """
    seed = draw_seed(random_state)
    rng = np.random.default_rng(seed)
    if not use_global:
        yield rng, torch.Generator().manual_seed(seed)
        return
    with _global_generator, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield rng, torch.default_generator


def draw_seed(random_state: Any) -> int:
    """Return a seed; None draws fresh entropy, not from numpy's global generator."""
    if random_state is None:
        return common_seed(int(np.random.SeedSequence().generate_state(1)[0] // 2))
    return common_seed(int(check_random_state(random_state).randint(2**31 - 1)))


def check_array_output(estimator: Any) -> None:
    """Raise an error if `transform` of images is set to return data frames, which hold rows."""
    own = getattr(estimator, "_sklearn_output_config", {})
    container = own.get("transform", get_config()["transform_output"])
    if container != "default":
        raise ValueError(
            f"transform_output={container!r}, but X holds images, whose codes are no rows of a "
            f"frame. Call set_output(transform='default') of {type(estimator).__name__}, or "
            "transform rows (n_samples, n_features)."
        )


SITE = "https://sklearn-segae.readthedocs.io/en/latest"


class Documented:
    """Links to our documentation in the HTML representation of scikit-learn 1.8 and later."""

    _doc_link_module = "sklearn_segae"
    _doc_link_template = SITE + "/reference/generated/sklearn_segae.{estimator_name}.html"


def seeded_clone(estimator: Any, seed: int) -> Any:
    """Return a clone in which every `random_state` of None is replaced by `seed`."""
    copied = clone(estimator)
    unset = [name for name, v in copied.get_params().items() if _is_seed(name) and v is None]
    copied.set_params(**dict.fromkeys(unset, seed))  # that of FrozenEstimator returns None
    return copied


def _is_seed(name: str) -> bool:
    return name == "random_state" or name.endswith("__random_state")


class FitTask:
    """A fit as a task of scikit-learn callbacks, with epochs or parts as subtasks.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    max_subtasks : int
        Maximum number of epochs, or number of parts.
    data : dict
        X, y and metadata, for callbacks.
    """

    def __init__(self, estimator: Any, max_subtasks: int, **data: Any) -> None:
        self.estimator = estimator
        self.data = data
        self.context: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_subtasks)
            self.context.call_on_fit_task_begin(estimator=estimator, **data)

    def of_epochs(self, learnt: Callable[[Any], dict[str, Any]]) -> Epochs | None:
        """Return the subtasks, if there are callbacks; `learnt(net)` are fitted attributes."""
        return Epochs(self, learnt) if hasattr(self.estimator, "_skl_callbacks") else None

    @contextmanager
    def of_part(self, name: str, part: Any) -> Iterator[None]:
        """Fit a part within a subtask, to which callbacks are propagated."""
        if self.context is None:
            yield
            return
        context = self.context.subcontext(task_name=name)
        context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        with context.propagate_callback_context(part):
            yield
        context.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def finish(self) -> None:
        """End the fit."""
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
        """End an epoch, and return whether a callback requests the end of training."""
        return self.context.call_on_fit_task_end(
            estimator=self.task.estimator,
            # A function, because copying a net takes time and few callbacks need it.
            reconstruction_attributes=lambda: self.learnt(copy.deepcopy(net)),
            **self.task.data,
        )
