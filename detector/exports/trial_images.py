"""The images that an export is calibrated on, and those that it is compared with the network on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset, DatasetImage
from detector.data.folder import load_labelled_folder
from detector.data.named_pictures import CLASS_FOLDERS, refuse_named_pictures
from detector.data.sample import SAMPLE_FOLDER
from detector.data.selection import find_dataset
from detector.errors import DatasetError, DetectorError, ImageError
from detector.images import Image, find_images, load_image
from detector.preprocess import ClassifierPreprocessor, Preprocessor
from detector.spec import ModelSpec
from detector.system.progress import bars_hidden
from detector.system.reading import parsing, read_whole
from detector.system.run_names import RUN_RECORD, RUN_VALIDATION
from detector.system.terminal import counted

# More change neither the ranges nor the comparison by much; see docs/export.md.
CALIBRATION_IMAGES = 200
_COMPARED_FILES = 50
_COMPARED_IMAGES = 500
_MOST_RECORD_BYTES = 1 << 24

T = TypeVar("T")


@dataclass(frozen=True)
class TrialImages:
    """Images to compare on.

    Attributes:
        dataset: the images, without annotations where there are none.
        annotated: whether AP can be computed and is to be trusted.
        origin: where they come from, in words.
    """

    dataset: Dataset
    annotated: bool
    origin: str


def find_calibration_images(folder: Path | None, model: str) -> list[Path]:
    """Image files to calibrate on: those in a folder, or those that the model was trained on.

    Raises:
        DetectorError: there are none.
    """
    if folder is not None:
        return _spread(find_images([str(folder)]), CALIBRATION_IMAGES)
    record = Path(model) / RUN_RECORD
    if not record.is_file():
        raise DatasetError(
            "int8 is calibrated on images like those that the model will see, and it does not say what it "
            "was trained on: give some hundred of them with --calibration FOLDER."
        )
    sentence = f"The images that {model} was trained on cannot be read; give some with --calibration FOLDER"
    with parsing(sentence, DatasetError):
        run = json.loads(read_whole(record, _MOST_RECORD_BYTES, DatasetError))
        try:
            seed = run["config"]["training"]["seed"]  # what it has held out must not be calibrated on
            trained = load_labelled_folder(
                Path(run["dataset"]), train=run["train"], val=run["val"], seed=seed
            ).train
        except DetectorError as error:
            raise ValueError(str(error)) from error
    files = list(dict.fromkeys(image.path for image in trained.images if image.record is None))
    if not files:
        raise DatasetError(
            f"{model} was trained on records; give image files to calibrate on with --calibration FOLDER."
        )
    return _spread(files, CALIBRATION_IMAGES)


def find_trial_images(
    dataset: Path | Dataset | None, calibration: Path | None, model: str, spec: ModelSpec | ClassifierSpec
) -> TrialImages:
    """The annotated dataset that is given, or a run's validation images, or image files, or the bundled
    photographs: the first of these that there is.

    Raises:
        DetectorError: it cannot be read, or is labelled with boxes and the model names pictures, or the other
            way round.
    """
    validation = Path(model) / RUN_VALIDATION
    given = dataset is not None
    if dataset is None and validation.is_file():
        dataset = validation
    if dataset is not None:
        whole = dataset if isinstance(dataset, Dataset) else find_dataset(dataset, None, None, None)
        if given:  # a run's own are of its kind
            _check_labels(whole, spec)
        images = _spread(list(whole.images), _COMPARED_IMAGES)
        return TrialImages(
            whole.select({image.id for image in images}),
            True,
            str(whole.source if isinstance(dataset, Dataset) else dataset),
        )
    source = SAMPLE_FOLDER if calibration is None else calibration
    files = _spread(find_images([str(source)]), _COMPARED_FILES)
    images = [DatasetImage(number, path, None) for number, path in enumerate(files) if _is_readable(path)]
    if not images:
        raise ImageError(f"None of the images in {source} can be read.")
    categories = dict(enumerate(spec.classes, start=1))
    unlabelled = Dataset(source, tuple(images), (), categories, split="unlabelled")
    return TrialImages(unlabelled, False, "the bundled photographs" if calibration is None else str(source))


def _check_labels(dataset: Dataset, spec: ModelSpec | ClassifierSpec) -> None:
    """Raise DatasetError unless the labels are of the kind that the model gives."""
    if isinstance(spec, ModelSpec):
        refuse_named_pictures(dataset, "the export of a detector")
    elif not dataset.names_pictures:
        raise DatasetError(
            f"{dataset.source} is labelled with boxes; the export of a classifier takes {CLASS_FOLDERS}."
        )


def _is_readable(path: Path) -> bool:
    try:
        load_image(path)
    except ImageError:
        return False
    return True


def load_network_inputs(
    files: list[Path], spec: ModelSpec | ClassifierSpec, say: Callable[[str], None]
) -> Iterator[FloatArray]:
    """Network inputs of image files; a file that cannot be read is named and left out.

    Raises:
        ImageError: none can be read.
    """
    preprocess = _preprocessor(spec)
    read = 0
    for path in tqdm(files, desc="calibrating", unit="image", disable=bars_hidden(), leave=False):
        try:
            image = load_image(path)
        except ImageError as error:
            say(f"Left out: {error}")
            continue
        read += 1
        yield preprocess(image)
    if not read:
        raise ImageError("None of the images to calibrate on could be read.")
    say(f"Calibrated on {counted(read, 'image')}.")


def _preprocessor(spec: ModelSpec | ClassifierSpec) -> Callable[[Image], FloatArray]:
    """From a BGR image to the normalised input of the network."""
    if isinstance(spec, ModelSpec):
        return Preprocessor(spec)
    view = ClassifierPreprocessor(spec)
    scale, offset = np.float32(spec.pixel_scale), np.float32(spec.pixel_offset)
    return lambda image: view(image).astype(np.float32) * scale + offset


def _spread(items: list[T], most: int) -> list[T]:
    """At most so many of the items, evenly spread over them."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
