"""A fit that fails leaves the estimator as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def all_or_nothing(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method put all attributes back if it fails: no half-fitted model.

    After a Ctrl-C the net that was published before it went on is kept: it is a whole one.
    """

    @wraps(fit)
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException as error:
            is_new = vars(self).get("net_") is not before.get("net_")
            if not (isinstance(error, KeyboardInterrupt) and is_new):
                vars(self).clear()
                vars(self).update(before)
            raise

    return attempt
