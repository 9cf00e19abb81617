"""What ``evaluate`` and ``compare`` take: datasets, models and detections, each in several forms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from detector.data.annotations import Result
from detector.data.dataset import Dataset
from detector.data.named_pictures import refuse_named_pictures
from detector.data.selection import find_dataset, select_images
from detector.errors import ArgumentError
from detector.evaluation.results import check_results, load_results
from detector.input_sizes import InputSize
from detector.runtime import Detector
from detector.runtime.arguments import check_whole
from detector.system.bounds import as_path, shown
from detector.system.progress import bars_wanted
from detector.system.terminal import ignore

Say = Callable[[str], None]
Rows = Sequence[Mapping[str, object]]  # what a file in COCO's results format holds


class LoadOptions(TypedDict, total=False):
    """How a model is run: the arguments of ``Detector.load`` of the same names."""

    backend: str | None
    threads: int | None
    classes: Sequence[str] | None
    score_threshold: float | None
    iou_threshold: float | None
    max_detections: int | None
    resize: Literal["half-pixel", "tf1"]
    input_size: InputSize | Sequence[InputSize] | None
    accurate: bool
    voting: bool
    tile: int | None
    trust: bool


class EvaluationOptions(LoadOptions, total=False):
    """Which images are taken: those with some ids, which may be in a file; and the first so many."""

    image_ids: str | Path | Collection[int] | None
    limit: int | None


def load_dataset(
    path: str | Path | None = None,
    *,
    split: str | None = None,
    images: str | Path | None = None,
    annotations: str | Path | None = None,
    images_needed: bool = True,
    say: Say | None = None,
    progress: bool = False,
) -> Dataset:
    """The annotated images of a folder in any of the formats that are read, recognised by itself.

    >>> from detector import load_dataset
    >>> dataset = load_dataset()
    >>> len(dataset.images), sorted(dataset.categories.values())
    (4, ['cat', 'cup', 'dining table', 'person', 'spoon'])

    Args:
        path: a folder in one of COCO's usual layouts, a COCO JSON file, or a folder with labels of another
            kind: Pascal VOC, YOLO, CVAT, Label Studio, records. None is the sample that comes with the
            package.
        split: which annotations to take: val2017, val or test, or the only ones, if it is not given.
        images: folder of images, if it is not found by itself.
        annotations: COCO JSON file, if it is not found by itself.
        images_needed: whether it is an error that no image is found.
        say: takes a line for each thing that is worth knowing; None for silence.
        progress: show progress bars, at a terminal.

    Raises:
        DatasetError: there is no such dataset, or it cannot be read.
    """
    with bars_wanted(progress):
        dataset = find_dataset(
            optional_path("the dataset", path),
            optional_path("images", images),
            optional_path("annotations", annotations),
            split,
            images_needed=images_needed,
        )
    say = say or ignore
    for finding in dataset.findings:
        say(f"Note: {finding}")
    return dataset


def refuse_unknown(function: str, options: Mapping[str, object], known: type) -> None:
    """Raise TypeError, as Python does, for an option that is none of a TypedDict's."""
    unknown = options.keys() - known.__annotations__.keys()  # inherited ones, too
    if unknown:
        raise TypeError(f"{function}() got an unexpected keyword argument {min(unknown)!r}")


def as_dataset(
    dataset: str | Path | Dataset | None, *, images_needed: bool, say: Say | None, progress: bool
) -> Dataset:
    """The dataset, loaded if it is not yet."""
    if isinstance(dataset, Dataset):
        return dataset
    return load_dataset(dataset, images_needed=images_needed, say=say, progress=progress)


def select(dataset: Dataset, options: EvaluationOptions) -> tuple[Dataset, LoadOptions]:
    """The images that the options name, and the options that are for the model.

    Raises:
        DatasetError: no image is left, or the labels have no boxes.
    """
    refuse_named_pictures(dataset, "the AP of a detector")
    check_whole("limit", options.get("limit"))
    how = options.copy()
    ids, limit = how.pop("image_ids", None), how.pop("limit", None)
    return select_images(dataset, Path(ids) if isinstance(ids, str) else ids, limit), how


def open_detector(model: str | Path | Detector, how: LoadOptions, say: Say | None) -> Detector:
    """The model as a Detector with the score threshold that AP is meant with, if it is none yet.

    Raises:
        ValueError: options for a Detector.
    """
    if isinstance(model, Detector):
        if how:
            raise ValueError(f"a Detector is measured as it is set; leave out {', '.join(how)}")
        return model
    how = how.copy()
    how.setdefault("score_threshold", None)
    return Detector.load(model, say=say, **how)


def read_detections(detections: str | Path | Rows, dataset: Dataset, say: Say) -> list[Result]:
    """COCO's result objects with the ids of the dataset; raises DatasetError as ``load_results`` does, and
    ArgumentError for what is neither a file nor rows.
    """
    if isinstance(detections, str | Path):
        return load_results(Path(detections), dataset, say)
    if not isinstance(detections, Sequence) or isinstance(detections, bytes):
        raise ArgumentError(f"Expected a model, a file of detections, or such rows, got {shown(detections)}")
    copies = [dict(each) if isinstance(each, Mapping) else each for each in detections]
    return check_results(Path("detections"), copies, dataset, say)


def optional_path(what: str, path: str | Path | None) -> Path | None:
    """A path that may be given as text; None stays None. Raises ValueError for anything else."""
    return None if path is None else as_path(what, path)
