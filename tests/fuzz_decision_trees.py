"""Forge the arrays of decision trees in model files, load each forgery and use what was loaded.

    python tests/fuzz_decision_trees.py N FILE...

Prints how many were loaded and how many refused, for each file. A process of its own, which a
fault would end.
"""

import io
import sys
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from sklearn_segae.persistence import load

BOLD = [-(2**63), -3, -2, -1, 0, 1, 2, 3, 5, 2**20, 2**31, 2**40, 2**63 - 1]


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(parts):
    """An archive with correct checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def forged(content, rng):
    """Set an aligned number of an array, or flip a bit of it."""
    parts = members(content)
    inner = members(parts["part_0.skops"])
    arrays = [name for name in inner if name.endswith(".npy") and len(inner[name]) > 128]
    name = arrays[rng.integers(len(arrays))]
    array = bytearray(inner[name])
    place = int(rng.integers(128, len(array)))
    if rng.random() < 0.5:
        place -= place % 8
        new = BOLD[rng.integers(len(BOLD))].to_bytes(8, "little", signed=True)
        array[place : place + 8] = new[: len(array) - place]
    else:
        array[place] ^= 1 << int(rng.integers(8))
    inner[name] = bytes(array)
    return sealed(parts | {"part_0.skops": sealed(inner)})


def main(path, n):
    warnings.simplefilter("ignore")
    content = Path(path).read_bytes()
    changed = Path(path).with_suffix(".forged")
    outcomes = {"loaded": 0, "refused": 0}
    for i in range(n):
        rng = np.random.default_rng(i)
        changed.write_bytes(forged(content, rng))
        try:
            model = load(changed)
        except ValueError:
            outcomes["refused"] += 1
            continue
        outcomes["loaded"] += 1
        X = rng.normal(size=(50, 3)).astype(np.float32)
        with suppress(Exception):  # of Python, such as sums that are no probabilities
            model.predict(X)
        if hasattr(model, "decision_path"):
            model.decision_path(X)
            _ = model.feature_importances_
    print(outcomes["loaded"], outcomes["refused"])


if __name__ == "__main__":
    for file in sys.argv[2:]:
        main(file, int(sys.argv[1]))
