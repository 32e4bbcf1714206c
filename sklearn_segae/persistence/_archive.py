"""Reading and writing of model files: uncompressed zip archives, which may be untrusted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from .._version import __version__
from ..storage._files import written_whole

FORMAT = "sklearn_segae model"
FORMAT_VERSION = 3
MANIFEST = "manifest.json"
MAX_MEMBERS = 1000
MAX_JSON = 2**24  # maximum number of bytes of a JSON text
MEMBER_NAME = re.compile(r"[a-z0-9_]{1,40}\.[a-z]{1,20}")  # no folders
EARLIEST = (1980, 1, 1, 0, 0, 0)  # time of all members, so that equal models make equal files


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the members and a manifest of versions as one file, atomically."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
    }
    with written_whole(path) as partial, ZipFile(partial, "w", ZIP_STORED) as archive:
        for name, content in {MANIFEST: dump_json(manifest), **members}.items():
            archive.writestr(ZipInfo(name, EARLIEST), content)


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the members of a file from `write_archive`; raise an error for other files.

    Members are not compressed, so that no more bytes are read than the size of the file. zipfile
    checks CRC-32 checksums.
    """
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder. Pass the path of a file in it.")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            check_unpacked_size(archive, path.stat().st_size)
            names = _checked_names(archive)
            _check_manifest(archive)
            return {name: archive.read(name) for name in names}
    except BadZipFile as error:
        raise ValueError(f"{path}: not a saved model, or a damaged one ({error}).") from error
    # Further errors of zipfile for invalid archives.
    except (ArithmeticError, EOFError, LookupError, OSError, RuntimeError, TypeError) as error:
        raise ValueError(f"{path}: damaged ({type(error).__name__}: {error}).") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # such as struct.error, zlib.error
        raise ValueError(f"{path}: damaged ({type(error).__name__}: {error}).") from error


def check_unpacked_size(archive: ZipFile, size: int) -> None:
    """Raise an error if the claimed size of the members exceeds the `size` of the archive."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"holds {len(infos)} members, more than {MAX_MEMBERS}.")
    for info in infos:
        if info.compress_type != ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(f"member {info.filename!r} is compressed, as no saved model is.")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("the members claim more bytes than the file has.")


def dump_json(value: Any) -> bytes:
    """Return strict JSON, without NaN."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def load_json(content: bytes, name: str) -> Any:
    """Read strict JSON: no NaN, no duplicate keys, limited length and depth."""
    if len(content) > MAX_JSON:
        raise ValueError(f"{name} has {len(content)} bytes, more than {MAX_JSON}.")
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no valid JSON ({error}).") from error


def _checked_names(archive: ZipFile) -> list[str]:
    """Return the names of all members except the manifest."""
    names = archive.namelist()
    for name in names:
        if not MEMBER_NAME.fullmatch(name) or names.count(name) > 1:
            raise ValueError(f"member {name!r} is there twice, or has a name that none has.")
    if MANIFEST not in names:
        raise ValueError(f"not a saved model: it has no {MANIFEST}.")
    return [name for name in names if name != MANIFEST]


def _check_manifest(archive: ZipFile) -> None:
    """Raise an error if the file is of another format or version."""
    manifest = load_json(archive.read(MANIFEST), MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError("not a saved model: its manifest is of something else.")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        written = manifest.get("library_version")
        raise ValueError(
            f"format version {version!r}, written by sklearn_segae {written!r:.40}, but this is "
            f"{__version__}, which reads version {FORMAT_VERSION}. Load it with that one."
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
