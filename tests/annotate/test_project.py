"""Edits of an annotation: undone, saved, and found again."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from sklearn_segae.annotate._classes import default_class
from sklearn_segae.annotate._folder import FILE, AnnotationFolder, default_folder
from sklearn_segae.annotate._project import OutdatedError
from sklearn_segae.annotate._start import open_project
from sklearn_segae.storage._files import write_image
from sklearn_segae.storage._label_files import read_labels


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def project(start, folder):
    return start(folder)


def draw(project, value, top=0, image=0, height=4):
    patch = np.full((height, 8), value, np.uint8)
    project.paint(project.version, image, top, 2, patch)


def strokes(project):
    return [s.copy() for s in project.session.strokes]


def assert_same(project, other):
    np.testing.assert_array_equal(project.session.strokes, other.session.strokes)
    assert project.state == other.state


def test_a_stroke_is_on_disk_when_paint_returns(project, folder):
    """As a label map whose values are the classes."""
    draw(project, 2)
    (found,) = read_labels(folder / "out" / "strokes" / "one.png")
    np.testing.assert_array_equal(found, project.session.strokes[0])
    assert found.max() == 2
    assert not (folder / "out" / "strokes" / "two.png").exists()  # nothing was drawn there


def test_everything_is_found_again(start, project, folder):
    """Strokes, classes, their colors and visibility, numbers of strokes, undo and redo."""
    draw(project, 1)
    draw(project, 2, 8, image=1)
    draw(project, 2, 16)
    project.undo(project.version)
    sea = default_class(1, "sea")._replace(color="#123456")
    project.set_classes(project.version, [default_class(3), sea, default_class(2)], {2})
    again = start(folder)
    assert_same(project, again)
    assert [c.number for c in again.state.classes] == [3, 1, 2]
    assert again.session.names == ["sea", "class 2", "class 3"]
    assert [again.n_strokes(i) for i in (0, 1)] == [1, 1]
    again.undo(again.version)
    again.undo(again.version)
    assert not again.session.strokes[1].any()
    assert [c.name for c in again.state.classes] == ["class 1", "class 2"]


def test_redo_is_the_reverse_of_undo(project):
    """Of any number of edits, strokes, erasures and classes alike."""
    states = [strokes(project)]
    edits = [lambda: draw(project, 1), lambda: draw(project, 2, 2), lambda: draw(project, 0, 3)]
    edits.append(lambda: project.set_classes(project.version, [default_class(1)], set()))
    for edit in edits:
        edit()
        states.append(strokes(project))
    for expected in states[-2::-1]:
        project.undo(project.version)
        np.testing.assert_array_equal(project.session.strokes, expected)
    for expected in states[1:]:
        project.redo(project.version)
        np.testing.assert_array_equal(project.session.strokes, expected)


def test_deleting_a_class_deletes_its_strokes_in_all_images(project):
    """Those of other classes stay, with their numbers."""
    project.set_classes(project.version, [default_class(i) for i in (1, 2, 3)], set())
    for image in (0, 1):
        draw(project, 2, image=image)
        draw(project, 3, 2, image=image)
    project.set_classes(project.version, [default_class(i) for i in (1, 3)], set())
    assert [set(np.unique(s)) for s in project.session.strokes] == [{0, 3}] * 2
    with pytest.raises(ValueError, match="class 2"):
        draw(project, 2)


def test_colors_are_those_of_the_files(project, folder):
    """A new color is that of all strokes on disk, at once."""
    draw(project, 1)
    project.set_classes(
        project.version, [default_class(1)._replace(color="#010203"), default_class(2)], set()
    )
    assert Image.open(folder / "out" / "strokes" / "one.png").getpalette()[3:6] == [1, 2, 3]


def test_hiding_a_class_is_no_edit(start, project, folder):
    """It cannot be undone, but is saved."""
    project.set_classes(project.version, project.state.classes, {1})
    assert not project.state.history.done
    assert start(folder).state.hidden == {1}


@pytest.mark.parametrize("move", ["none", "undo", "redo"])
def test_a_process_that_is_killed_between_two_files(start, project, folder, move):
    """The state is on disk and the strokes are not: they are completed from the history."""
    path = folder / "out" / "strokes" / "one.png"
    draw(project, 1)
    draw(project, 2)
    if move == "redo":
        project.undo(project.version)
    old = path.read_bytes()
    {"none": lambda v: draw(project, 1, 3), "undo": project.undo, "redo": project.redo}[move](
        project.version
    )
    assert path.read_bytes() != old
    path.write_bytes(old)
    np.testing.assert_array_equal(start(folder).session.strokes, project.session.strokes)


def test_edits_of_an_earlier_version(project):
    """They would undo what they do not know of."""
    draw(project, 1)
    with pytest.raises(OutdatedError, match="Reload"):
        project.undo(project.version - 1)


def test_two_processes_do_not_overwrite_each_other(start, project, folder):
    """The one that began first notices, and leaves the files of the other as they are."""
    other = start(folder)
    draw(other, 1)
    before = (folder / "out" / FILE).read_bytes()
    with pytest.raises(ValueError, match="changed by another program"):
        draw(project, 2)
    assert (folder / "out" / FILE).read_bytes() == before
    assert not project.session.strokes[0].any()


def test_the_history_is_bounded(project, folder):
    """Old edits are dropped, and the file stays small."""
    rng = np.random.default_rng(0)
    for _ in range(230):
        noise = rng.integers(0, 3, (64, 64)).astype(np.uint8)
        project.paint(project.version, 0, 0, 0, noise)
    assert len(project.state.history.done) == 200
    assert (folder / "out" / FILE).stat().st_size < 2**22


def test_images_are_added_and_moved_with_their_folder(start, project, folder, tmp_path_factory):
    """Further images join an annotation; names are relative to its folder."""
    draw(project, 1, image=1)
    moved = tmp_path_factory.mktemp("moved") / "all"
    shutil.copytree(folder, moved)
    again = start(moved, files=("zero.tif", "one.tif", "two.tif"))
    assert again.folder.keys == ["zero", "one", "two"]
    assert [s.any() for s in again.session.strokes] == [False, False, True]
    draw(again, 2)
    assert (moved / "out" / "strokes" / "zero.png").exists()


def test_files_of_one_name_do_not_collide(start, folder):
    """They are named after their folders, and by numbers if that is not enough."""
    for name in ("a", "b"):
        (folder / name / "x").mkdir(parents=True)
        (folder / name / "one").mkdir()
    files = ("a/one.tif", "b/one.tif", "a/x/two.tif", "b/x/Two.tif", "a/x-two.tif")
    project = start(folder, files=files)
    assert project.folder.keys == ["a-one", "b-one", "x-two", "x-Two-2", "x-two-3"]
    assert start(folder, files=files).folder.keys == project.folder.keys


def test_pages_are_images(start, folder):
    """Each page of a file has strokes of its own."""
    tifffile.imwrite(folder / "stack.tif", np.zeros((2, 64, 64), np.float32), metadata=None)
    project = start(folder, files=("stack.tif",))
    assert [i.name for i in project.images] == ["stack.tif [page 1]", "stack.tif [page 2]"]
    draw(project, 1, image=1)
    assert (folder / "out" / "strokes" / "stack-page2.png").exists()


def test_other_images_are_refused(start, project, folder):
    """Their strokes would be lost, or be on wrong pixels."""
    draw(project, 1)
    before = {p: p.read_bytes() for p in (folder / "out").rglob("*.*")}
    with pytest.raises(ValueError, match=r"holds strokes on \.\./two.tif.*another folder as -o"):
        start(folder, files=("one.tif",))
    write_image(folder / "one.tif", np.zeros((32, 48), np.float32))
    with pytest.raises(ValueError, match=r"has 32 x 48 pixels, but .* 64 x 64"):
        start(folder)
    assert {p: p.read_bytes() for p in (folder / "out").rglob("*.*")} == before


def test_folders_of_others_are_refused(start, folder):
    """Nothing in them is overwritten."""
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds files, but no annotation"):
        start(folder)
    (folder / "out" / "notes.txt").unlink()
    assert start(folder).folder.path.is_dir()
    with pytest.raises(NotADirectoryError, match="is a file"):
        AnnotationFolder(folder / "one.tif", [])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "{",
        lambda text: "[]",
        lambda text: text.replace('"format": 1', '"format": "x"'),
        lambda text: text.replace('"key": "one"', '"key": "../one"'),
        lambda text: text.replace('"#0072b2"', '"blue"'),
        lambda text: text.replace('"key": "one"', '"name": "one"'),
        lambda text: text.replace('"after": "', '"after": "x'),
        lambda text: text.replace('"top": 0', '"top": -9'),
        lambda text: text.replace('"top": 0', '"top": 0.5'),
        lambda text: text.replace('"key": "two"', '"key": "one"'),
        lambda text: text.replace('"n_strokes": 1', '"n_strokes": "many"'),
        lambda text: text.replace('"patches": [', '"patches": [], "others": ['),
    ],
)
def test_damaged_files_are_errors(start, project, folder, change):
    """In one line, and with a way out."""
    draw(project, 1)
    path = folder / "out" / FILE
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    with pytest.raises(ValueError, match=r"annotation.json: .*another folder as -o"):
        start(folder)


def test_strokes_of_another_size_are_errors(start, project, folder):
    """Such as those of another program."""
    draw(project, 1)
    write_image(folder / "out" / "strokes" / "one.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        start(folder)


def test_the_default_folder_is_beside_the_image(tmp_path):
    """Named after it, and not after what is inside a file."""
    assert default_folder(tmp_path / "a.b.png") == tmp_path / "a.b-annotation"
    assert default_folder(tmp_path / "a.h5::x") == tmp_path / "a-annotation"


def test_what_is_on_disk_are_plain_words(project, folder):
    """Names and colors of classes can be read by other programs."""
    content = json.loads((folder / "out" / FILE).read_text())
    expected = {"number": 1, "name": "class 1", "color": "#0072b2", "visible": True}
    assert content["classes"][0] == expected


def test_names_of_classes(start, folder):
    """Those of an earlier session are kept, and a note says that others are not used."""
    project = start(folder, names=["sea", " land "])
    assert [c.name for c in project.state.classes] == ["sea", "land"]
    paths = [folder / "one.tif", folder / "two.tif"]
    again, notes = open_project(paths, folder / "out", names=["sky"])
    assert again.session.names == ["sea", "land"]
    assert "not of --classes" in notes[0]
    with pytest.raises(ValueError, match="40 names, but there may be 30 classes"):
        start(names=["x"] * 40)


def test_a_folder_that_cannot_be_written(start, project, folder):
    """It is an error at the start, not after the first stroke."""
    path = folder / "one.tif"
    with pytest.raises(OSError, match=r"Pass another folder as -o.*one.tif"):
        open_project([path], path / "inside")
