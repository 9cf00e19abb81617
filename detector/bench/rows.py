"""The rows of the table: which model runs on what with how many threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from detector.bench.baselines import BASELINES, OFFICIAL, OPENCV, open_official, open_opencv
from detector.errors import BackendError, DetectorError
from detector.formats.table import model_files
from detector.images import Image
from detector.postprocess import Postprocessor
from detector.preprocess import ClassifierPreprocessor, Preprocessor
from detector.runtime import Detector
from detector.runtime.classifier import Classifier
from detector.runtime.classifier_backend import open_backend
from detector.runtime.classifier_file import ClassifierFile, names_classifier
from detector.runtime.looks import Looks
from detector.runtime.model_file import ModelFile
from detector.runtime.shared_network import SharedNetwork
from detector.system.files import size_in_bytes
from detector.system.terminal import ignore

# Their number of threads holds for a whole process, so they are measured with the largest number alone.
_ONE_NUMBER_OF_THREADS = ("tensorflow", *BASELINES)


@dataclass(frozen=True)
class Row:
    """A model on a backend, or a baseline, with a number of threads.

    Attributes:
        model: name or path, as the user gave it.
        backend: name of a backend or of a baseline.
        threads: processors to use.
        classes: names of the classes to keep; None for all.
        score_threshold: least score of a detection.
        title: the model as a table shows it.
        trust: whether a SavedModel may be run.
        input_size: as ``Detector.load`` takes it; None for the model's own.
    """

    model: str
    backend: str
    threads: int
    classes: tuple[str, ...] | None = None
    score_threshold: float = 0.4
    title: str = ""
    trust: bool = False
    input_size: str | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether the row is there to compare with."""
        return self.backend in BASELINES

    @property
    def key(self) -> str:
        """A name for the row, different from those of the others."""
        return f"{self.model}, {self.input_size}, {self.backend}, {self.threads}"


@dataclass
class Runner:
    """A row that is ready to run.

    Attributes:
        answer: from a BGR image to detections, or to the probabilities of a classifier.
        bare_network: gives what runs the network alone on an image; None for the released graph.
        detector: what answers; None for the released graph and for a classifier.
    """

    answer: Callable[[Image], object]
    bare_network: Callable[[Image], Callable[[], object]] | None
    detector: Detector | None = None

    @classmethod
    def of(cls, detector: Detector) -> Runner:
        """A detector's."""
        return cls(detector.detect, detector.bare_network, detector)

    def calls(self, frame: Image) -> dict[str, Callable[[], object]]:
        """What is timed: ``frame``, BGR to the answer, and ``network``, from its input to its outputs."""
        calls: dict[str, Callable[[], object]] = {"frame": partial(self.answer, frame)}
        if self.bare_network is not None:
            calls["network"] = self.bare_network(frame)
        return calls


@dataclass
class Figures:
    """What was measured of a row; NaN is what was not.

    Attributes:
        network, frame: milliseconds, median and 95th percentile.
        to_network: the frame's time by the network's, round by round.
        to_official: the released graph's time by the frame's, round by round.
        start_seconds: a new process up to its first answer, of each time it was tried.
        memory_mb: most memory of that process.
        file_mb: size of the model's file or folder.
        file_format: its suffix; ``folder``, if it is one.
        ap: COCO's AP in [0, 1].
    """

    network: tuple[float, float] = (math.nan, math.nan)
    frame: tuple[float, float] = (math.nan, math.nan)
    to_network: float = math.nan
    to_official: float = math.nan
    start_seconds: list[float] = field(default_factory=list)
    memory_mb: float = math.nan
    file_mb: float = math.nan
    file_format: str = ""
    ap: float = math.nan


def plan_rows(
    models: Mapping[str, Sequence[str]],
    threads: Sequence[int],
    classes: Sequence[str] | None,
    score_threshold: float,
    *,
    baselines: bool = True,
    trust: bool = False,
    input_sizes: Sequence[str | None] = (None,),
) -> Iterator[Row]:
    """Every model at every input size on its backends with every number of threads; the baselines last, once
    for all models.

    Args:
        models: names of backends by model.
        threads: numbers of threads.
        classes, score_threshold: as ``Row`` has them.
        baselines: whether there are any.
        trust: whether SavedModels may be run.
        input_sizes: as ``Row`` has them.
    """
    chosen = None if classes is None else tuple(classes)
    titles = _titles(list(models))
    for model, backends in models.items():
        for size, backend in product(input_sizes, backends):
            numbers = [max(threads)] if backend in _ONE_NUMBER_OF_THREADS else threads
            title = titles[model] if size is None else f"{titles[model]} at {size}"
            for number in numbers:
                yield Row(model, backend, number, chosen, score_threshold, title, trust, size)
    first = next(iter(models))
    for baseline in BASELINES if baselines else ():
        yield Row(first, baseline, max(threads), chosen, score_threshold, titles[first])


def _titles(models: Sequence[str]) -> dict[str, str]:
    """The end of each path that tells it from the others; more folders are nobody's business."""
    parts = {model: Path(model).parts for model in models}
    titles = {}
    for model, own in parts.items():
        others = [other for name, other in parts.items() if name != model]
        length = 1
        while length < len(own) and any(other[-length:] == own[-length:] for other in others):
            length += 1
        titles[model] = str(Path(*own[-length:]))
    return titles


def open_row(row: Row, say: Callable[[str], None]) -> Runner:
    """The row, ready to run.

    Raises:
        BackendError: a runtime that is not there or does not read this model.
        DetectorError: the model cannot be had.
    """
    if names_classifier(row.model):
        return _open_classifier(row)
    if not row.is_baseline:
        detector = Detector.load(
            row.model,
            trust=row.trust,
            backend=row.backend,
            threads=row.threads,
            classes=row.classes,
            score_threshold=row.score_threshold,
            input_size=row.input_size,
            say=say,
        )
        return Runner.of(detector)
    file = ModelFile(row.model, row.classes, say=say)
    postprocess = Postprocessor(file.spec, score_threshold=row.score_threshold, labels=file.labels)
    if row.backend == OFFICIAL:
        return Runner(open_official(file, postprocess, row.threads), None)
    assert row.backend == OPENCV
    backend = open_opencv(file, row.threads)
    looks = Looks.through(backend, Preprocessor(file.spec))
    detector = Detector(looks, postprocess, row.threads, labels=file.labels)
    return Runner.of(detector)


def _open_classifier(row: Row) -> Runner:
    file = ClassifierFile(row.model, trust=row.trust, say=ignore)
    _, backend = open_backend(file, row.backend, row.threads)
    preprocess = ClassifierPreprocessor(file.spec)
    classifier = Classifier(SharedNetwork(backend), preprocess, row.threads)
    return Runner(classifier.classify, lambda image: partial(backend.run, preprocess(image)))


def open_rows(rows: Sequence[Row], say: Callable[[str], None]) -> dict[Row, Runner]:
    """Those of the rows that run here; ``say`` gets a sentence for each of the others.

    Raises:
        BackendError: none is left.
    """
    opened: dict[Row, Runner] = {}
    refused: set[tuple[str, str]] = set()
    for row in rows:
        if row.is_baseline and not opened:
            break
        if (row.title, row.backend) in refused:
            continue
        try:
            opened[row] = open_row(row, say)
        except BackendError as error:
            refused.add((row.title, row.backend))
            name = row.backend if row.is_baseline else f"{row.title} on {row.backend}"
            say(f"Left out: {name}: {error}")
    if not opened:
        raise BackendError("No backend is left to measure.")
    return opened


def describe_file(path: Path) -> tuple[str, float]:
    """Format and megabytes of a model's file or folder; an OpenVINO model is two files."""
    try:
        kind = "folder" if path.is_dir() else path.suffix.lstrip(".")
        return kind, sum(map(size_in_bytes, model_files(path))) / 1e6
    except OSError as error:
        raise DetectorError(f"Cannot read {path} ({error.strerror}).") from error
