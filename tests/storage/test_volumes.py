"""Files of volumes: three spatial axes, and the spacing of their voxels."""

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from sklearn_segae.storage import create_labels, name_axes, open_image, read_spacing
from sklearn_segae.storage._ome_tiff import create_ome_tiff, write_ome_tiff
from sklearn_segae.storage._pages import open_pages
from sklearn_segae.storage._units import ome_symbol

SIDES = (5, 12, 16)


@pytest.fixture
def volume(rng):
    """Channels differ."""
    return rng.integers(1, 255, (*SIDES, 2)).astype(np.uint8)


def save(path, array, **options):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".zarr":
        zarr.create_array(path, data=array)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["data"] = array
    else:
        tifffile.imwrite(path, array, **options)


class TestOpen:
    @pytest.mark.parametrize("suffix", ["npy", "zarr", "h5", "tif"])
    @pytest.mark.parametrize("limit", [0, 2**27])
    def test_arrays_without_names(self, tmp_path, volume, suffix, limit):
        """(D, H, W); whole, sliced, and as a stack of slices unless a volume is asked for."""
        path = tmp_path / f"a.{suffix}"
        save(path, volume[..., 0])
        (image,) = open_pages(path, limit, volume=True).load()
        assert image.shape == SIDES
        np.testing.assert_array_equal(np.asarray(image), volume[..., 0])
        opened = open_image(path, volume=True)
        np.testing.assert_array_equal(opened[1:3, 2:9, 3:5], volume[1:3, 2:9, 3:5, 0])

    @pytest.mark.parametrize("suffix", ["npy", "zarr", "h5"])
    def test_channels(self, tmp_path, volume, suffix):
        """(D, H, W, C) and (n, D, H, W, C), some channels only."""
        save(tmp_path / f"a.{suffix}", volume)
        image = open_image(tmp_path / f"a.{suffix}", volume=True, channels=[1])
        np.testing.assert_array_equal(np.asarray(image), volume[..., 1:])
        assert image[2].shape == (12, 16, 1)
        assert image[2, 3, 4, 0] == volume[2, 3, 4, 1]
        save(tmp_path / f"b.{suffix}", np.stack([volume, volume[::-1]]))
        stack = open_image(tmp_path / f"b.{suffix}", volume=True)
        np.testing.assert_array_equal(stack[1, :2], volume[::-1][:2])

    @pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "TZCYX", "YXZC"])
    def test_named_axes(self, tmp_path, volume, axes):
        """Those of a file or of a user, in any order."""
        order = ["ZYXC".index(a) for a in axes if a != "T"]
        array = volume.transpose(order)
        array = array[None] if "T" in axes else array
        np.save(tmp_path / "a.npy", array)
        opened = open_image(tmp_path / "a.npy", axes=axes.lower(), volume=True)
        np.testing.assert_array_equal(np.asarray(opened), volume)
        named = name_axes(array, axes.lower(), volume=True)
        np.testing.assert_array_equal(np.asarray(named).reshape(volume.shape), volume)
        if axes.endswith("YX"):
            tifffile.imwrite(tmp_path / "a.tif", array, ome=True, metadata={"axes": axes})
            np.testing.assert_array_equal(
                np.asarray(open_image(tmp_path / "a.tif", volume=True)), volume
            )

    def test_reversed_rows(self, tmp_path, volume):
        """The orientation of a TIFF turns every slice, and not their order."""
        tifffile.imwrite(tmp_path / "a.tif", volume[..., 0], extratags=[(274, "H", 1, 4, True)])
        opened = open_image(tmp_path / "a.tif", volume=True)
        np.testing.assert_array_equal(np.asarray(opened), volume[:, ::-1, :, 0])
        np.testing.assert_array_equal(opened[1:3, 2:5, 1:4], volume[1:3, ::-1, :, 0][:, 2:5, 1:4])

    @pytest.mark.parametrize("limit", [0, 2**27])
    def test_voxels_without_data(self, tmp_path, volume, limit):
        """Those of the nodata value; NaN in images on disk, and masked in memory."""
        pixels = volume[..., 0].copy()
        pixels[1, 2:5, 3:9] = 0
        tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[(42113, "s", 0, "0", True)])
        (image,) = open_pages(tmp_path / "a.tif", limit, volume=True).load()
        whole = image[:, :, :]
        missing = np.isnan(whole) if limit == 0 else np.ma.getmaskarray(whole)
        np.testing.assert_array_equal(missing, pixels == 0)
        if limit == 0:
            assert np.isnan(image[1, 2, 3:9]).all()
            assert image[1, 0, 0] == pixels[1, 0, 0]

    @pytest.mark.parametrize(
        ("shape", "axes", "why"),
        [
            ((48, 64, 3), None, r"48 pages of 64 x 3 pixels.*axes='yxc'.*'yxz'.*'zyx'"),
            ((3, 16, 64, 64), None, r"16 x 64|64 channels.*axes='czyx'.*axes='tzyx'.*axes='zyxc'"),
            ((64, 64), None, r"one volume \(D, H, W\[, C\]\) or more.*axes='tzyxc'"),
            ((5, 64, 64), "tyx", r"axes='tyx' has no z.*axes='zyx'.*leave volume"),
        ],
    )
    def test_implausible_axes(self, tmp_path, shape, axes, why):
        np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
        with pytest.raises(ValueError, match=why):
            open_image(tmp_path / "a.npy", axes=axes, volume=True)

    def test_a_file_of_times_is_no_volume(self, tmp_path):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((5, 64, 64), np.uint8), ome=True, metadata={"axes": "TYX"})
        with pytest.raises(ValueError, match=r"has the axes TYX, but a volume has Z.*axes='zyx'"):
            open_image(path, volume=True)
        assert open_image(path, axes="zyx", volume=True).shape == (5, 64, 64)

    def test_stacks_of_volumes_stay_lazy(self, volume):
        """Zarr arrays whose axes are in another order are read when they are sliced."""
        stored = zarr.array(np.stack([volume, volume]).transpose(0, 4, 1, 2, 3))
        named = name_axes(stored, "tczyx", volume=True)
        assert named.shape == (2, *SIDES, 2)
        np.testing.assert_array_equal(named[1, :2, 3:5, ::2], volume[:2, 3:5, ::2])


class TestSpacing:
    @pytest.mark.parametrize(
        ("units", "z"), [(("µm", "µm"), 2.0), (("nm", "µm"), 0.002), (("mm", "µm"), 2000.0)]
    )
    def test_of_ome_tiff(self, tmp_path, units, z):
        """In the unit of x, whatever that of z is."""
        sizes = {"PhysicalSizeZ": 2, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
        sizes |= {"PhysicalSizeZUnit": units[0], "PhysicalSizeXUnit": units[1]}
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros(SIDES), ome=True, metadata={"axes": "ZYX", **sizes})
        assert read_spacing(path) == pytest.approx((z, 0.5, 0.5))

    def test_of_imagej(self, tmp_path):
        """With a unit, or without, as ratios."""
        for unit in ({}, {"unit": "micron"}):
            path = tmp_path / f"{len(unit)}.tif"
            metadata = {"axes": "ZYX", "spacing": 1.5, **unit}
            pixels = np.zeros(SIDES, np.uint8)
            tifffile.imwrite(path, pixels, imagej=True, resolution=(4, 2), metadata=metadata)
            assert read_spacing(path) == (1.5, 0.5, 0.25)

    def test_of_levels_of_ome_zarr(self, tmp_path):
        """Every level has its own."""
        group = zarr.open_group(tmp_path / "a.ome.zarr", mode="w")
        levels = []
        for name, scale in (("0", [2, 0.5, 0.5]), ("1", [2, 1, 1])):
            group.create_array(name, shape=SIDES, dtype="u1")
            steps = [{"type": "scale", "scale": scale}]
            levels.append({"path": name, "coordinateTransformations": steps})
        axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
        assert read_spacing(tmp_path / "a.ome.zarr") == (2, 0.5, 0.5)
        assert read_spacing(tmp_path / "a.ome.zarr::1") == (2, 1, 1)

    @pytest.mark.parametrize(
        "sizes", [{}, {"PhysicalSizeZ": 0}, {"PhysicalSizeZUnit": "reference frame"}]
    )
    def test_unknown(self, tmp_path, sizes):
        """Missing, 0, or in units that cannot be compared."""
        both = {"PhysicalSizeZ": 2, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5} if sizes else {}
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros(SIDES), ome=True, metadata={"axes": "ZYX", **both, **sizes})
        with pytest.raises(ValueError, match=r"does not contain the spacing.*spacing=\(1, 1, 1\)"):
            read_spacing(path)

    @pytest.mark.parametrize(
        ("unit", "symbol"),
        [("micrometer", "µm"), ("um", "µm"), ("pixels", "pixel"), ("furlong", "reference frame")],
    )
    def test_units(self, unit, symbol):
        assert ome_symbol(unit) == symbol


class TestMaps:
    """Label maps (D, H, W) and maps of numbers (D, H, W, k)."""

    @pytest.mark.parametrize("suffix", ["npy", "zarr", "tif"])
    def test_labels_in_pieces(self, tmp_path, rng, suffix):
        """Assigned block by block, and read again."""
        labels = rng.integers(0, 300, SIDES)
        out = create_labels(tmp_path / f"a.{suffix}", SIDES, "uint16")
        assert (out.shape, out.dtype) == (SIDES, "uint16")
        for z, y, x in np.ndindex(2, 3, 4):
            block = np.s_[3 * z : 3 * z + 3, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4]
            out[block] = labels[block]
        opened = open_image(tmp_path / f"a.{suffix}", volume=True)
        np.testing.assert_array_equal(np.asarray(opened), labels)

    @pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f4"])
    @pytest.mark.parametrize("tail", [(), (1,), (2,), (5,)])
    @pytest.mark.parametrize("in_pieces", [False, True])
    def test_tiffs(self, tmp_path, rng, dtype, tail, in_pieces):
        """With all types and numbers of channels; axes, spacing and the nodata value are kept."""
        values = rng.integers(0, 99, (*SIDES, *tail)).astype(dtype)
        path, axes = tmp_path / "a.tif", "ZYXS"[: values.ndim]
        scale = {"Z": (2.0, "micrometer"), "Y": (0.5, "micrometer"), "X": (0.25, "micrometer")}
        tags = [(42113, "s", 0, "0", True)]
        if in_pieces:
            out = create_ome_tiff(path, values.shape, values.dtype, tags, scale)
            out[:3], out[3:] = values[:3], values[3:]
        else:
            options = {"scale": scale, "extratags": tags}
            write_ome_tiff(path, values, values.shape, axes, values.dtype, **options)
        pages = open_pages(path, volume=True)
        assert pages.axes == axes[: 3 + (tail not in ((), (1,)))]
        assert pages.source.nodata == 0
        np.testing.assert_array_equal(tifffile.imread(path).reshape(values.shape), values)
        if dtype != "i8":  # which OME has not
            assert pages.source.spacing == (2, 0.5, 0.25)
            assert pages.source.scale["X"][1] == "µm"
