"""Files as other programs write them: the right pixels, channels and axes."""

import json

import h5py
import imagecodecs
import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from PIL import Image

from sklearn_segae.storage import open_image
from sklearn_segae.storage._files import read_image
from sklearn_segae.storage._label_files import read_labels
from sklearn_segae.storage._pages import open_pages

HEIGHT, WIDTH = 24, 40


@pytest.fixture
def rgb(rng):
    """A color image of 8 bits without symmetries."""
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def both(path, **options):
    """Return an image as the command line reads it, and as `open_image` does; they are equal."""
    read, opened = read_image(path, **options), open_image(path, **options)
    assert (opened.shape, opened.dtype) == (read.shape, read.dtype)
    np.testing.assert_array_equal(np.asarray(opened), read)
    np.testing.assert_array_equal(opened[3:9, 5:30:2], read[3:9, 5:30:2])
    return read


class TestTiff:
    """TIFFs of all compressions, layouts and kinds of pixels."""

    @pytest.mark.parametrize(
        "compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "zstd", "raw"]
    )
    def test_lossless_compressions(self, tmp_path, rgb, compression):
        """As Pillow, which calls libtiff, writes them."""
        Image.fromarray(rgb).save(tmp_path / "a.tif", compression=compression)
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), rgb)

    def test_jpeg(self, tmp_path, rgb):
        """The pixels are those that Pillow decodes."""
        Image.fromarray(rgb).save(tmp_path / "a.tif", compression="jpeg")
        expected = np.asarray(Image.open(tmp_path / "a.tif"))
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), expected)

    @pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "tiff_lzw"])
    def test_bilevel(self, tmp_path, rgb, compression):
        """Scans of one bit a pixel are boolean."""
        page = rgb[..., 0] > 99
        Image.fromarray(page).save(tmp_path / "a.tif", compression=compression)
        read = both(tmp_path / "a.tif")
        assert read.dtype == bool
        np.testing.assert_array_equal(read, page)

    @pytest.mark.parametrize("dtype", [bool, np.uint8])
    def test_where_0_is_white(self, tmp_path, rgb, dtype):
        """The intensities are those that are shown, as in other formats; labels stay as stored."""
        stored = (rgb[..., 0] > 99) if dtype is bool else rgb[..., 0]
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
        shown = ~stored if dtype is bool else 255 - stored
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), shown)
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif")[0], stored)

    @pytest.mark.parametrize("dtype", ["<u2", ">u2", ">f4", "<f8", ">i4", "f2"])
    @pytest.mark.parametrize("layout", ["contig", "separate", "tiles"])
    def test_types_byte_orders_and_layouts(self, tmp_path, rgb, dtype, layout):
        """Values do not depend on how they are stored; the byte order is the machine's."""
        image = (rgb.astype("f8") * 7).astype(dtype)
        order = {"byteorder": ">" if dtype[0] == ">" else "<", "bigtiff": dtype == "<f8"}
        if layout == "separate":
            stored, how = np.moveaxis(image, 2, 0), {"planarconfig": "separate"}
        else:
            stored, how = image, {"tile": (16, 16)} if layout == "tiles" else {}
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **order, **how)
        read = both(tmp_path / "a.tif")
        assert read.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(read, image)

    def test_a_palette_is_colors_of_images_and_labels_of_label_maps(self, tmp_path, rgb):
        """Indices of a palette say nothing about intensities; for labels they are what counts."""
        picture = Image.fromarray(rgb).quantize(16)
        picture.save(tmp_path / "a.tif")
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), np.asarray(picture.convert("RGB")))
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif")[0], np.asarray(picture))

    @pytest.mark.parametrize("subifds", [0, 2])
    def test_pyramids_are_read_in_full_resolution(self, tmp_path, rgb, subifds):
        """Smaller copies are no pages, whether they are inside of a page or behind it."""
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            how = {"photometric": "rgb", "tile": (16, 16)}
            file.write(rgb, subifds=subifds, **how)
            for step in (2, 4):
                file.write(rgb[::step, ::step], subfiletype=1, **how)
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), rgb)

    def test_pages_are_a_stack(self, tmp_path, rgb):
        """Of several pages, each can be read alone."""
        pages = np.stack([rgb, rgb[::-1], rgb[:, ::-1]])
        tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb")
        opened = open_image(tmp_path / "a.tif")
        assert opened.shape == pages.shape
        np.testing.assert_array_equal(opened[1, 2:9], pages[1, 2:9])
        np.testing.assert_array_equal(np.stack(open_pages(tmp_path / "a.tif").load()), pages)

    def test_a_mask_is_no_page(self, tmp_path, rgb):
        """GDAL keeps a mask in the file, beside the image."""
        place = {"height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(tmp_path / "a.tif", "w", "GTiff", **place, transform=SHIFT) as file,
        ):
            file.write(np.moveaxis(rgb, 2, 0))
            file.write_mask(rgb[..., 0] > 9)
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), rgb)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation(self, tmp_path, rgb, orientation):
        """A tag that turns the image is obeyed, as Pillow does."""
        tag = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb", extratags=tag)
        np.testing.assert_array_equal(both(tmp_path / "a.tif"), turned(rgb, orientation))


SHIFT = rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)


def turned(image, orientation):
    """Return an image as its orientation says that it is shown."""
    how = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return how[orientation](image)


class TestPictures:
    """PNG, JPEG, BMP, GIF and WebP of all kinds."""

    @pytest.mark.parametrize("n_channels", [2, 3, 4])
    def test_16_bits_of_colors(self, tmp_path, rng, n_channels):
        """A PNG keeps its low bytes: a ramp from 0 to 198 is not 0."""
        deep = rng.integers(0, 199, (HEIGHT, WIDTH, n_channels)).astype(np.uint16)
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
        expected = deep if n_channels == 3 else deep[..., :-1]  # without transparency
        read = both(tmp_path / "a.png")
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, expected)

    def test_16_bits_of_gray(self, tmp_path, rng):
        """As before: Pillow reads these."""
        deep = rng.integers(0, 2**16, (HEIGHT, WIDTH)).astype(np.uint16)
        Image.fromarray(deep).save(tmp_path / "a.png")
        np.testing.assert_array_equal(both(tmp_path / "a.png"), deep)

    def test_pictures_above_the_limit_of_pillow(self, tmp_path, rgb, monkeypatch):
        """Its limit protects servers from strangers; it stays as it was for others."""
        Image.fromarray(rgb).save(tmp_path / "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
        np.testing.assert_array_equal(both(tmp_path / "a.png"), rgb)
        with pytest.raises(Image.DecompressionBombError):
            Image.open(tmp_path / "a.png")

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
    def test_orientation(self, tmp_path, orientation, suffix):
        """Cameras turn pictures by a tag of EXIF."""
        corner = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        corner[:8, :16, 0] = 255
        exif = Image.Exif()
        exif[274] = orientation
        options = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(corner).save(tmp_path / f"a.{suffix}", exif=exif, **options)
        read = both(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(read > 128, turned(corner, orientation) > 128)

    def test_orientation_of_16_bits(self, tmp_path, rng):
        """The same for those that Pillow does not decode."""
        deep = rng.integers(0, 2**16, (HEIGHT, WIDTH, 3)).astype(np.uint16)
        exif = Image.Exif()
        exif[274] = 6
        Image.new("RGB", (2, 2)).save(tmp_path / "exif.png", exif=exif)
        tagged, plain = (tmp_path / "exif.png").read_bytes(), imagecodecs.png_encode(deep)
        at = tagged.index(b"eXIf") - 4
        length = int.from_bytes(tagged[at : at + 4]) + 12
        (tmp_path / "a.png").write_bytes(plain[:33] + tagged[at : at + length] + plain[33:])
        np.testing.assert_array_equal(both(tmp_path / "a.png"), turned(deep, 6))

    @pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
    def test_palettes(self, tmp_path, rgb, suffix):
        """Colors for images, indices for label maps."""
        picture = Image.fromarray(rgb).quantize(16)
        picture.save(tmp_path / f"a.{suffix}")
        expected = np.asarray(picture.convert("RGB"))
        np.testing.assert_array_equal(both(tmp_path / f"a.{suffix}"), expected)
        if suffix != "gif":  # whose writer sorts the palette
            labels = read_labels(tmp_path / f"a.{suffix}")[0]
            np.testing.assert_array_equal(labels, np.asarray(picture))

    @pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
    def test_one_bit(self, tmp_path, rgb, suffix):
        """Black and white is boolean."""
        page = rgb[..., 0] > 99
        Image.fromarray(page).save(tmp_path / f"a.{suffix}")
        read = both(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(read, page)
        assert read.dtype == bool

    def test_cmyk(self, tmp_path):
        """Inks are no colors: a CMYK picture is read as red, green and blue."""
        red = np.zeros((16, 16, 3), np.uint8)
        red[:, :8, 0] = 255
        Image.fromarray(red).convert("CMYK").save(tmp_path / "a.jpg", quality=99)
        read = both(tmp_path / "a.jpg")
        assert read.shape == red.shape
        assert np.abs(read.astype(int) - red).max() < 12

    def test_animations_are_stacks(self, tmp_path, rgb):
        """Every frame of a GIF is an image."""
        frames = [Image.fromarray(np.full((8, 9), v, np.uint8)) for v in (0, 90, 255)]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        opened = open_image(tmp_path / "a.gif")
        assert opened.shape == (3, 8, 9, 3)
        assert opened[:, 0, 0, 0].tolist() == [0, 90, 255]


class TestTransparency:
    """Alpha is no channel, in no format, unless somebody says so."""

    @pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
    @pytest.mark.filterwarnings("ignore:channel . of a TIFF is marked")
    def test_it_is_left_out_everywhere(self, tmp_path, rng, suffix):
        """RGBA has three channels, whatever the format."""
        rgba = rng.integers(1, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
        options = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(rgba).save(tmp_path / f"a.{suffix}", **options)
        np.testing.assert_array_equal(both(tmp_path / f"a.{suffix}"), rgba[..., :3])
        assert isinstance(open_image(tmp_path / f"a.{suffix}"), np.ndarray) == (suffix != "tif")

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_it_can_be_asked_for(self, tmp_path, rng, suffix):
        """As a channel of its own, for instance as a mask, or as data."""
        rgba = rng.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
        Image.fromarray(rgba).save(tmp_path / f"a.{suffix}")
        path = tmp_path / f"a.{suffix}"
        np.testing.assert_array_equal(both(path, channels=[0, 1, 2, 3]), rgba)
        np.testing.assert_array_equal(both(path, channels=[3]), rgba[..., 3:])
        assert open_pages(path).source.alpha == 3

    def test_libraries_mark_data_as_transparency(self, tmp_path, rng):
        """Of a TIFF, dropping it warns, with a way out that works: it may be infrared."""
        scene = rng.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
        size = {"height": HEIGHT, "width": WIDTH, "count": 4, "dtype": "uint8"}
        with rasterio.open(tmp_path / "a.tif", "w", "GTiff", **size, transform=SHIFT) as file:
            file.write(np.moveaxis(scene, 2, 0))
        with pytest.warns(UserWarning, match=r"pass channels=\[0, 1, 2, 3\] \(--channels 1,2,3,4"):
            np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), scene[..., :3])
        np.testing.assert_array_equal(both(tmp_path / "a.tif", channels=[0, 1, 2, 3]), scene)


class TestChannels:
    """`channels=` selects, in any order."""

    @pytest.mark.parametrize("suffix", ["png", "tif", "npy", "palette.png"])
    def test_they_are_selected(self, tmp_path, rgb, suffix):
        """From any format; the order is that of the list."""
        path = tmp_path / f"a.{suffix}"
        if suffix == "npy":
            np.save(path, rgb)
        elif suffix == "palette.png":
            picture = Image.fromarray(rgb).quantize(16)
            picture.save(path)
            rgb = np.asarray(picture.convert("RGB"))
        else:
            Image.fromarray(rgb).save(path)
        np.testing.assert_array_equal(both(path, channels=[2, 0]), rgb[..., [2, 0]])

    @pytest.mark.parametrize("channels", [[3], [-1], []])
    def test_others_are_refused(self, tmp_path, rgb, channels):
        """The error says which there are."""
        np.save(tmp_path / "a.npy", rgb)
        with pytest.raises(ValueError, match=r"has 3 channels, .* Pass some of them, such as \[0,"):
            open_image(tmp_path / "a.npy", channels=channels)


class TestAxes:
    """What files say of their axes, what users say, and what nobody says."""

    def test_imagej(self, tmp_path, rng):
        """A hyperstack: times and slices are pages, channels are channels."""
        stack = rng.integers(0, 2**16, (3, 4, 2, HEIGHT, WIDTH)).astype(np.uint16)
        how = {"imagej": True, "metadata": {"axes": "TZCYX", "unit": "um"}, "resolution": (4, 2)}
        tifffile.imwrite(tmp_path / "a.tif", stack, **how)
        pages = np.moveaxis(stack.reshape(12, 2, HEIGHT, WIDTH), 1, 3)
        opened = open_image(tmp_path / "a.tif")
        assert opened.shape == pages.shape
        np.testing.assert_array_equal(opened[5:7, 3:9], pages[5:7, 3:9])
        np.testing.assert_array_equal(np.stack(open_pages(tmp_path / "a.tif").load()), pages)
        assert open_pages(tmp_path / "a.tif").source.pixel_size == (0.5, 0.25, "um")

    def test_ome_tiff(self, tmp_path, rng):
        """Channels first, and the size of a pixel."""
        planes = rng.integers(0, 2**16, (5, HEIGHT, WIDTH)).astype(np.uint16)
        sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeXUnit": "nm"}
        metadata = {"axes": "CYX", **sizes, "PhysicalSizeYUnit": "nm"}
        tifffile.imwrite(tmp_path / "a.ome.tif", planes, metadata=metadata)
        read = both(tmp_path / "a.ome.tif")
        np.testing.assert_array_equal(read, np.moveaxis(planes, 0, 2))
        assert open_pages(tmp_path / "a.ome.tif").source.pixel_size == (0.5, 0.25, "nm")

    @pytest.mark.parametrize("suffix", ["npy", "zarr", "h5"])
    def test_users_name_axes(self, tmp_path, rng, suffix):
        """For files that do not: channels first, times before them, a stack of volumes."""
        array = rng.normal(size=(2, 3, 4, HEIGHT, WIDTH)).astype(np.float32)
        path = tmp_path / f"a.{suffix}"
        save(path, array[0, 0])
        np.testing.assert_array_equal(both(path, axes="cyx"), np.moveaxis(array[0, 0], 0, 2))
        np.testing.assert_array_equal(open_image(path, axes="zyx")[...], array[0, 0])
        save(path, array)
        expected = np.moveaxis(array, 2, 4).reshape(6, HEIGHT, WIDTH, 4)
        np.testing.assert_array_equal(open_image(path, axes="tzcyx")[...], expected)
        pages = open_pages(path, axes="TZCYX", limit=0)
        np.testing.assert_array_equal(np.stack([p[:, :] for p in pages.load()]), expected)

    @pytest.mark.parametrize("suffix", ["npy", "zarr", "h5"])
    @pytest.mark.parametrize(
        ("shape", "way_out"),
        [
            ((4, 64, 64), "cyx"),
            ((1, 4, 64, 64), "tcyx"),
            ((1, 20, 48, 48), "tzyx"),
            ((99,) * 5, ""),
        ],
    )
    def test_implausible_axes_are_refused(self, tmp_path, suffix, shape, way_out):
        """Images of 64 channels and 4 rows are none; what the error advises works."""
        if len(shape) == 5:
            shape, way_out = (1, 2, 3, 9, 9), "tzcyx"
        save(tmp_path / f"a.{suffix}", np.zeros(shape, np.uint8))
        with pytest.raises(ValueError, match=f"axes='{way_out}'"):
            open_image(tmp_path / f"a.{suffix}")
        opened = open_image(tmp_path / f"a.{suffix}", axes=way_out)
        assert shape[-2:] in (opened.shape[:2], opened.shape[1:3])

    @pytest.mark.parametrize(
        "shape", [(145, 145, 200), (610, 340, 103), (512, 217, 224), (20, 20, 200), (5, 7, 4)]
    )
    def test_usual_scenes_are_accepted(self, tmp_path, shape):
        """Hyperspectral scenes have many channels last."""
        zarr.create_array(tmp_path / "a.zarr", shape=shape, dtype="u1")
        assert open_image(tmp_path / "a.zarr").shape == shape

    def test_pages_that_are_rows(self, tmp_path):
        """tifffile writes (H, W, C) as H pages of W x C pixels, if it is not told."""
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64, 10), np.float32))
        with pytest.raises(ValueError, match=r"64 pages of 64 x 10 pixels.*axes='yxc'"):
            open_image(tmp_path / "a.tif")
        assert both(tmp_path / "a.tif", axes="yxc").shape == (64, 64, 10)
        assert open_image(tmp_path / "a.tif", axes="tyx").shape == (64, 64, 10)

    @pytest.mark.parametrize("axes", ["yx", "yxcz", "xcc", "yyx", "cy", "", "y-x", "ycs"])
    def test_axes_that_are_none(self, tmp_path, axes):
        """The error names them, and the shape they do not fit."""
        np.save(tmp_path / "a.npy", np.zeros((9, 9, 3)))
        with pytest.raises(ValueError, match=f"axes='{axes}'"):
            open_image(tmp_path / "a.npy", axes=axes)

    def test_dimension_names_of_zarr(self, tmp_path, rng):
        """Those of zarr 3, and of xarray in zarr 2."""
        array = rng.normal(size=(3, HEIGHT, WIDTH))
        names = ("band", "lat", "lon")
        new = zarr.create_array(tmp_path / "3.zarr", data=array, dimension_names=names)
        old = zarr.create_array(tmp_path / "2.zarr", data=array, zarr_format=2)
        old.attrs["_ARRAY_DIMENSIONS"] = list(names)
        for path in (new.store.root, old.store.root):
            np.testing.assert_array_equal(both(path), np.moveaxis(array, 0, 2))


def save(path, array):
    """Write an array without names of axes."""
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".zarr":
        zarr.create_array(path, data=array, overwrite=True)
    else:
        with h5py.File(path, "w") as file:
            file["data"] = array


class TestHdf5:
    """HDF5, as ilastik writes it."""

    @pytest.fixture
    def path(self, tmp_path, rng):
        """A file of one image with axes and one label map."""
        path = tmp_path / "a.h5"
        keys = [{"key": key, "typeFlags": 1, "resolution": 0} for key in "tcyx"]
        with h5py.File(path, "w") as file:
            data = rng.normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
            file["exported_data"] = data
            file["exported_data"].attrs["axistags"] = json.dumps({"axes": keys})
            file["volume/labels"] = np.arange(12, dtype=np.uint32).reshape(3, 4)
            file["notes"] = "no image"
        return path

    def test_a_dataset_is_named_after_the_file(self, path):
        """With the axes that ilastik declares."""
        with h5py.File(path) as file:
            stored = file["exported_data"][0]
        read = both(f"{path}::/exported_data")
        np.testing.assert_array_equal(read, np.moveaxis(stored, 0, 2))
        labels = read_labels(type(path)(f"{path}::/volume/labels"))[0]
        np.testing.assert_array_equal(labels, np.arange(12).reshape(3, 4))

    def test_the_only_one_needs_no_name(self, path):
        """Several are listed by the error; the one that it advises opens."""
        with pytest.raises(ValueError, match=r"2 arrays \(exported_data, volume/labels\)") as error:
            open_image(path)
        advised = str(error.value).split("such as ")[1]
        assert open_image(advised).shape == (HEIGHT, WIDTH, 3)
        assert open_image(f"{path}::volume").shape == (3, 4)
        with h5py.File(path, "a") as file:
            del file["volume"]
        assert open_image(path).shape == (HEIGHT, WIDTH, 3)

    def test_what_is_not_there_is_named(self, path):
        """Together with what is."""
        with pytest.raises(ValueError, match="holds no array nothing, but exported_data"):
            open_image(f"{path}::/nothing")
        with pytest.raises(FileNotFoundError, match=r"b\.h5: there is no such file"):
            open_image(f"{path.with_name('b.h5')}::/data")
        Image.new("L", (3, 3)).save(path.with_name("a.png"))
        with pytest.raises(ValueError, match=r"a \.png file has no parts. Leave ::0 out"):
            open_image(f"{path.with_name('a.png')}::/0")


OME_AXES = [
    {"name": "t", "type": "time"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


class TestOmeZarr:
    """OME-Zarr 0.4 (zarr 2) and 0.5 (zarr 3)."""

    @pytest.fixture(params=["0.4", "0.5"])
    def written(self, request, tmp_path, rng):
        """The path of an image of two levels, with what the specification asks for; its array."""
        array = rng.integers(0, 2**16, (1, 3, HEIGHT, WIDTH)).astype(np.uint16)
        path = tmp_path / "a.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=2 if request.param == "0.4" else 3)
        levels = []
        for i, step in enumerate((1, 2)):
            group.create_array(str(i), data=array[..., ::step, ::step])
            scale = [1, 1, 0.5 * step, 0.25 * step]
            transformations = [{"type": "scale", "scale": scale}]
            levels.append({"path": str(i), "coordinateTransformations": transformations})
        scales = {"multiscales": [{"axes": OME_AXES, "datasets": levels}]}
        group.attrs.update(scales if request.param == "0.4" else {"ome": scales})
        return path, array

    def test_the_first_level_is_read(self, written):
        """Channels last, a single time is no axis, and the size of a pixel."""
        path, array = written
        np.testing.assert_array_equal(both(path), np.moveaxis(array[0], 0, 2))
        pages = open_pages(path)
        assert pages.source.pixel_size == (0.5, 0.25, "micrometer")
        assert not pages.stacked

    def test_a_level_is_named(self, written):
        """After the path, or as a folder of its own, with the axes of the image."""
        path, array = written
        expected = np.moveaxis(array[0, :, ::2, ::2], 0, 2)
        for name in (f"{path}::1", f"{path}::/1", path / "1"):
            np.testing.assert_array_equal(open_image(name)[...], expected)
            assert open_pages(name).source.pixel_size == (1.0, 0.5, "micrometer")

    def test_levels_that_are_not_there(self, written):
        """They are named, together with those that are."""
        with pytest.raises(ValueError, match="holds no array 9, but 0, 1"):
            open_image(f"{written[0]}::9")

    def test_collections_of_images(self, written, tmp_path):
        """A folder of images, as bioformats2raw writes it: the level that the error names opens."""
        path, array = written
        outer = tmp_path / "many.zarr"
        zarr.open_group(outer, mode="w", zarr_format=zarr.open_group(path).metadata.zarr_format)
        path.rename(outer / "0")
        with pytest.raises(ValueError, match=r"holds 2 arrays \(0/0, 0/1\)") as error:
            open_image(outer)
        np.testing.assert_array_equal(
            open_image(str(error.value).split("such as ")[1])[...], np.moveaxis(array[0], 0, 2)
        )
        assert open_image(f"{outer}::0").shape == (HEIGHT, WIDTH, 3)

    def test_groups_of_many_arrays(self, written):
        """A group that is no image names those that it holds; the first one opens."""
        path, _ = written
        group = zarr.open_group(path)
        group.attrs.clear()
        with pytest.raises(ValueError, match=r"holds 2 arrays \(0, 1\)") as error:
            open_image(path)
        advised = str(error.value).split("such as ")[1]
        assert open_image(advised, axes="tcyx").shape == (HEIGHT, WIDTH, 3)

    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    @pytest.mark.filterwarnings("ignore")  # of ome-zarr
    def test_written_by_ome_zarr(self, tmp_path, rng, version):
        """The library of the specification's authors writes what is read."""
        format_ = pytest.importorskip("ome_zarr.format", reason="tested where it is installed")
        from ome_zarr.writer import write_image

        array = rng.integers(0, 2**16, (3, 64, 96)).astype(np.uint16)
        fmt = {"0.4": format_.FormatV04, "0.5": format_.FormatV05}[version]()
        group = zarr.open_group(
            tmp_path / "a.zarr", mode="w", zarr_format=2 if version == "0.4" else 3
        )
        write_image(array, group, fmt=fmt, axes="cyx")
        np.testing.assert_array_equal(both(tmp_path / "a.zarr"), np.moveaxis(array, 0, 2))


class TestGeoTiff:
    """Values of pixels without data, and windows."""

    @pytest.mark.parametrize(
        ("dtype", "nodata"), [("int16", -9999), ("uint8", 0), ("float32", float("nan"))]
    )
    def test_nodata_is_read(self, tmp_path, dtype, nodata):
        """As rasterio writes it."""
        size = {"height": 20, "width": 30, "count": 2, "dtype": dtype, "nodata": nodata}
        with rasterio.open(tmp_path / "a.tif", "w", "GTiff", **size, transform=SHIFT) as file:
            file.write(np.ones((2, 20, 30), dtype))
        source = open_pages(tmp_path / "a.tif").source
        np.testing.assert_equal(source.nodata, nodata)
        assert source.pixel_size == (10, 10, "units of the CRS")

    def test_windows_are_read_alone(self, tmp_path, rng, monkeypatch):
        """Of a tiled file, a window decodes its own tiles."""
        scene = rng.integers(0, 255, (2, 256, 256)).astype(np.uint8)
        size = {"height": 256, "width": 256, "count": 2, "dtype": "uint8"}
        how = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "lzw"}
        with rasterio.open(
            tmp_path / "a.tif", "w", "GTiff", **size, **how, transform=SHIFT
        ) as file:
            file.write(scene)
        opened, decoded = open_image(tmp_path / "a.tif"), []
        original = imagecodecs.lzw_decode
        monkeypatch.setattr(
            imagecodecs, "lzw_decode", lambda *a, **k: decoded.append(1) or original(*a, **k)
        )
        np.testing.assert_array_equal(opened[:16, 32:48], np.moveaxis(scene[:, :16, 32:48], 0, 2))
        assert len(decoded) <= 4
