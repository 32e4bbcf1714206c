"""Load damaged and forged model files, and check the results.

    python benchmarks/fuzz_models.py [--n 10000] [--seed 0]

Every one of `n` mutations is loaded in a child process whose memory may grow by 1 GiB and no more,
and in which opening programs, sockets and files for writing is an error (an audit hook). Half of
them are damage (checksums left as they were): loading has to fail with a ValueError, or give the
very same model. Half are forgeries (checksums made right again, as an attacker would): loading may
give another model, but must not crash, run anything, or raise anything but a ValueError.
"""

import argparse
import collections
import io
import json
import multiprocessing as mp
import resource
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from sklearn_segae import AESegmenter, AutoencoderTransformer, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.persistence import load, save
from sklearn_segae.persistence._archive import FORMAT_VERSION

BLOCK = 200  # mutations that one child loads
MEMORY = 2**30  # bytes that it may take beyond what it begins with
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.", "ctypes.dl")
BOLD = [0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1]  # numbers that break things


def models():
    """Tiny fitted models, and the function that tells whether another one is the same."""
    images, _ = make_shapes(2, size=32, random_state=0)
    rows = images[0, ..., :1].repeat(3, -1).reshape(-1, 3)[:50]
    quick = {"max_epochs": 1, "random_state": 0}
    autoencoder = AutoencoderTransformer(2, hidden_layer_sizes=(4,), **quick).fit(rows)
    encoder = PixelEncoder(
        3, features="texture", whitening=1, n_filters=3, batch_size=1, max_epochs=1
    )
    segmenter = AESegmenter(2, encoder=encoder, random_state=0).fit(images)
    pretrained = PixelEncoder(4, features="multiscale+pretrained", random_state=0).fit(images)
    fitted = [(autoencoder, rows), (segmenter.encoder_, images), (segmenter, images)]
    labels = (images[..., 0] > np.median(images)).astype(int)
    trees = [
        AESegmenter(encoder="passthrough", estimator=estimator, random_state=0).fit(images, labels)
        for estimator in (RandomForestClassifier(2), HistGradientBoostingClassifier(max_iter=2))
    ]
    return [*fitted, (pretrained, images), *((model, images) for model in trees)]


def answer(model, X):
    """The bits that two equal models agree on."""
    values = model.predict(X) if isinstance(model, AESegmenter) else model.transform(X)
    return np.asarray(values).tobytes()


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(parts):
    """An archive with a manifest that fits."""
    parts = {name: part for name, part in parts.items() if name != "manifest.json"}
    manifest = {
        "format": "sklearn_segae model",
        "format_version": FORMAT_VERSION,
        "library_version": "0",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def flip(content, rng):
    place = int(rng.integers(len(content)))
    return (
        content[:place]
        + bytes([content[place] ^ (1 << int(rng.integers(8)))])
        + content[place + 1 :]
    )


def truncate(content, rng):
    return content[: int(rng.integers(len(content)))]


def splice(content, rng):
    """Put some bytes of the file, or random ones, in place of others."""
    start, stop = sorted(int(i) for i in rng.integers(len(content), size=2))
    piece = content[start : min(stop, start + 64)]
    piece = piece if rng.random() < 0.5 else rng.bytes(int(rng.integers(1, 32)))
    place = int(rng.integers(len(content)))
    return content[:place] + piece + content[place + int(rng.integers(64)) :]


def number(content, rng):
    """Overwrite some bytes by a bold number, as sizes and places are stored."""
    place = int(rng.integers(len(content)))
    packed = struct.pack("<Q", BOLD[int(rng.integers(len(BOLD)))])[: int(rng.choice([2, 4, 8]))]
    return content[:place] + packed + content[place + len(packed) :]


def header(content, rng):
    """Change the size that the first eight bytes claim."""
    return struct.pack("<Q", int(rng.choice(BOLD)) + int(rng.integers(4))) + content[8:]


def digits(content, rng):
    """Change a number in a text, so that it stays one."""
    places = [i for i, c in enumerate(content) if 48 <= c < 58]
    if not places:
        return flip(content, rng)
    place = places[int(rng.integers(len(places)))]
    new = str(rng.choice([0, 1, 9, 10**6, 10**12, -5])).encode()
    return content[:place] + new + content[place + 1 :]


def swap_words(content, rng):
    """Put one quoted word of a text in place of another."""
    words = content.split(b'"')
    if len(words) < 5:
        return flip(content, rng)
    i, j = (2 * int(rng.integers(len(words) // 2)) + 1 for _ in range(2))
    words[i] = words[j] if rng.random() < 0.8 else b"os.system"
    return b'"'.join(words)


def rename(parts, rng):
    name = list(parts)[int(rng.integers(len(parts)))]
    new = ["../../etc/passwd", "model.json", "part_7.skops", "x" * 60000, "C:\\x.json"]
    return {
        (new[int(rng.integers(len(new)))] if n == name else n): part for n, part in parts.items()
    }


def drop(parts, rng):
    name = list(parts)[int(rng.integers(len(parts)))]
    return {n: part for n, part in parts.items() if n != name}


def exchange(parts, rng):
    names = list(parts)
    return dict(zip(names, [parts[n] for n in rng.permutation(names)], strict=True))


DAMAGE = [flip, truncate, splice, number]
FORGE = [flip, truncate, splice, number, header, digits, digits, swap_words, swap_words]
REARRANGE = [rename, drop, exchange]


def inside(part, rng):
    """Forge a member of a part that is an archive itself."""
    parts = members(part)
    name = list(parts)[int(rng.integers(len(parts)))]
    parts[name] = FORGE[int(rng.integers(len(FORGE)))](parts[name], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for own, content in parts.items():
            archive.writestr(own, content)
    return file.getvalue()


def mutate(content, rng):
    """Return (kind, bytes)."""
    if rng.random() < 0.5:
        kind = DAMAGE[int(rng.integers(len(DAMAGE)))]
        return f"damage: {kind.__name__}", kind(content, rng)
    parts = members(content)
    del parts["manifest.json"]
    if rng.random() < 0.15:
        kind = REARRANGE[int(rng.integers(len(REARRANGE)))]
        return f"forgery: {kind.__name__}", sealed(kind(parts, rng))
    name = list(parts)[int(rng.integers(len(parts)))]
    kind = FORGE[int(rng.integers(len(FORGE)))]
    if name.endswith(".skops") and rng.random() < 0.8:
        kind = inside
    parts[name] = kind(parts[name], rng)
    return f"forgery: {kind.__name__} of {name.split('.')[-1]}", sealed(parts)


def guard(event, arguments):
    """Refuse what no loading needs."""
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(FORBIDDEN):
        print("RAN", event, arguments, flush=True)
        raise SystemExit(99)


def work(content, X, expected, files, path, results):
    """Load mutations in this process, which may not survive it."""
    warnings.simplefilter("ignore")
    (path / "warm.segae").write_bytes(content)
    load(path / "warm.segae")  # whatever is imported or made once
    tracemalloc.start()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    sys.addaudithook(guard)
    for i, kind in files:
        tracemalloc.reset_peak()
        before, began = tracemalloc.get_traced_memory()[0], time.perf_counter()
        outcome = judge(path / f"{i}.segae", X, expected, kind)
        peak = tracemalloc.get_traced_memory()[1] - before
        results.put((i, kind, outcome, peak, time.perf_counter() - began))
    results.put(None)


def judge(path, X, expected, kind):
    try:
        again = load(path)
    except ValueError as error:
        deep = error
        while deep is not None:
            if isinstance(deep, MemoryError):
                return "MEMORY"
            deep = deep.__cause__
        return "refused"
    except BaseException as error:
        return f"OTHER ERROR {type(error).__name__}: {error}"
    try:
        same = answer(again, X) == expected
    except Exception:  # of a forged model, asked for more than the trial on loading
        same = False
    if kind.startswith("damage") and not same:
        return "SILENTLY WRONG"
    return "the same" if same else "another model"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    context = mp.get_context("fork")  # the models and all imports are there at once
    table, peaks, slowest = collections.Counter(), [0], 0.0
    chosen = models()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        contents = []
        for i, (model, X) in enumerate(chosen):
            save(model, path / f"{i}.segae")
            contents.append(((path / f"{i}.segae").read_bytes(), X, answer(model, X)))
        print("bytes of the files:", [len(content) for content, _, _ in contents])
        for start in range(0, options.n, BLOCK):
            model = start // BLOCK % len(contents)
            left, kinds = list(range(start, min(start + BLOCK, options.n))), {}
            for i in left:
                rng = np.random.default_rng([options.seed, i])
                kinds[i], changed = mutate(contents[model][0], rng)
                (path / f"{i}.segae").write_bytes(changed)
            while left:
                results = context.SimpleQueue()
                files = [(i, kinds[i]) for i in left]
                arguments = (*contents[model], files, path, results)
                child = context.Process(target=work, args=arguments)
                child.start()
                while (result := wait(child, results)) is not None:
                    i, kind, outcome, peak, seconds = result
                    left.remove(i)
                    table[kind, outcome] += 1
                    peaks.append(peak)
                    slowest = max(slowest, seconds)
                    if outcome.isupper() or outcome.startswith("OTHER"):
                        print(i, model, kind, outcome, flush=True)
                child.join()
                if left:  # it died of the first of those
                    print("CRASHED", child.exitcode, left[0], model, flush=True)
                    table["", f"CRASHED {child.exitcode}"] += 1
                    left = left[1:]
            for file in path.glob("*.segae"):
                file.unlink()
    for (kind, outcome), count in sorted(table.items()):
        print(f"{kind:32s} {outcome:20s} {count:6d}")
    totals = collections.Counter()
    for (_, outcome), count in table.items():
        totals[outcome] += count
    print(dict(totals))
    print(f"most memory of one: {max(peaks) / 2**20:.1f} MiB; slowest {slowest:.2f} s")


def wait(child, results):
    """Return the next result; None at the end, or where the child is no more."""
    while results.empty():
        if not child.is_alive() and results.empty():
            return None
        time.sleep(0.001)
    return results.get()


if __name__ == "__main__":
    main()
