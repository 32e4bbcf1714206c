"""The command `segae`, called as a user would; most calls stay in this process, for speed."""

import json
import os
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image
from rich.console import Console
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae import AESegmenter, PixelEncoder, __version__
from sklearn_segae.cli import _console
from sklearn_segae.cli._app import main, repeat_options
from sklearn_segae.cli._options import Features, Scope
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import matched_accuracy, mean_iou, pixel_accuracy
from sklearn_segae.persistence import save
from sklearn_segae.storage import open_image
from sklearn_segae.storage._files import read_image, write_image
from sklearn_segae.storage._label_files import read_labels

QUICK = (
    "--features",
    "intensity",
    "--set",
    "encoder__max_epochs=0",
    "--set",
    "encoder__n_filters=4",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of three photographs, one of their label maps, and the label maps."""
    folder = tmp_path_factory.mktemp("data")
    images, truth = make_shapes(3, size=48, noise=0.05, n_channels=3, random_state=0)
    for i, (image, labels) in enumerate(zip(images, truth, strict=True)):
        write_image(folder / "photos" / f"p{i}.png", np.uint8(255 * np.clip(image, 0, 1)))
        write_image(folder / "masks" / f"p{i}.png", np.uint8(labels))
    return folder / "photos", folder / "masks", truth


@pytest.fixture(scope="module")
def model(photos, tmp_path_factory):
    """A model that was fitted to the photographs and their labels."""
    path = tmp_path_factory.mktemp("model") / "shapes.segae"
    with pytest.raises(SystemExit) as end:
        main(["fit", str(photos[0]), "--labels", str(photos[1]), "-o", str(path), "-q", *QUICK])
    assert not end.value.code
    return path


def test_the_installed_command_runs(photos, tmp_path):
    """As a process of its own: results on one stream, nothing on the other, exit code 0."""
    command = [sys.executable, "-m", "sklearn_segae", "segment", photos[0] / "p0.png", "-k", "3"]
    out = tmp_path / "labels.png"
    run = subprocess.run(
        [*map(str, command), *QUICK, "-o", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("3 segments in ")
    assert run.stdout.endswith(f"wrote {out}\n")
    missing = subprocess.run(
        [*map(str, command[:4]), "none.png", "-o", "a.png"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert missing.returncode == 1
    assert missing.stderr == "segae: none.png: there is no such file.\n"


class TestSegment:
    """`segae segment`."""

    def test_a_label_map_and_an_overlay(self, segae, photos, tmp_path):
        """Labels 0 to k - 1 that are right, and a picture of the same size."""
        out, overlay = tmp_path / "labels.png", tmp_path / "sub" / "overlay.png"
        code, said, err = segae(
            "segment", photos[0] / "p0.png", "-k", 3, "-o", out, "--overlay", overlay, *QUICK
        )
        assert (code, err) == (0, "")
        assert f"wrote {out}\nwrote {overlay}" in said
        assert matched_accuracy(photos[2][0], read_labels(out)[0]) > 0.8
        assert read_image(overlay).shape == (48, 48, 3)

    def test_many_images_share_one_model(self, segae, photos, tmp_path):
        """A folder in, a folder out; a label means the same in every map; JSON tells all."""
        code, said, _ = segae(
            "segment", photos[0], "-k", 3, "-o", tmp_path / "out", "--min-size", 9, "--json", *QUICK
        )
        told = json.loads(said)
        assert code == 0
        assert [image["image"] for image in told["images"]] == [
            str(photos[0] / f"p{i}.png") for i in range(3)
        ]
        assert told["features"] == "intensity"
        maps = [read_labels(tmp_path / "out" / f"p{i}.png")[0] for i in range(3)]
        assert [image["found"] for image in told["images"]] == [np.unique(m).tolist() for m in maps]
        assert matched_accuracy(list(photos[2]), maps) > 0.8

    def test_settings_are_passed_on(self, segae, photos, tmp_path):
        """The number of segments, counted or given, and other parameters reach the estimator."""
        for k in ("auto", 2):
            call = ("segment", photos[0] / "p0.png", "-k", k, "-o", tmp_path / f"{k}.png", "--json")
            told = json.loads(segae(*call, "--pooling", 2, "--seed", 3, *QUICK)[1])
            assert told["pooling"] == 2
            assert 2 <= told["n_segments"] <= (12 if k == "auto" else 2)
            assert told["epochs"] == 0
        call = ("segment", photos[0], "-o", tmp_path / "own", "--scope", "image", "-k", 2, *QUICK)
        assert json.loads(segae(*call, "--json")[1])["n_segments"] == [2, 2, 2]

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (("--features", "smell"), "smell"),
            (("-k", "0"), "auto"),
            (("-k", "some"), "auto"),
            (("--set", "nonsense"), "NAME=VALUE"),
            ((), "--out"),
        ],
    )
    def test_wrong_usage(self, segae, photos, tmp_path, options, word):
        """Exit code 2, and the reason."""
        out = ("-o", tmp_path / "a.png") if options else ()
        code, said, err = segae("segment", photos[0] / "p0.png", *out, *options)
        assert (code, said) == (2, "")
        assert word in err

    def test_unknown_parameters_are_named(self, segae, photos, tmp_path):
        """One line, though the estimator has many."""
        call = ("segment", photos[0], "-o", tmp_path / "out", "--set", "color=red")
        code, _, err = segae(*call)
        assert code == 1
        assert err.startswith("segae: Invalid parameter 'color'")
        assert err.count("\n") == 1


class TestFitAndPredict:
    """`segae fit` and `segae predict`."""

    def test_labels_teach_a_model(self, segae, photos, model, tmp_path):
        """Classes come back by name; no function of ours is left in the file."""
        code, said, err = segae("predict", model, photos[0], "-o", tmp_path, "--json")
        assert (code, err) == (0, "")
        maps = [read_labels(tmp_path / f"p{i}.png")[0] for i in range(3)]
        assert mean_iou(list(photos[2]), maps, matched=False) > 0.9
        assert [image["labels"] for image in json.loads(said)["images"]] == [
            str(tmp_path / f"p{i}.png") for i in range(3)
        ]

    def test_without_labels_segments_are_learnt(self, segae, photos, tmp_path):
        """The model of `fit` gives what `segment` gives."""
        model, one, other = tmp_path / "m.segae", tmp_path / "a", tmp_path / "b"
        assert segae("fit", photos[0], "-k", 3, "-o", model, *QUICK)[0] == 0
        assert segae("predict", model, photos[0], "-o", one)[0] == 0
        assert segae("segment", photos[0], "-k", 3, "-o", other, *QUICK)[0] == 0
        for i in range(3):
            np.testing.assert_array_equal(
                read_labels(one / f"p{i}.png"), read_labels(other / f"p{i}.png")
            )

    def test_clusters_are_named_by_labels(self, segae, photos, tmp_path):
        """A clusterer with labels: names of classes, learnt without them."""
        model = tmp_path / "m.segae"
        call = ("fit", photos[0], "-k", 6, "--estimator", "kmeans", "-o", model, "--json")
        code, said, _ = segae(*call, "--labels", photos[1], *QUICK)
        assert code == 0
        assert json.loads(said)["classes"] == np.unique(photos[2]).tolist()
        segae("predict", model, photos[0] / "p0.png", "-o", tmp_path / "p0.png")
        assert pixel_accuracy(photos[2][0], read_labels(tmp_path / "p0.png")[0]) > 0.9

    def test_unlabeled_pixels_and_images(self, segae, photos, tmp_path):
        """Codes of what is not labeled are no classes; images may lack labels altogether."""
        scribbles = np.full((48, 48), 9, np.uint8)
        scribbles[::4, ::4] = photos[2][1][::4, ::4]
        scribbles[0, 0] = 255
        write_image(tmp_path / "some" / "p1.png", scribbles)
        call = ("fit", photos[0], "-o", tmp_path / "m.segae", "--json", *QUICK)
        codes = ("--ignore-label", 9, "--ignore-label", 255)
        code, said, err = segae(*call, *codes, "--labels", tmp_path / "some")
        assert code == 0
        assert "2 of 3 images have no labels" in err
        assert json.loads(said)["classes"] == np.unique(photos[2][1]).tolist()

    @pytest.mark.parametrize(
        ("name", "settings"),
        [("trees", "n_estimators=5"), ("forest", "n_estimators=5"), ("boosting", "max_iter=5")],
    )
    def test_trees_predict_without_trust(self, segae, photos, tmp_path, name, settings):
        """The files of all classifiers with trees are used as they are."""
        model, out = tmp_path / "m.segae", tmp_path / "labels.png"
        call = ("fit", photos[0], "--labels", photos[1], "--estimator", name, "-o", model)
        assert segae(*call, *QUICK, "--set", f"estimator__{settings}")[0] == 0
        assert segae("predict", model, photos[0] / "p0.png", "-o", out)[0] == 0
        assert pixel_accuracy(photos[2][0], read_labels(out)[0]) > 0.9

    def test_other_types_have_to_be_trusted(self, segae, photos, tmp_path):
        """The error says which options let them in, and these options do."""
        model, out = tmp_path / "m.segae", tmp_path / "labels.png"
        segmenter = AESegmenter(encoder="passthrough", estimator=KNeighborsClassifier(1))
        save(segmenter.fit([read_image(photos[0] / "p0.png")], photos[2][:1]), model)
        call = ("predict", model, photos[0] / "p0.png", "-o", out)
        code, _, err = segae(*call)
        assert code == 1
        options = err.split("pass ")[1].strip().rstrip(".").split()
        assert options[2:] == ["--trust", "sklearn.neighbors._kd_tree.KDTree"]
        assert segae(*call, *options)[0] == 0

    def test_a_classifier_needs_labels(self, segae, photos, tmp_path):
        """The error names the option that is missing."""
        code, _, err = segae("fit", photos[0], "--estimator", "head", "-o", tmp_path / "m")
        assert code == 1
        assert "Pass --labels" in err

    def test_labels_that_do_not_fit(self, segae, photos, tmp_path):
        """Both files and both sizes are named; nothing is written."""
        write_image(tmp_path / "p0.png", np.zeros((4, 5), np.uint8))
        call = ("fit", photos[0] / "p0.png", "-o", tmp_path / "m", "--labels", tmp_path / "p0.png")
        code, _, err = segae(*call)
        assert code == 1
        assert f"{tmp_path / 'p0.png'}: 4 x 5, but {photos[0] / 'p0.png'} has 48 x 48" in err
        assert not (tmp_path / "m").exists()

    def test_images_of_another_kind(self, segae, model, tmp_path):
        """A wrong number of channels and infinity are errors that name the file."""
        np.save(tmp_path / "gray.npy", np.zeros((9, 9)))
        np.save(tmp_path / "gaps.npy", np.full((9, 9, 3), np.inf))
        for name, word in (("gray", "1 channels"), ("gaps", "infinity")):
            call = ("predict", model, tmp_path / f"{name}.npy", "-o", tmp_path / "out.tif")
            code, _, err = segae(*call)
            assert (code, err.count("\n")) == (1, 1)
            assert f"{name}.npy" in err
            assert word in err
        assert not (tmp_path / "out.tif").exists()

    def test_what_is_no_model(self, segae, photos, tmp_path):
        """A picture in the place of a model is refused."""
        image = photos[0] / "p0.png"
        code, _, err = segae("predict", image, image, "-o", tmp_path / "a.png")
        assert code == 1
        assert f"{image}: not a saved model" in err


class TestInputsAndOutputs:
    """Which files are read and written."""

    def test_globs_lists_and_folders(self, segae, photos, model, tmp_path):
        """All ways to name the same files; files that are no images are not meant by a folder."""
        (photos[0] / "notes.txt").write_text("no image")
        names = "\n".join(str(photos[0] / f"p{i}.png") for i in range(3))
        for i, inputs in enumerate(
            [[photos[0]], [photos[0] / "p*.png"], ["-"], [photos[0], photos[0] / "p0.png"]]
        ):
            out = tmp_path / str(i)
            assert segae("predict", model, *inputs, "-o", out, stdin=names)[0] == 0
            assert sorted(p.name for p in out.iterdir()) == ["p0.png", "p1.png", "p2.png"]

    @pytest.mark.parametrize("given", ["none-*.png", "none.png"])
    def test_nothing_is_found(self, segae, model, tmp_path, given):
        """A glob without a match, a missing file and an empty folder are named."""
        assert given in segae("predict", model, tmp_path / given, "-o", tmp_path / "a.png")[2]
        code, _, err = segae("predict", model, tmp_path, "-o", tmp_path / "a.png")
        assert code == 1
        assert f"{tmp_path}: no images in this folder" in err
        assert "no input" in segae("predict", model, "-", "-o", tmp_path / "a.png")[2]

    def test_two_files_of_one_name(self, segae, photos, model, tmp_path):
        """They are refused before any work, for their outputs would have one name."""
        write_image(tmp_path / "P0.tif", np.zeros((9, 9, 3), np.uint8))
        call = ("predict", model, photos[0], tmp_path / "P0.tif", "-o", tmp_path / "out")
        code, _, err = segae(*call)
        assert code == 1
        assert "two files of one name" in err
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("command", ["segment", "predict", "fit", "demo"])
    def test_nothing_is_overwritten(self, segae, photos, model, tmp_path, command):
        """Without --force an existing file stays as it was, and nothing else is written."""
        precious = tmp_path / ("photo.png" if command == "demo" else "labels.png")
        precious.write_text("precious")
        inputs = {"demo": (), "predict": (model, photos[0] / "p0.png")}
        out = tmp_path if command == "demo" else precious
        call = (command, *inputs.get(command, (photos[0] / "p0.png",)), "-o", out)
        code, _, err = segae(*call)
        assert code == 1
        assert f"{precious}: exists. Pass --force" in err
        assert precious.read_text() == "precious"
        assert len(list(tmp_path.iterdir())) == 1
        if command == "predict":
            assert segae(*call, "--force")[0] == 0
            assert read_labels(precious)[0].shape == (48, 48)

    def test_inputs_are_never_overwritten(self, segae, photos, model):
        """Not even with --force."""
        image = photos[0] / "p0.png"
        before = image.read_bytes()
        for out in (image, photos[0]):
            code, _, err = segae("predict", model, image, "-o", out, "--force")
            assert code == 1
            assert "would overwrite an input" in err
        assert image.read_bytes() == before
        assert "overwrite an input" in segae("predict", model, image, "-o", model, "--force")[2]

    def test_a_broken_file(self, segae, photos, model, tmp_path):
        """What is no image is named, in one line, before any work."""
        (tmp_path / "q.png").write_text("not an image")
        call = ("predict", model, photos[0] / "p0.png", tmp_path / "q.png", "-o", tmp_path / "out")
        code, _, err = segae(*call)
        assert (code, err.count("\n")) == (1, 1)
        assert f"{tmp_path / 'q.png'}: not a readable image" in err
        assert not (tmp_path / "out").exists()

    def test_a_truncated_file(self, segae, photos, model, tmp_path):
        """Only its pixels tell: outputs before it are whole, and there are none after it."""
        whole = (photos[0] / "p1.png").read_bytes()
        (tmp_path / "q.png").write_bytes(whole[: len(whole) // 2])
        call = ("predict", model, photos[0] / "p0.png", tmp_path / "q.png", "-o", tmp_path / "out")
        code, _, err = segae(*call)
        assert (code, err.count("\n")) == (1, 1)
        assert f"{tmp_path / 'q.png'}: not a readable image" in err
        assert [p.name for p in (tmp_path / "out").iterdir()] == ["p0.png"]

    @pytest.mark.parametrize("name", ["a.jpg", "a.doc"])
    def test_formats_that_hold_no_labels(self, segae, photos, model, tmp_path, name):
        """JPEG would change labels; others are not known."""
        code, _, err = segae("predict", model, photos[0] / "p0.png", "-o", tmp_path / name)
        assert code == 1
        assert "Use .png, .bmp, .tif" in err

    @pytest.mark.parametrize("suffix", ["npy", "zarr", "tif", "png"])
    def test_formats(self, segae, photos, model, tmp_path, suffix):
        """The same labels in every format that there is, over an old file as well."""
        call = ("predict", model, photos[0], "-o", tmp_path, "--format", suffix, "-q")
        assert segae(*call)[:2] == (0, "")
        assert segae(*call, "--force")[0] == 0
        maps = [read_labels(tmp_path / f"p{i}.{suffix}")[0] for i in range(3)]
        assert mean_iou(list(photos[2]), maps, matched=False) > 0.9
        assert len(list(tmp_path.iterdir())) == 3


class TestLargeAndStacked:
    """TIFFs of pages, images that stay on disk, georeferences."""

    @pytest.fixture
    def pixels(self, photos):
        return np.stack([read_image(photos[0] / f"p{i}.png") for i in range(3)])

    def test_pages(self, segae, model, photos, pixels, tmp_path):
        """A page for every page, a picture for every page; no PNG for several pages."""
        path, out = tmp_path / "stack.tif", tmp_path / "out"
        tifffile.imwrite(path, pixels, photometric="rgb")
        assert segae("predict", model, path, "-o", out, "--overlay", out)[0] == 0
        maps = read_labels(out / "stack.tif")
        assert mean_iou(list(photos[2]), maps, matched=False) > 0.9
        assert sorted(p.name for p in out.glob("*.png")) == [f"stack-{i}.png" for i in (1, 2, 3)]
        code, _, err = segae("predict", model, path, "-o", tmp_path / "labels.png")
        assert code == 1
        assert "has 3 pages" in err
        masks = tmp_path / "masks.npy"
        np.save(masks, photos[2])
        call = ("fit", path, "--labels", masks, "-o", tmp_path / "m.segae", *QUICK)
        assert segae(*call)[0] == 0
        said = segae("evaluate", out / "stack.tif", "--truth", masks, "--no-matched", "--json")[1]
        assert json.loads(said)["pooled"]["miou"] > 0.9

    @pytest.mark.parametrize("suffix", ["tif", "npy", "zarr"])
    def test_planes_and_tiles(self, segae, model, pixels, tmp_path, suffix, monkeypatch):
        """Channels first on disk, read and written tile by tile: the same labels."""
        monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", 2**12)  # so that 15 kB are large
        large = np.tile(pixels[0], (4, 4, 1))
        tifffile.imwrite(
            tmp_path / "planes.tif",
            np.moveaxis(large, 2, 0),
            tile=(64, 64),
            planarconfig="separate",
            photometric="rgb",
        )
        write_image(tmp_path / "whole.npy", large)
        out = tmp_path / f"tiles.{suffix}"
        overlay = ("--overlay", tmp_path / "overlay.png")
        little = ("--max-memory", "1MiB")  # less than a tile takes
        code, _, err = segae("predict", model, tmp_path / "planes.tif", "-o", out, *little)
        assert code == 1
        assert "is too little" in err
        assert not out.exists()
        call = ("predict", model, tmp_path / "planes.tif", "-o", out, *overlay)
        assert segae(*call, "--max-memory", "60MiB")[0] == 0
        assert segae("predict", model, tmp_path / "whole.npy", "-o", tmp_path / "whole.tif")[0] == 0
        whole = tifffile.imread(tmp_path / "whole.tif")
        np.testing.assert_array_equal(np.asarray(open_image(out)[:, :]), whole)
        assert read_image(tmp_path / "overlay.png").shape == (192, 192, 3)
        assert not list(tmp_path.glob(".*"))

    @pytest.mark.parametrize("share", [8, 2**20])
    def test_georeferences_are_kept(self, segae, model, pixels, tmp_path, share, monkeypatch):
        """A label map lies where its image does, in tiles or not; other formats warn."""
        rasterio = pytest.importorskip("rasterio")
        monkeypatch.setattr("sklearn_segae.cli._batch.SHARE", share)
        place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
        scene, out = tmp_path / "scene.tif", tmp_path / "map.tif"
        size = {"height": 48, "width": 48, "count": 3, "dtype": "uint8"}
        with rasterio.open(scene, "w", driver="GTiff", **size, **place) as file:
            file.write(np.moveaxis(pixels[0], 2, 0))
        code, _, err = segae("predict", model, scene, "-o", out, "--max-memory", "60MiB")
        assert (code, err) == (0, "")
        with rasterio.open(out) as file:
            assert (file.crs.to_epsg(), file.transform) == (32633, place["transform"])
            np.testing.assert_array_equal(file.read(1), read_image(out))
        code, _, err = segae("predict", model, scene, "-o", tmp_path / "map.png")
        assert code == 0
        assert "will not have the georeference" in err
        assert err.count("\n") == 1


class TestEvaluate:
    """`segae evaluate`."""

    def test_scores_by_hand(self, segae, tmp_path):
        """A map with swapped labels is right if matched, wrong by name; void does not count."""
        truth = np.repeat([[0, 1]], 4, 0).repeat(4, 1).astype(np.uint8)
        write_image(tmp_path / "pred" / "a.png", 1 - truth)
        marked = truth.copy()
        marked[0] = 255
        write_image(tmp_path / "truth" / "a.png", marked)
        call = ("evaluate", tmp_path / "pred", "--truth", tmp_path / "truth", "--json")
        call = (*call, "--ignore-label", 255)
        scores = json.loads(segae(*call)[1])["images"][0]
        assert [scores[name] for name in ("miou", "accuracy", "ari")] == [1, 1, 1]
        assert scores["boundary-f1"] is None
        told = json.loads(
            segae(*call, "--no-matched", "--metric", "accuracy", "--metric", "dice")[1]
        )
        assert told["pooled"] == {"accuracy": 0, "dice": 0}
        assert told["matched"] is False

    def test_a_table(self, segae, photos):
        """A row for every image and one for all, a column for every score; shells spread globs."""
        masks = sorted(photos[1].glob("*.png"))
        code, said, err = segae("evaluate", *masks, "--truth", *masks)
        assert (code, err) == (0, "")
        rows = [line.split() for line in said.splitlines()]
        assert rows[0] == ["mean", "IoU", "accuracy", "ARI", "boundary", "F1"]
        assert [row[0] for row in rows[1:]] == ["p0.png", "p1.png", "p2.png", "all"]
        assert all(row[-4:] == ["1.000"] * 4 for row in rows[1:])

    def test_images_that_were_segmented_on_their_own(self, segae, photos, tmp_path):
        """Labels that mean something else in every page are not scored together."""
        truth = np.stack(photos[2]).astype(np.uint8)
        tifffile.imwrite(tmp_path / "truth.tif", truth, photometric="minisblack")
        own = np.stack([(page + i) % 3 for i, page in enumerate(truth)])
        tifffile.imwrite(tmp_path / "own.tif", own, photometric="minisblack")
        call = ("evaluate", tmp_path / "own.tif", "--truth", tmp_path / "truth.tif")
        assert json.loads(segae(*call, "--json")[1])["pooled"]["miou"] < 0.9
        rows = [line.split() for line in segae(*call, "--scope", "image")[1].splitlines()[1:]]
        assert rows == [["own.tif", *["1.000"] * 4]] * 3
        assert json.loads(segae(*call, "--scope", "image", "--json")[1])["pooled"] is None

    def test_partners(self, segae, photos, tmp_path):
        """By name, or else in order; what has no partner is named; sizes must agree."""
        for i, name in enumerate("abc"):
            write_image(tmp_path / f"{name}_mask.png", np.uint8(photos[2][i]))
        call = ("evaluate", photos[1], "--truth", tmp_path, "--json", "--metric", "ari")
        assert json.loads(segae(*call)[1])["pooled"]["ari"] == 1
        assert "p0.*" in segae(*call[:3], tmp_path / "a_mask.png")[2]
        write_image(tmp_path / "other" / "p0.png", np.zeros((3, 3), np.uint8))
        code, _, err = segae("evaluate", photos[1] / "p0.png", "--truth", tmp_path / "other")
        assert code == 1
        assert "(48, 48)" in err
        assert "(3, 3)" in err

    def test_pictures_that_are_no_label_maps(self, segae, photos):
        """Colors are refused; so is what JPEG has changed."""
        code, _, err = segae("evaluate", photos[0], "--truth", photos[1])
        assert code == 1
        assert "is a picture in colors" in err


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_label_maps_are_not_black_in_viewers(segae, photos, tmp_path, suffix):
    """Pictures of labels have a palette of clear colors, and the same numbers."""
    path = tmp_path / f"labels.{suffix}"
    assert segae("segment", photos[0] / "p0.png", "-k", 3, *QUICK, "-o", path)[0] == 0
    with Image.open(path) as picture:
        assert picture.mode == "P"
        indices, shown = np.asarray(picture), np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(indices, *read_labels(path))
    assert set(np.unique(indices)) == {0, 1, 2}
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 3
    assert shown.max(axis=2).min() > 100


def test_progress_bars_tell_times(monkeypatch, capsys):
    """Stages are named, with the time since they began, and after a step the time left."""
    now = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(_console, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(_console, "Console", partial(Console, force_terminal=True, width=90))
    with _console.progress(quiet=False) as advance:
        advance("training", 0, 4)
        advance("training", 1, 4)
    said = capsys.readouterr().err
    assert "training" in said
    assert "0:00:00, 0:00:40 left" in said


def test_palettes_are_labels(tmp_path):
    """A label map with a palette holds indices, which its colors only show."""
    from PIL import Image

    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Image.fromarray(labels, "L").convert("P")
    picture.putdata(labels.ravel().tolist())
    picture.putpalette(list(range(0, 256))[::-1] * 3)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], labels)


def test_info(segae, photos, model):
    """What is in a model and in an image, for people and for programs."""
    code, said, err = segae("info", model, photos[0] / "p0.png")
    assert (code, err) == (0, "")
    assert f"sklearn_segae {__version__}" in said
    told, image = json.loads(segae("info", model, photos[1] / "p0.png", "--json")[1])["files"]
    assert told["learnt"]["classes"] == np.unique(photos[2]).tolist()
    assert told["encoder"]["weights"] > 0
    assert told["parameters"]["encoder__max_epochs"] == 0
    assert (image["height"], image["channels"], image["type"]) == (48, 1, "uint8")
    assert image["different values"] == np.unique(photos[2][0]).tolist()


def test_a_damaged_model(segae, model, tmp_path):
    """`info` finds a flipped bit."""
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "m.segae").write_bytes(content)
    code, _, err = segae("info", tmp_path / "m.segae")
    assert code == 1
    assert "damaged" in err


def test_warnings_are_lines(segae, tmp_path):
    """Pages of another size are not read, which is told in one line."""
    with tifffile.TiffWriter(tmp_path / "odd.tif") as file:
        file.write(np.zeros((9, 9), np.uint8), photometric="minisblack")
        file.write(np.zeros((5, 5), np.uint8), photometric="minisblack")
    code, _, err = segae("info", tmp_path / "odd.tif")
    assert code == 0
    assert err.startswith("segae: warning: ")
    assert "only its first 1 pages are read" in err


COMMANDS = ["segment", "fit", "predict", "evaluate", "info", "annotate", "demo"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(segae, command):
    """Every command shows how it is called."""
    code, said, _ = segae(command, "--help")
    assert code == 0
    assert f"segae {command} " in said.split("Example")[1]


def test_strokes_of_a_folder_go_with_its_images(segae, photos, tmp_path):
    """`annotate` takes folders and globs, too: one map of strokes is too few for three images."""
    write_image(tmp_path / "p0.png", np.uint8(photos[2][0]))
    code, _, err = segae("annotate", photos[0] / "p*.png", "--labels", tmp_path)
    assert (code, err) == (
        1,
        "segae: y holds 1 label maps, but X holds 3 images. Pass one for every image.\n",
    )


def test_version_and_completion(segae):
    """The version is the package's; a shell can be taught the commands."""
    assert segae("--version")[1].strip() == __version__
    environment = {"_SEGAE_COMPLETE": "complete_bash", "COMP_WORDS": "segae e", "COMP_CWORD": "1"}
    run = subprocess.run(
        [sys.executable, "-c", "from sklearn_segae.cli._app import main; main()"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.stdout.split() == ["evaluate"]


def test_options_of_many_values():
    """What follows --truth is its own, up to the next option."""
    assert repeat_options(["a", "--truth", "b", "c", "--json", "d"]) == [
        "a",
        *("--truth", "b", "--truth", "c"),
        *("--json", "d"),
    ]


def test_option_values_are_those_of_the_estimators():
    """The command has lists of its own, as importing estimators takes seconds: they are equal."""
    for values, estimator, name in (
        (Features, PixelEncoder, "features"),
        (Scope, AESegmenter, "scope"),
    ):
        (constraint,) = estimator._parameter_constraints[name]
        assert set(values) == constraint.options
