"""A fit that is killed goes on where it was, and ends with the same bits."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from torch import nn

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.checkpoint import TrainingCheckpoint
from sklearn_segae.datasets import make_shapes
from sklearn_segae.training._callbacks import EpochEnd


class Killed(Exception):
    """The end of a process, as far as a test in one process can have it."""


def kill_after(n_epochs):
    """Return a callback that ends training, as nothing else does, after so many epochs."""

    def kill(epoch, *_):
        if kill.left == 0:
            raise Killed
        kill.left -= 1

    kill.left = n_epochs
    return EpochEnd(kill)


def weights(estimator):
    return [w.detach().numpy() for w in estimator.net_.module_.state_dict().values()]


def assert_equal(a, b):
    for ours, theirs in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert a.loss_curve_ == b.loss_curve_
    assert (a.n_iter_, a.stop_reason_) == (b.n_iter_, b.stop_reason_)


def resume(make, X, path, n_epochs=2, y=None):
    """Fit, killed after so many epochs, then fit again."""
    killed = make([kill_after(n_epochs), TrainingCheckpoint(path)])
    with pytest.raises(Killed):
        killed.fit(X, y)
    assert not hasattr(killed, "net_")
    return make([kill_after(10**6), TrainingCheckpoint(path)]).fit(X, y)


ROWS = {
    "plain": {},
    "momenta": {"optimizer": "sgd", "lr": 0.1},
    "noise": {"variant": "denoising"},
    "variational": {"variant": "variational"},
    "held out": {"early_stopping": 0.3},
    "16 bits": {"precision": "bfloat16"},
    "dropped rate": {"more": [LRScheduler("StepLR", step_size=2, gamma=0.5)]},
    "stopping": {"more": [EarlyStopping(monitor="train_loss"), GradientNormClipping(1.0)]},
}


@pytest.mark.parametrize("options", ROWS.values(), ids=ROWS)
def test_rows_end_with_the_same_bits(rows, tmp_path, options):
    """Whatever noise, optimizer and schedule there are: weights and losses of an unbroken fit."""
    options = dict(options)
    more = options.pop("more", [])

    def make(callbacks):
        return AutoencoderTransformer(
            2,
            hidden_layer_sizes=(8,),
            batch_size=50,
            max_epochs=5,
            random_state=0,
            callbacks=[*more, *callbacks],
            **options,
        )

    resumed = resume(make, rows, tmp_path / "run.ckpt")
    whole = make([]).fit(rows)
    assert_equal(resumed, whole)
    np.testing.assert_array_equal(resumed.sample(3), whole.sample(3))


def test_images_end_with_the_same_bits(shapes, tmp_path):
    """Convolutions, whose weights and momenta are laid out channels last."""

    def make(callbacks):
        return AutoencoderTransformer(
            3,
            hidden_layer_sizes=(8,),
            batch_size=4,
            max_epochs=4,
            random_state=0,
            callbacks=callbacks,
        )

    X = shapes[0][:, :16, :16]
    assert_equal(resume(make, X, tmp_path / "run.ckpt"), make([]).fit(X))


def test_pixels_end_with_the_same_codes(shapes, tmp_path):
    """Crops are drawn from a generator whose state is stored, and so is what follows training."""

    def make(callbacks):
        return PixelEncoder(
            3,
            pooling=2,
            n_filters=4,
            batch_size=1,
            max_epochs=4,
            random_state=0,
            callbacks=callbacks,
        )

    resumed, whole = resume(make, shapes[0], tmp_path / "run.ckpt"), make([]).fit(shapes[0])
    assert_equal(resumed, whole)
    np.testing.assert_array_equal(resumed.transform(shapes[0]), whole.transform(shapes[0]))


class Dropped(nn.Module):
    """A module of a user's that draws from torch's global generator in training."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.encode = nn.Sequential(nn.Dropout(0.3), nn.Linear(n_features, n_components))
        self.decode = nn.Linear(n_components, n_features)


def test_a_module_of_ones_own_ends_with_the_same_bits(rows, tmp_path):
    """The state of torch's global generator is stored for it, and put back after the fit."""

    def make(callbacks):
        return AutoencoderTransformer(
            2, architecture=Dropped, max_epochs=5, random_state=0, callbacks=callbacks
        )

    before = torch.get_rng_state()
    assert_equal(resume(make, rows, tmp_path / "run.ckpt"), make([]).fit(rows))
    assert torch.equal(torch.get_rng_state(), before)


def segmenter(callbacks):
    encoder = PixelEncoder(
        3, pooling=1, n_filters=4, batch_size=1, max_epochs=4, callbacks=callbacks
    )
    return AESegmenter(3, encoder=encoder, refine=False, random_state=0)


seen = []


def on_epoch(epoch, *_):
    """In a child, wait at the end of the third epoch to be killed."""
    seen.append(epoch)
    if "WAIT_TO_BE_KILLED" in os.environ and epoch == 3:
        print("waiting", flush=True)
        time.sleep(300)


def fit_in_child(path):
    torch.set_num_threads(1)
    images, _ = make_shapes(2, size=32, random_state=0)
    segmenter([EpochEnd(on_epoch), TrainingCheckpoint(path)]).fit(images)


def test_a_killed_process_is_resumed(tmp_path):
    """SIGKILL before the third epoch is written; another process goes on after the second."""
    path = tmp_path / "run.ckpt"
    code = "import sys; from test_checkpoint import fit_in_child; fit_in_child(sys.argv[1])"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "WAIT_TO_BE_KILLED": "1"},
        cwd=Path(__file__).parent,
    )
    with child:
        try:
            assert child.stdout.readline() == "waiting\n"
        finally:
            child.kill()  # SIGKILL: nothing is cleaned up
    assert child.returncode == -signal.SIGKILL

    seen.clear()
    images, _ = make_shapes(2, size=32, random_state=0)
    module = import_module("test_checkpoint")  # by that name the child knows `on_epoch`
    resumed = segmenter([EpochEnd(module.on_epoch), TrainingCheckpoint(path)]).fit(images)
    whole = segmenter(None).fit(images)

    assert module.seen == [3, 4]
    assert_equal(resumed.encoder_, whole.encoder_)
    np.testing.assert_array_equal(resumed.labels_, whole.labels_)


def small(path, **options):
    """A small autoencoder with a checkpoint."""
    parameters = {
        "max_epochs": 3,
        "random_state": 0,
        "callbacks": [TrainingCheckpoint(path)],
    } | options
    return AutoencoderTransformer(2, hidden_layer_sizes=(4,), **parameters)


@pytest.fixture
def written(rows, tmp_path):
    """A checkpoint of a fit that is complete."""
    path = tmp_path / "run.ckpt"
    small(path).fit(rows)
    return path


def test_a_complete_fit_is_not_repeated(rows, written):
    """It comes back from the file, which is not written again."""
    before = written.read_bytes()
    assert_equal(small(written).fit(rows), small(written, callbacks=None).fit(rows))
    assert written.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.5}, "lr was .*0.001.* and is .*0.5"),
        ({"max_epochs": 4}, "max_epochs was"),
        ({"batch_size": 7}, "batch_size was"),
        ({"optimizer": "sgd"}, "optimizer was"),
        ({"loss": "mae"}, "objective was"),
        ({"n_iter_no_change": 5}, "callbacks was"),
        ({"random_state": 1}, "it started from other weights"),
        ({"random_state": None}, "it started from other weights"),
        ({"activation": "tanh", "hidden_layer_sizes": (5,)}, "it started from other weights"),
    ],
)
def test_another_fit_is_refused(rows, written, options, message):
    """By what differs, with the way out; the file stays as it was."""
    before = written.read_bytes()
    other = small(written).set_params(**options)
    with pytest.raises(ValueError, match=rf"run\.ckpt is of another fit: {message}.*delete"):
        other.fit(rows)
    assert written.read_bytes() == before
    assert not hasattr(other, "n_features_in_")


def test_other_data_are_refused(rows, written):
    """The first weights come of the data."""
    with pytest.raises(ValueError, match="started from other weights"):
        small(written).fit(rows[::-1] + rows**2)


def flipped(content):
    """Change one bit in the middle of the largest member: a number of a tensor."""
    with ZipFile(BytesIO(content)) as archive:
        member = archive.read(max(archive.infolist(), key=lambda info: info.file_size))
    at = content.index(member) + len(member) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def torch_file(value):
    file = BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        flipped,
        lambda _: b"",
        lambda _: b"no archive",
        lambda _: torch_file({"weights": torch.zeros(3)}),
        lambda _: torch_file([1, 2]),
        lambda _: torch_file(Path("code.py")),  # an object, which is not made
    ],
    ids=["cut", "flipped", "empty", "text", "weights", "list", "object"],
)
def test_damaged_and_foreign_files_are_refused(rows, written, damage):
    """A file that is cut, changed, or something else stays as it is."""
    content = damage(written.read_bytes())
    written.write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.ckpt is no checkpoint, or a damaged one .*delete"):
        small(written).fit(rows)
    assert written.read_bytes() == content


def test_bad_checkpoints_are_refused_before_training(rows, tmp_path):
    """No folder, no number, not the last of the callbacks, state that is no data."""
    path = tmp_path / "run.ckpt"
    with pytest.raises(FileNotFoundError, match="no folder"):
        small(tmp_path / "none" / "run.ckpt").fit(rows)
    with pytest.raises(ValueError, match="every=0"):
        small(path, callbacks=[TrainingCheckpoint(path, every=0)]).fit(rows)
    with pytest.raises(ValueError, match=r"callbacks end with .*Pass it as the last"):
        small(path, callbacks=[TrainingCheckpoint(path), EarlyStopping()]).fit(rows)
    odd = EpochEnd(lambda *_: None)
    for odd.memory_ in (object(), {"names": {"a", "b"}}, [signal.SIGKILL]):
        with pytest.raises(ValueError, match=r"cannot hold \(memory_"):
            small(path, callbacks=[odd, TrainingCheckpoint(path)]).fit(rows)
    assert list(tmp_path.iterdir()) == []


def test_every_so_many_epochs(rows, tmp_path):
    """With every=2, a fit that is killed after three epochs goes on after the second."""
    path = tmp_path / "run.ckpt"
    ends = []
    for n_epochs in (3, 10**6):
        callbacks = [kill_after(n_epochs), TrainingCheckpoint(path, every=2)]
        with contextlib.suppress(Killed):
            small(path, callbacks=callbacks, max_epochs=5).fit(rows)
        ends.append(callbacks[0].function.left)
    assert ends == [0, 10**6 - 3]
