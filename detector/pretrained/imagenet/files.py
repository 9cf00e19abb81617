"""Classifiers of ImageNet: which files hold one, what reads it, and where keras.applications has its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from detector.classifier_spec import ClassifierSpec
from detector.errors import WeightsError
from detector.pretrained.imagenet.keras_file import check_reader, read_keras_file
from detector.pretrained.imagenet.network import ImagenetNetwork
from detector.pretrained.imagenet.slim_file import ARCHIVES, read_slim_file
from detector.pretrained.imagenet.torchvision import read_torchvision
from detector.spec import ModelSpec
from detector.system.cache import cache_folder, make_in_cache
from detector.system.download import DownloadError, download
from detector.system.files import no_empty_folders

FILES = ".h5, .pth, .pb, .ckpt, .tgz"  # in words
_READERS: dict[str, Callable[[Path], ImagenetNetwork]] = {
    ".h5": read_keras_file,
    ".hdf5": read_keras_file,
    ".pth": read_torchvision,
    ".pt": read_torchvision,
    **dict.fromkeys((".pb", ".ckpt", ".index", ".meta", *ARCHIVES), read_slim_file),
}
_CHECKPOINT = re.compile(r"\.ckpt-\d+|\.data-\d{5}-of-\d{5}")  # whose suffix is a number
_MOST_BYTES = 1 << 27

# Of keras.applications: where, sizes that there are weights for (else those of the last), and names by width.
_HOME = "https://storage.googleapis.com/tensorflow/keras-applications"
_SIZES = {"mobilenet_v1": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}
_WIDTHS = {
    "mobilenet_v1": {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"},
    "mobilenet_v2": {1.0: "1.0", 0.75: "0.75", 0.5: "0.5", 0.35: "0.35", 1.3: "1.3", 1.4: "1.4"},
}
_ONE_SIZE = (1.3, 1.4)  # widths with weights for the last size alone


def is_imagenet_file(name: str) -> bool:
    """Whether a file that is called so would hold a classifier of ImageNet."""
    suffix = Path(name).suffix
    return suffix in _READERS or _CHECKPOINT.search(name) is not None


def read_imagenet(path: Path) -> ImagenetNetwork:
    """The network in a file of keras.applications (``.h5``), of torchvision (``.pth``) or of TF-Slim (a
    frozen graph, a checkpoint, or the archive of both).

    Raises:
        WeightsError: no such file, damaged, or of another network.
    """
    return _READERS.get(path.suffix, read_slim_file)(path)


def published_address(
    backbone: str, width: float, input_hw: tuple[int, int], *, classifier: bool = False
) -> str:
    """Where keras.applications publishes weights, for an input of that size or, without any, of 224.

    Raises:
        WeightsError: there are none of that width.
    """
    if width not in _WIDTHS[backbone]:
        known = ", ".join(f"{each:g}" for each in sorted(_WIDTHS[backbone]))
        raise WeightsError(
            f"There are no ImageNet weights of {backbone} with width multiplier {width:g}; there are of "
            f"{known}."
        )
    height, wide = input_hw
    sizes = _SIZES[backbone]
    size = height if height == wide and height in sizes and width not in _ONE_SIZE else sizes[-1]
    end = ".h5" if classifier else "_no_top.h5"
    label = _WIDTHS[backbone][width]
    if backbone == "mobilenet_v1":
        return f"{_HOME}/mobilenet/mobilenet_{label}_{size}_tf{end}"
    return f"{_HOME}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{label}_{size}{end}"


def fetch_imagenet(spec: ModelSpec | ClassifierSpec, say: Callable[[str], None] = print) -> ImagenetNetwork:
    """The backbone of a spec as keras.applications publishes it, from the cache once it was fetched.

    Raises:
        WeightsError: there are none of that width, or they cannot be had.
    """
    remedy = "name the file as training.initial_weights here"
    path = fetch_file(spec.backbone, spec.width_multiplier, spec.input_hw, remedy=remedy, say=say)
    return read_fetched(path)


def read_fetched(path: Path) -> ImagenetNetwork:
    """The network in a file that was fetched; one that is damaged goes, to be fetched anew the next time.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        return read_imagenet(path)
    except WeightsError:
        path.unlink(missing_ok=True)
        raise


def fetch_file(
    backbone: str,
    width: float,
    input_hw: tuple[int, int],
    *,
    classifier: bool = False,
    remedy: str,
    say: Callable[[str], None] = print,
) -> Path:
    """A file of keras.applications, as ``published_address`` has it, from the cache once it was fetched.

    No digest is published of these files, so what is checked is, when it is read, that every array is there,
    is finite and has the shape that it should.

    Args:
        remedy: what to do with a file that was got in another way.
        say: takes a line before it is fetched.

    Raises:
        WeightsError: there is none of that width, or it cannot be had.
    """
    address = published_address(backbone, width, input_hw, classifier=classifier)
    folder = cache_folder() / "imagenet"
    path = folder / address.rsplit("/", 1)[1]
    if path.is_file():
        return path
    check_reader(path.name)
    say(f"Fetching {path.name} of keras.applications.")
    with no_empty_folders(folder):
        make_in_cache(folder)
        try:
            download(address, path, most_bytes=_MOST_BYTES)
        except DownloadError as error:
            raise WeightsError(
                f"The ImageNet weights cannot be fetched ({str(error).rstrip('.')}). Get {address} on a "
                f"machine with a network and {remedy}."
            ) from error
    return path
