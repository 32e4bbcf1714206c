"""What several test files need: few, small, seeded.

Libraries are imported inside the functions: with `pytest -n`, the process that only hands tests
out reads this file as well, and starts the others after that.
"""

import io
import os
import sys
from zlib import crc32

import pytest

# One thread a process, children included: OpenMP's threads of several processes on the same cores
# wait for each other. Read when numpy, scikit-learn and torch are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

collect_ignore = ["nets.py", "pretend_device.py"]  # imported by tests, and once alone


@pytest.hookimpl(tryfirst=True)  # before -m selects by marks
def pytest_collection_modifyitems(items):
    """Mark each slow test as one of a third of them, the same in every run: slow0, slow1, slow2."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(f"slow{crc32(item.nodeid.encode()) % 3}")


def pytest_terminal_summary(terminalreporter):
    """Print what tests have to tell, whichever process they ran in."""
    reports = terminalreporter.stats.get("passed", [])
    for told in (value for r in reports for name, value in r.user_properties if name == "told"):
        terminalreporter.write_line(told)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small nets lose more by sharing work than they win; and equal threads mean equal bits."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def one_seed():
    """Weights are drawn from one seed, without gradients; the global generator stays as it was."""
    import torch

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        yield


@pytest.fixture
def rng():
    """A generator of the same numbers for every test."""
    import numpy as np

    return np.random.default_rng(0)


@pytest.fixture
def rows(rng):
    """300 rows of 6 features on a bent plane, with a little noise."""
    import numpy as np

    plane = rng.normal(size=(300, 2))
    return np.tanh(plane @ rng.normal(size=(2, 6))) + 0.05 * rng.normal(size=(300, 6))


@pytest.fixture(scope="session")
def mosaic():
    """Two mosaics of three textures: (images, labels)."""
    from sklearn_segae.datasets import make_mosaic

    return make_mosaic(2, n_segments=3, size=96, random_state=0)


@pytest.fixture(scope="session")
def shapes():
    """Three images of discs and squares: (images, labels)."""
    from sklearn_segae.datasets import make_shapes

    return make_shapes(3, size=64, noise=0.1, random_state=0)


@pytest.fixture
def tiny_encoder():
    """An encoder that is as quick as one can be."""
    from sklearn_segae import PixelEncoder

    return PixelEncoder(4, pooling=0, whitening=0, n_filters=4, batch_size=1, max_epochs=1)


@pytest.fixture(scope="session")
def fitted(shapes):
    """One fitted segmenter for all tests that only look at it."""
    from sklearn_segae import AESegmenter, PixelEncoder

    encoder = PixelEncoder(4, pooling=0, whitening=0, n_filters=8, max_epochs=1)
    return AESegmenter(3, encoder=encoder, normalize="dataset", random_state=0).fit(shapes[0])


@pytest.fixture
def segae(capsys, monkeypatch):
    """Run the command: (exit code, what it printed, what it said beside)."""
    from sklearn_segae.cli._app import main

    def run(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        code = end.value.code
        if isinstance(code, str):  # Python prints it, and exits with 1
            print(code, file=sys.stderr)
            code = 1
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    monkeypatch.setenv("COLUMNS", "200")
    return run
