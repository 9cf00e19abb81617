"""``evaluate_classifier``: what `ssdlite eval` does with pictures in folders of their classes."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from detector.api.inputs import Say, load_dataset, refuse_unknown
from detector.data.dataset import Dataset
from detector.data.selection import select_images
from detector.data.split_names import role_of
from detector.errors import DetectorError
from detector.evaluation.classification import ClassificationResult
from detector.evaluation.classifier_evaluation import (
    check_named_pictures,
    classify_dataset,
    known_part,
    match_columns,
)
from detector.evaluation.evaluate import versions_used
from detector.input_sizes import InputSize, describe_size
from detector.report.classifier import write_classifier_report
from detector.report.markup import percent
from detector.report.page import About
from detector.runtime.arguments import check_whole
from detector.runtime.classifier import Classifier
from detector.system.bounds import as_path
from detector.system.html_table import html_table
from detector.system.progress import bars_wanted
from detector.system.reading import read_whole
from detector.system.run_names import RUN_RECORD
from detector.system.terminal import counted, ignore

if TYPE_CHECKING:
    from typing_extensions import Unpack


TRAINED_ON = (
    "this model was trained on pictures of this folder, and names those better than any others; a test split "
    "that training has not seen would tell the truth."
)
_MOST_BYTES = 16 << 20  # of a run's record


class ClassifierLoadOptions(TypedDict, total=False):
    """How a classifier is run: the arguments of ``Classifier.load`` of the same names."""

    backend: str | None
    threads: int | None
    input_size: InputSize | None
    trust: bool


class ClassifierOptions(ClassifierLoadOptions, total=False):
    """Which pictures are taken: those with some ids, which may be in a file; and the first so many."""

    image_ids: str | Path | Collection[int] | None
    limit: int | None


@dataclass(frozen=True, repr=False)
class ClassifierEvaluation:
    """What ``evaluate_classifier`` found, and with what it came about.

    Attributes:
        result: what the classifier says of each picture, and the numbers.
        name: of the model.
        dataset: the pictures that were looked at.
        settings: with what it was measured.
        unmatched: classes of the dataset that the model does not have, whose pictures took no part.
        seconds: time from the first picture to the last answer.
        classifier: what was evaluated.
    """

    result: ClassificationResult
    name: str
    dataset: Dataset
    settings: Mapping[str, object]
    unmatched: tuple[str, ...]
    seconds: float
    classifier: Classifier

    @property
    def accuracy(self) -> float:
        """The share of pictures that are called what they are, in [0, 1]."""
        return self.result.accuracy

    @property
    def contaminated(self) -> bool:
        """Whether the model was trained on pictures of this folder, as the record of its run says."""
        return self.settings["trained_on_this_folder"] is True

    @property
    def images_per_second(self) -> float:
        """Decoding and network together."""
        return round(len(self.dataset.images) / self.seconds, 2)

    def save(self, folder: str | Path) -> None:
        """Write ``metrics.json`` and ``predictions.json`` into a folder, which is made where it is missing.

        Raises:
            DetectorError: the folder cannot be written to, or the disk is full.
        """
        measured = {"images_per_second": self.images_per_second, "unmatched_classes": list(self.unmatched)}
        self.result.save(
            as_path("the folder", folder), {**self.settings, **measured, "versions": _versions()}
        )

    def report(self, folder: str | Path, *, progress: bool = False) -> None:
        """Write ``report.html`` and ``report.json`` into a folder, which is made where it is missing.

        Args:
            folder: where to.
            progress: show progress bars, at a terminal.

        Raises:
            DetectorError: the folder cannot be written to, or the disk is full.
        """
        left_out = f"Left out, because the model has no such class: {', '.join(self.unmatched)}."
        notes = [*[left_out] * bool(self.unmatched), *[f"Warning: {TRAINED_ON}"] * self.contaminated]
        about = About(
            title=f"{self.name} on {self.dataset.split}",
            subtitle=f"{counted(len(self.dataset.images), 'image')} of {self.dataset.source}, "
            f"{date.today().isoformat()}",
            notes=notes,
            settings=self.settings,
            versions=_versions(),
        )
        with bars_wanted(progress):
            write_classifier_report(as_path("the folder", folder), self.result, self.dataset.images, about)

    def __repr__(self) -> str:
        found = self.result.accuracy_interval
        return (
            f"<ClassifierEvaluation of {self.name} on {counted(len(self.dataset.images), 'image')}: accuracy "
            f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})>"
        )

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.name} on {self.dataset.split}: {counted(len(self.dataset.images), 'image')}; in percent",
            ("class", "images", "recall", "precision"),
            (
                (each.name, f"{each.images:,}", percent(each.recall.value), percent(each.precision.value))
                for each in self.result.per_class
                if each.images
            ),
        )


def evaluate_classifier(
    dataset: str | Path | Dataset,
    *,
    model: str | Path | Classifier,
    say: Say | None = None,
    progress: bool = False,
    **options: Unpack[ClassifierOptions],
) -> ClassifierEvaluation:
    """How often a classifier calls pictures what they are.

    Classes are matched by name; pictures of classes that the model lacks take no part.

    Args:
        dataset: a folder with a folder of pictures for each class, or a Dataset of one.
        model: a training run's folder, a file, or a Classifier, which is measured as it is set.
        say: takes a line for each thing that is worth knowing or takes time; None for silence.
        progress: show progress bars, at a terminal.
        options: ``image_ids`` and ``limit``: which pictures are taken; and the arguments of
            ``Classifier.load`` for a model that is no Classifier yet.

    Raises:
        DatasetError: the dataset cannot be read, has labels with boxes, or no class that the model has.
        DetectorError: the model cannot be had, or is a detector; see ``Classifier.load``.
        ImageError: a picture cannot be read.
        ValueError: options that are of no use with what is given.
    """
    refuse_unknown("evaluate_classifier", options, ClassifierOptions)
    say = say or ignore
    with bars_wanted(progress):
        if not isinstance(dataset, Dataset):
            dataset = load_dataset(dataset, say=say, progress=progress)
        pictures, how = _select(dataset, options)
        classifier = _open(model, how, say)
        columns = match_columns(classifier.classes, pictures)
        pictures = known_part(pictures, columns)
        say(f"{classifier.spec.name} on {pictures.source}: {counted(len(pictures.images), 'image')}")
        start = time.perf_counter()
        result = classify_dataset(classifier, pictures)
        seconds = time.perf_counter() - start
    ids = options.get("image_ids")
    settings = {
        "model": classifier.spec.name,
        "model_file": None if isinstance(model, Classifier) else str(model),
        "dataset": str(pictures.source),
        "split": pictures.split,
        "trained_on_this_folder": _has_been_trained_on(model, pictures),
        "image_ids": str(ids) if isinstance(ids, str | Path) else ids if ids is None else sorted(ids),
        "limit": options.get("limit"),
        "backend": classifier.backend_name,
        "threads": classifier.threads,
        "input_size": describe_size(classifier.spec.input_hw),
        "view": classifier.spec.view,
    }
    name = classifier.spec.name
    return ClassifierEvaluation(result, name, pictures, settings, columns.unknown, seconds, classifier)


def _has_been_trained_on(model: str | Path | Classifier, pictures: Dataset) -> bool:
    """Whether pictures of a run's training may be among these, by the record beside its weights."""
    if isinstance(model, Classifier) or role_of(pictures.split) in ("val", "test"):
        return False
    run = Path(model) if Path(model).is_dir() else Path(model).parent
    try:
        trained_on = json.loads(read_whole(run / RUN_RECORD, _MOST_BYTES))["dataset"]
        return Path(trained_on).resolve() == pictures.source.resolve()
    except (DetectorError, ValueError, LookupError, TypeError):  # no run, or one whose record is of no use
        return False


def _versions() -> dict[str, str]:
    """Versions of what the numbers depend on, by package; nothing here is counted by pycocotools."""
    return {package: each for package, each in versions_used().items() if package != "pycocotools"}


def _select(dataset: Dataset, options: ClassifierOptions) -> tuple[Dataset, ClassifierLoadOptions]:
    """The pictures that the options name, and the options that are for the model."""
    check_named_pictures(dataset)
    check_whole("limit", options.get("limit"))
    how = options.copy()
    ids, limit = how.pop("image_ids", None), how.pop("limit", None)
    pictures = select_images(dataset, Path(ids) if isinstance(ids, str) else ids, limit)
    pictures.check_images()
    return pictures, how


def _open(model: str | Path | Classifier, how: ClassifierLoadOptions, say: Say) -> Classifier:
    """The model as a Classifier, if it is none yet; ValueError for options for one that is."""
    if not isinstance(model, Classifier):
        return Classifier.load(model, say=say, **how)
    if how:
        raise ValueError(f"a Classifier is measured as it is set; leave out {', '.join(how)}")
    return model
