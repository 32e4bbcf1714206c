"""Number formats, compilation and devices: what they change, and that nothing of them stays."""

import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, GradientNormClipping
from skorch.exceptions import DeviceWarning
from torch._dynamo.utils import counters

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import VARIANTS, VARIANTS_OF_ROWS


def small(**parameters):
    return AutoencoderTransformer(
        3, hidden_layer_sizes=(8,), batch_size=50, max_epochs=3, random_state=0
    ).set_params(**parameters)


class Dtypes(Callback):
    """Note in which number format layers answer, and how large gradients are."""

    seen: set = set()
    norms: list = []

    def on_train_begin(self, net, **_):
        self.seen.clear()
        self.norms.clear()
        self.hook = net.module_.layers.encoder[0].register_forward_hook(
            lambda layer, x, output: self.seen.add(output.dtype)
        )

    def on_grad_computed(self, net, named_parameters, **_):
        self.norms.append(sum(p.grad.norm().item() for _, p in named_parameters))

    def on_train_end(self, net, **_):
        self.hook.remove()
        del self.hook


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_sixteen_bits_come_out_as_thirty_two_do(rows, precision, variant):
    """Training in 16 bits gives other numbers, near those of float32, for every variant."""
    rows = rows if variant in VARIANTS_OF_ROWS else rows.reshape(-1, 2, 3)
    codes = small(variant=variant).fit_transform(rows)
    less = small(variant=variant, precision=precision).fit_transform(rows)
    difference = np.abs(less - codes).mean()
    assert 0 < difference < 0.02 * codes.std()  # 8 or 11 bits, 18 updates; sparse codes may flip


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_layers_answer_in_the_precision(rows, precision):
    """In training alone: weights, codes and losses stay float32."""
    ae = small(precision=precision, callbacks=[Dtypes()]).fit(rows.astype(np.float32))
    assert Dtypes.seen == {getattr(torch, precision)}
    assert {p.dtype for p in ae.net_.module_.parameters()} == {torch.float32}
    assert ae.transform(rows.astype(np.float32)).dtype == np.float32
    assert ae.transform(rows).dtype == np.float64


def test_gradients_of_float16_are_scaled_and_scaled_back(rows):
    """Callbacks see them as large as those of float32, so that clipping means what it says."""
    norms = {}
    for precision in ("float32", "float16"):
        small(precision=precision, callbacks=[Dtypes()], max_epochs=1).fit(rows)
        norms[precision] = list(Dtypes.norms)
    np.testing.assert_allclose(norms["float16"], norms["float32"], rtol=0.02)
    clipped = small(precision="float16", callbacks=[GradientNormClipping(1e-9)], optimizer="sgd")
    still = small(max_epochs=0).fit_transform(rows)
    np.testing.assert_allclose(clipped.fit_transform(rows), still, atol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_faint_gradients_survive_float16(rows, loss):
    """A loss that falls in float32 falls in float16, too, with cross-entropy as well."""
    X = (rows > 0).astype(float)
    curve = small(precision="float16", loss=loss, scaling="minmax", lr=0.02).fit(X).loss_curve_
    assert curve[-1] < curve[0]


class Compiled(Callback):
    """Train with a compiled encoder and decoder, as the guide has it."""

    def __init__(self, backend):
        self.backend = backend

    def on_train_begin(self, net, **_):
        for name in ("encode", "decode"):
            compiled = torch.compile(getattr(net.module_, name), backend=self.backend)
            setattr(net.module_, name, compiled)

    def on_train_end(self, net, **_):
        for name in ("encode", "decode"):
            delattr(net.module_, name)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # dynamo reads that of codes
@pytest.mark.parametrize(
    "parameters", [{"precision": "float16"}, {"callbacks": [Compiled("eager")]}], ids=" ".join
)
def test_it_still_clones_pickles_and_goes_on(rows, parameters):
    """Nothing of autocast, scaler or compiler is kept."""
    ae = small(warm_start=True, **parameters).fit(rows)
    again = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(again.transform(rows), ae.transform(rows))
    assert again.fit(rows).n_iter_ == 6
    assert clone(ae).get_params().keys() == ae.get_params().keys()


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # dynamo reads that of codes
@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"contractive"}))
def test_compiled_training_is_the_same_training(rows, variant):
    """Whole nets are compiled, without breaks, and the codes are those without it."""
    rows = rows if variant in VARIANTS_OF_ROWS else rows.reshape(-1, 2, 3)
    torch._dynamo.reset()
    counters.clear()
    ae = small(variant=variant, callbacks=[Compiled("eager")]).fit(rows)
    assert counters["stats"]["unique_graphs"] > 0
    assert not counters["graph_break"]
    counters.clear()
    np.testing.assert_allclose(
        ae.transform(rows), small(variant=variant).fit(rows).transform(rows), atol=1e-6
    )
    assert not counters["stats"]


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # dynamo reads that of codes
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch imports its own old parts
def test_the_default_compiler_works(rows):
    """torch's default backend gives the codes of plain training."""
    codes = small(callbacks=[Compiled("inductor")]).fit_transform(rows)
    np.testing.assert_allclose(codes, small().fit_transform(rows), atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_variant_trains_on_cuda(rows, variant, precision):
    """In every precision, and reconstructs about as well as on the CPU."""
    scores = [
        small(variant=variant, precision=precision, device=device, max_epochs=20)
        .fit(rows)
        .score(rows)
        for device in ("cuda", "cpu")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.1)  # other random numbers


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_what_says_cuda_unpickles_on_a_cpu(rows):
    """A net that claims to be on CUDA is put on the CPU where there is no other, and goes on."""
    ae = small(device="cpu").fit(rows)
    ae.net_.device = "cuda"
    pickled = pickle.dumps(ae)
    with pytest.warns(DeviceWarning, match=r"(?i)cuda"):
        again = pickle.loads(pickled)
    np.testing.assert_array_equal(again.transform(rows), ae.transform(rows))
    assert again.partial_fit(rows).device_ == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_model_unpickles_where_there_is_none(rows, tmp_path):
    """A process that sees no CUDA device loads it and encodes alike."""
    X = rows.astype(np.float32)
    ae = small(device="cuda").fit(X)
    (tmp_path / "model").write_bytes(pickle.dumps(ae))
    np.save(tmp_path / "rows.npy", X)
    code = (
        "import pickle, numpy as np; ae = pickle.load(open('model', 'rb'));"
        "np.save('codes.npy', ae.transform(np.load('rows.npy')))"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), ae.transform(X), atol=1e-5)
