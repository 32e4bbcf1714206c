"""Layers without napari, and viewers where napari, Qt and OpenGL are there."""

import os
import subprocess
import sys
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("QT_API", "pyqt6")
if not os.environ.get("DISPLAY") and sys.platform == "linux":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


class Unit:
    """A unit of length, as far as spacing needs it."""

    def __init__(self, length=1.0):
        self.length = length

    def __rmul__(self, factor):
        return Unit(factor * self.length)

    def to(self, other):
        """Return the length in another unit."""
        return SimpleNamespace(magnitude=self.length / other.length)


@pytest.fixture
def make_layer():
    """Return a function that makes what this package needs of a layer of napari."""

    def make(data, name="image", *, rgb=False, scale=None, units=None, multiscale=False):
        ndim = np.ndim(data[0] if multiscale else data) - rgb
        scale = np.ones(ndim) if scale is None else np.array(scale)
        return SimpleNamespace(
            data=data,
            name=name,
            ndim=ndim,
            multiscale=multiscale,
            scale=scale,
            units=units or (Unit(),) * ndim,
            world_to_data=lambda point: np.asarray(point)[-ndim:] / scale,
        )

    return make


@pytest.fixture(scope="session")
def application():
    """The application of Qt, where it can start."""
    skip_without("from qtpy.QtWidgets import QApplication; app = QApplication([])")
    from qtpy.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


@pytest.fixture
def opengl(request):
    """Skip a test where napari cannot draw, or without its pytest plugin."""
    if not request.config.pluginmanager.hasplugin("napari"):
        pytest.skip("make test-napari has the pytest plugin of napari")
    skip_without("import napari, numpy; napari.Viewer(show=False).add_image(numpy.eye(9))")


def skip_without(code):
    """Skip a test unless code runs in another process, which Qt aborts if it cannot start."""
    failure = _failure_of(code)
    if failure:
        pytest.skip(f"napari cannot start here: {failure}")


@cache
def _failure_of(code):
    """Return the last line of the errors of Python code in another process, or None."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    return (done.stderr.strip() or "aborted").splitlines()[-1] if done.returncode else None
