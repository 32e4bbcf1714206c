"""docs/guide/satellite.md: GeoTIFFs are written, segmented by commands, and read back."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "satellite.md").read_text()


def test_the_commands_of_the_page_map_a_scene_without_strokes(segae, tmp_path, monkeypatch):
    """Georeference and nodata are kept, and nearly all pixels of the second scene are right."""
    pytest.importorskip("rasterio")
    monkeypatch.chdir(tmp_path)
    write, check = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2]
    session = {}
    exec(write, session)
    commands = re.findall(r"^\$ segae (.+)$", PAGE, flags=re.MULTILINE)
    said = {}
    for command in commands:
        code, said[command.split()[0]], err = segae(*shlex.split(command))
        assert (code, err) == (0, ""), command
    exec(check, session)
    assert len(commands) == 4
    assert re.search(r"nodata +0\b", said["info"])
    right = (session["labels"] == session["truth"][1])[session["valid"]]
    assert right.mean() > 0.95
    assert Path("probabilities/scene1.tif").exists()
    assert set(np.unique(session["labels"])) == {0, 1, 2, 3, 255}
