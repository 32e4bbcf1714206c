"""The manifest: what it names is there, and napari is not needed to say so."""

import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import sklearn_segae
from sklearn_segae.napari import _sample_data

yaml = pytest.importorskip("yaml", reason="comes with dask")

FOLDER = Path(sklearn_segae.__file__).parent / "napari"
MANIFEST = yaml.safe_load((FOLDER / "napari.yaml").read_text())
PROJECT = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())


def test_its_commands_are_functions():
    """Each is used by one contribution."""
    own = MANIFEST["contributions"]
    names = {command["id"]: command["python_name"] for command in own["commands"]}
    for path in names.values():
        module, _, name = path.partition(":")
        assert callable(getattr(import_module(module), name))
    used = [entry["command"] for kind in ("widgets", "sample_data") for entry in own[kind]]
    assert sorted(used) == sorted(names)


def test_the_package_declares_it():
    """napari finds it by the entry point, in the wheel, too."""
    name = PROJECT["project"]["name"]
    assert MANIFEST["name"] == name
    found = PROJECT["project"]["entry-points"]["napari.manifest"]
    assert found == {name: "sklearn_segae.napari:napari.yaml"}
    assert PROJECT["tool"]["setuptools"]["package-data"]["sklearn_segae.napari"] == ["napari.yaml"]


def test_validation():
    """npe2 accepts it."""
    npe2 = pytest.importorskip("npe2", reason="comes with napari")
    manifest = npe2.PluginManifest.from_file(FOLDER / "napari.yaml")
    manifest.validate_imports()


@pytest.mark.parametrize("name", ["tissue", "coins", "textures", "volume"])
def test_sample_data_have_strokes(name):
    """An image, and strokes of two classes or more for each of its pages, at the same place."""
    pytest.importorskip("napari.layers", reason="make test-napari installs it")
    (image, about, kind), (strokes, options, other) = getattr(_sample_data, name)()
    assert (kind, other) == ("image", "labels")
    assert options["name"] == f"{about['name']} strokes"
    assert strokes.shape == image.shape[: strokes.ndim]
    assert len(np.unique(strokes[strokes > 0])) >= 2
    assert about.get("scale") == options.get("scale")
