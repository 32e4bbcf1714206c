"""Jobs in a thread of the viewer, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .._compat import require
from ._job import Canceled, Job


class Task(NamedTuple):
    """What a job computes, in a thread, and what shows each of its results, in that of the viewer.

    `done` is called at the end with the number of results, unless the job is canceled. A preview is
    canceled by the next task; `is_preview` is called when there is one.
    """

    work: Callable[[Job], Iterator[Any]]
    show: Callable[[Any], None]
    done: Callable[[int], None]
    is_preview: Callable[[], bool] = lambda: False


class _Failure(NamedTuple):
    """The error that ended a job."""

    error: Exception


class Jobs:
    """Run one task at a time in a thread; others wait, of previews only the newest one.

    Warnings and errors become notifications; `failed` is called, too.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self.job: Job | None = None
        self.failed = failed
        self._tasks: list[Task] = []  # the first one is running

    def start(self, task: Task) -> None:
        """Start a task when those before are done, and cancel the present one if a preview."""
        waiting = self._tasks[1:]
        if task.is_preview():
            waiting = [other for other in waiting if not other.is_preview()]
        self._tasks[1:] = [*waiting, task]
        if self.job is None:
            self._run()
        elif self._tasks[0].is_preview():
            self.job.cancel()

    def cancel(self) -> None:
        """Cancel the present task, and those that wait."""
        del self._tasks[1:]
        if self.job is not None:
            self.job.cancel()

    def _run(self) -> None:
        """Run the first task."""
        task, job, n_results = self._tasks[0], Job(), 0
        self.job = job

        def segmentation() -> Iterator[Any]:
            try:
                yield from task.work(job)
            except Canceled:
                return
            except Exception as error:
                yield _Failure(error)

        def show(result: Any) -> None:
            nonlocal n_results
            if isinstance(result, _Failure):
                job.cancel()
                self._fail(result.error)
            elif job.wanted():  # results may be waiting when a job is canceled
                n_results += 1
                task.show(result)

        def returned(_: Any) -> None:
            if job.wanted():
                task.done(n_results)

        create_worker = require("napari.qt.threading", "napari").create_worker
        worker = create_worker(segmentation, _start_thread=False, _ignore_errors=True)
        for signal, slot in (
            (worker.yielded, show),
            (worker.returned, returned),
            (worker.warned, self._warn),
            (worker.finished, self._next),
        ):
            signal.connect(slot)
        worker.start()

    def _fail(self, error: Exception) -> None:
        manager = require("napari.utils.notifications", "napari").notification_manager
        manager.receive_error(type(error), error, error.__traceback__)
        self.failed()

    def _warn(self, warning: tuple[Any, ...]) -> None:
        manager = require("napari.utils.notifications", "napari").notification_manager
        manager.receive_warning(*warning)

    def _next(self) -> None:
        self.job = None
        del self._tasks[0]
        if self._tasks:
            self._run()
