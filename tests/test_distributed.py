"""One model trained by several processes: equal weights, and those of one process."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sklearn_segae import AutoencoderTransformer, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.distributed import average, common_seed, own_share, shared_training

N_RANKS = 2

# Run by every process: fits, and stores weights and losses under its rank.
PROGRAM = """
import sys
import numpy as np
import torch
from sklearn_segae.distributed import average, common_seed, own_share, shared_training
from tests.test_distributed import models

torch.set_num_threads(1)
with shared_training() as rank:
    seed = common_seed(rank + 1)
    share = own_share(torch.arange(5)).tolist(), own_share(torch.arange(1)).tolist()
    mean = torch.tensor([2.0 * rank]), torch.tensor([[1.0, float(rank)]])
    average([mean[0], None, mean[1]])
    learnt = {name: fitted.net_.module_.state_dict() for name, fitted in models(None)}
    known = dict(models(0))
outside = own_share(torch.arange(4)).tolist()
torch.save(
    {
        "seed": seed, "share": share, "mean": mean, "outside": outside, "unseeded": learnt,
        "weights": {name: fitted.net_.module_.state_dict() for name, fitted in known.items()},
        "losses": {name: fitted.loss_curve_ for name, fitted in known.items()},
    },
    f"{sys.argv[1]}/{rank}.pt",
)
"""


def models(random_state):
    """Yield (name, fitted) of an autoencoder of 64 rows and an encoder of images."""
    X = np.random.default_rng(0).normal(size=(64, 6))
    options = {"batch_size": 16, "max_epochs": 3, "random_state": random_state}
    yield "rows", AutoencoderTransformer(2, hidden_layer_sizes=(8,), **options).fit(X)
    images, _ = make_shapes(2, size=64, random_state=0)
    encoder = PixelEncoder(
        3, features="intensity", n_filters=4, max_epochs=2, random_state=random_state
    )
    yield "pixels", encoder.fit(images)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What every process of a `torchrun` of two has stored."""
    folder = tmp_path_factory.mktemp("ranks")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={N_RANKS}"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launch, str(program), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in range(N_RANKS)]


@pytest.mark.parametrize("kind", ["weights", "unseeded"])
@pytest.mark.parametrize("name", ["rows", "pixels"])
def test_all_processes_end_with_equal_weights(ranks, kind, name):
    """Bit for bit, with a random_state and without."""
    first, second = (rank[kind][name] for rank in ranks)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_two_processes_learn_what_one_does(ranks):
    """A mean over halves is the mean: weights and losses are those of one process."""
    alone = dict(models(0))["rows"]
    for key, value in alone.net_.module_.state_dict().items():
        np.testing.assert_allclose(ranks[0]["weights"]["rows"][key], value, atol=1e-5)
    np.testing.assert_allclose(ranks[0]["losses"]["rows"], alone.loss_curve_, rtol=1e-5)


def test_two_processes_reach_the_loss_of_one(ranks):
    """Crops are shared, so that the coherence of a batch is seen in halves: near, not equal."""
    alone = dict(models(0))["pixels"]
    here = ranks[0]["losses"]["pixels"]
    np.testing.assert_allclose(here, alone.loss_curve_, atol=0.3 * abs(alone.loss_curve_[-1]))
    assert here == ranks[1]["losses"]["pixels"]


def test_batches_are_shared_out(ranks):
    """Every sample is somebody's; one alone is everybody's; outside all are one's own."""
    assert [rank["share"] for rank in ranks] == [([0, 2, 4], [0]), ([1, 3], [0])]
    assert ranks[1]["outside"] == [0, 1, 2, 3]


def test_means_and_seeds_are_common(ranks):
    """In place, tensor by tensor; the first process's seed counts."""
    for rank in ranks:
        assert rank["seed"] == 1
        assert rank["mean"][0].tolist() == [1.0]
        assert rank["mean"][1].tolist() == [[1.0, 0.5]]


def test_one_process_is_left_alone(monkeypatch):
    """Without torchrun nothing is shared, averaged or sent."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    x = torch.arange(4.0)
    with shared_training() as rank:
        average([x])
        assert (rank, common_seed(7)) == (0, 7)
        assert torch.equal(own_share(x), x)
    assert x.tolist() == [0, 1, 2, 3]


def test_an_unknown_backend_is_refused():
    """In one process, too, where none would be used."""
    with (
        pytest.raises(ValueError, match=r"backend='mpi' is unknown.*'gloo'"),
        shared_training("mpi"),
    ):
        pass


def test_a_given_backend_is_taken(monkeypatch):
    """It is the one that torch.distributed is asked for."""
    alone = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in alone.items():
        monkeypatch.setenv(name, value)
    asked = []
    monkeypatch.setattr("torch.distributed.init_process_group", asked.append)
    monkeypatch.setattr("torch.distributed.get_backend", lambda: "gloo")
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: None)
    for backend in ("nccl", "gloo"):
        with shared_training(backend):
            pass
    assert asked == ["nccl", "gloo"]
