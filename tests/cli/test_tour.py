"""docs/guide/files_tour.md: files of other libraries, three commands, and label maps read back."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "files_tour.md").read_text()


def test_the_tour_is_as_shown(segae, tmp_path, monkeypatch):
    """Files are written, commands run and asserts hold; objects and background are told apart."""
    for library in ("rasterio", "tifffile", "zarr"):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    write, check = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(write, names)
    commands = re.findall(r"^\$ segae (.+)$", PAGE, flags=re.MULTILINE)
    said = {}
    for command in commands:
        code, said[command.split()[0]], err = segae(*shlex.split(command))
        assert (code, err) == (0, ""), command
    exec(check, names)
    assert len(commands) == 5
    assert re.search(r"nodata +0\b", said["info"])
    darkest = names["times"] < np.median(names["times"])  # the background is the larger segment
    for own, dark in zip(names["pages"], darkest, strict=True):
        agreement = np.mean(own[dark] == np.bincount(own[dark]).argmax())
        assert agreement > 0.9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of ome_zarr itself
def test_ome_zarr_writes_and_reads_the_same_tour(segae, tmp_path):
    """Where the library of OME-Zarr is installed, its images and its reader."""
    pytest.importorskip("ome_zarr", reason="tested where it is installed")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr.writer import write_image
    from zarr import open_group

    path = tmp_path / "a.ome.zarr"
    planes = np.zeros((2, 48, 48), np.uint8)
    planes[:, 12:36, 12:36] = 200
    write_image(planes, open_group(path, mode="w"), axes="cyx")
    out = path / "labels" / "objects.zarr"
    assert segae("segment", path, "-k", "2", "-o", out)[0] == 0
    label = next(n for n in Reader(parse_url(path))() if "objects.zarr" in str(n.zarr))
    assert np.asarray(label.data[0]).shape == (48, 48)
