"""``evaluate``: what `ssdlite eval` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from detector.api.inputs import (
    EvaluationOptions,
    LoadOptions,
    Rows,
    Say,
    as_dataset,
    open_detector,
    read_detections,
    refuse_unknown,
    select,
)
from detector.checks.diagnosis import find_causes
from detector.data.dataset import Dataset
from detector.data.minival import contaminated_split
from detector.evaluation.analysis import Analysis, analyse
from detector.evaluation.bootstrap import ROUNDS
from detector.evaluation.coco_metrics import MEANING
from detector.evaluation.evaluate import Evaluation as Measurement
from detector.evaluation.evaluate import evaluate as measure
from detector.evaluation.evaluate import evaluate_detections, versions_used
from detector.evaluation.results import count_reaching_out
from detector.input_sizes import describe_sizes
from detector.pretrained.releases import DEFAULT_MODEL
from detector.report.page import About, write_report
from detector.runtime import Detector
from detector.system.bounds import as_path
from detector.system.html_table import html_table
from detector.system.progress import bars_wanted
from detector.system.terminal import counted, ignore

if TYPE_CHECKING:
    from typing_extensions import Unpack

_MUCH = 0.01  # a score threshold over this costs AP


@dataclass(frozen=True, repr=False)
class Evaluation(Measurement):
    """What ``evaluate`` found: the 12 COCO numbers, the detections, and with what they came about.

    Attributes:
        metrics: the COCO numbers, in [0, 1]; ``summary`` has the 12, ``metrics.per_class`` AP by class.
        detections: COCO's result objects, with the dataset's category ids.
        name: of the model, or of the file of detections.
        dataset: the images that were looked at, with their objects.
        settings: with what it was measured.
        detector: what was evaluated; None for detections that were there already.
        contaminated: the split of the dataset that the model was trained on, if it is known of one.
        clean: whether the model was trained on that split, but on none of these images.
        causes: why an AP next to nothing is so low, a sentence each; empty for any other AP.
    """

    name: str
    dataset: Dataset
    settings: Mapping[str, object]
    detector: Detector | None
    contaminated: str | None
    clean: bool
    causes: list[str]

    @property
    def summary(self) -> dict[str, float]:
        """The 12 COCO numbers by name, in [0, 1]; -1 where no object takes part."""
        return self.metrics.summary

    @property
    def ap(self) -> float:
        """COCO's AP, the mean over IoU .50 to .95, in [0, 1]; -1 where there is no object."""
        return self.summary["AP"]

    def save(self, folder: str | Path, settings: Mapping[str, object] | None = None) -> None:
        """Write ``metrics.json`` and ``detections.json`` into a folder, which is made where it is missing.

        The detections are in COCO's results format, with ``file_name``.

        Args:
            folder: where to.
            settings: what ``metrics.json`` says of how it was measured; ``self.settings`` if not given.

        Raises:
            DetectorError: the folder cannot be written to, or the disk is full.
        """
        super().save(as_path("the folder", folder), self.settings if settings is None else settings)

    def analyse(self, *, rounds: int = ROUNDS, progress: bool = False) -> Analysis:
        """Everything that the report tells: where AP is lost, with 95 % intervals.

        Args:
            rounds: resamplings of the images, for the intervals.
            progress: show progress bars, at a terminal.
        """
        with bars_wanted(progress):
            what = self.dataset, self.detections, self.category_ids, self.metrics
            return analyse(*what, rounds=rounds, causes=self.causes)

    def report(
        self, folder: str | Path, analysis: Analysis | None = None, *, progress: bool = False
    ) -> Analysis:
        """Write ``report.html`` and ``report.json`` into a folder: where AP is lost, with pictures.

        Args:
            folder: is made where it is missing.
            analysis: of ``analyse``, which is called if none is given; returned.
            progress: show progress bars, at a terminal.

        Raises:
            DetectorError: the folder cannot be written to, or the disk is full.
        """
        with bars_wanted(progress):
            analysis = analysis or self.analyse(progress=progress)
            notes = [
                f"Left out, because the model does not look for them: {', '.join(self.unmatched)}."
            ] * bool(self.unmatched)
            if self.contaminated:
                notes.append(
                    f"The model was trained on images of {self.contaminated}: this is no clean accuracy."
                )
            if self.clean:
                notes.append("The model was trained on none of these images.")
            source = self.dataset
            write_report(
                as_path("the folder", folder),
                analysis,
                About(
                    title=f"{self.name} on {source.split}",
                    subtitle=f"{_count(source)} of {source.source}, {date.today().isoformat()}",
                    notes=notes,
                    settings=self.settings,
                    versions=versions_used(),
                ),
            )
        return analysis

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {percent(self.summary[name])}" for name in ("AP", "AP50", "AP75"))
        least = self.settings.get("score_threshold")
        cut = f", scores from {least:g} on" if isinstance(least, float) and least > _MUCH else ""
        return f"<Evaluation of {self.name} on {counted(self.images, 'image')}: {numbers}{cut}>"

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.name} on {self.dataset.split}: {_count(self.dataset)}; in percent",
            ("", "", ""),
            ((name, percent(value), MEANING[name]) for name, value in self.summary.items()),
        )


def evaluate(
    dataset: str | Path | Dataset | None = None,
    *,
    model: str | Path | Detector | None = None,
    detections: str | Path | Rows | None = None,
    say: Say | None = None,
    progress: bool = False,
    **options: Unpack[EvaluationOptions],
) -> Evaluation:
    """The COCO numbers of a model, or of detections that are there already, on a dataset.

    Classes and categories are matched by name; categories that the model lacks take no part.

    >>> from detector import evaluate
    >>> evaluation = evaluate(limit=2)
    >>> evaluation
    <Evaluation of ssdlite_mobilenet_v2_coco on 2 images: AP 90.00, AP50 100.00, AP75 100.00>

    Args:
        dataset: as ``load_dataset`` takes or gives it; None is the sample that comes with the package.
        model: a released model's name, a file or folder, or a Detector, which is measured as it is set:
            ``Detector.load`` leaves out what scores under .4, and AP is meant without that, so give it
            ``score_threshold=None``. The released model if neither it nor ``detections`` is given.
        detections: a file in COCO's results format, whatever wrote it, or what is in one.
        say: takes a line for each thing that is worth knowing or takes time; None for silence.
        progress: show progress bars, at a terminal.
        options: ``image_ids`` and ``limit``: which images are taken; and the arguments of ``Detector.load``
            for a model that is no Detector yet. ``score_threshold`` is then the one that AP is meant with.

    Raises:
        DatasetError: the dataset or the detections cannot be read, images are missing, or no class matches.
        DetectorError: the model cannot be had, or it cannot be run; see ``Detector.load``.
        ImageError: an image cannot be read.
        ValueError: a model and detections, or options that are of no use with what is given.
    """
    refuse_unknown("evaluate", options, EvaluationOptions)
    say = say or ignore
    if model is not None and detections is not None:
        raise ValueError("expected a model or detections, got both")
    with bars_wanted(progress):
        whole = as_dataset(dataset, images_needed=detections is None, say=say, progress=progress)
        coco, how = select(whole, options)
        ids = options.get("image_ids")
        about = {
            "dataset": "bundled sample" if dataset is None else str(coco.source),
            "split": coco.split,
            "image_ids": str(ids) if isinstance(ids, str | Path) else ids if ids is None else sorted(ids),
            "limit": options.get("limit"),
        }
        if detections is None:
            return _evaluate_model(coco, about, DEFAULT_MODEL if model is None else model, how, say)
        if how:
            raise ValueError(f"detections are measured as they are; leave out {', '.join(how)}")
        return _evaluate_detections(detections, whole, coco, about, say)


def percent(value: float) -> str:
    """A share as percent to a hundredth; -1 as it is."""
    return "-1" if value < 0 else f"{100 * value:.2f}"


def _evaluate_model(
    coco: Dataset,
    about: Mapping[str, object],
    model: str | Path | Detector,
    how: LoadOptions,
    say: Say,
) -> Evaluation:
    coco.check_images()
    detector = open_detector(model, how, say)
    say(f"{detector.spec.name} on {coco.source}: {_count(coco)}")
    measured = measure(detector, coco)
    contaminated, clean = contaminated_split(coco, detector.spec)
    classes = how.get("classes")
    if isinstance(model, Detector) and detector.classes != detector.spec.classes:
        classes = detector.classes
    settings = {
        "model": detector.spec.name,
        "model_file": None if isinstance(model, Detector) else str(model),
        "classes": None if classes is None else _join(classes),
        **about,
        "trained_on_this_split": contaminated is not None,
        "backend": detector.backend_name,
        "threads": detector.threads,
        "resize": detector.preprocess.resize,
        "score_threshold": detector.postprocess.score_threshold,
        "iou_threshold": detector.postprocess.iou_threshold,
        "max_detections": detector.postprocess.max_detections,
        "input_size": describe_sizes(detector.input_sizes),
        "voting": detector.postprocess.voting,
        "tile": detector.tile,
    }
    return _complete(measured, detector.spec.name, coco, settings, detector, contaminated, clean)


def _evaluate_detections(
    detections: str | Path | Rows,
    whole: Dataset,
    coco: Dataset,
    about: Mapping[str, object],
    say: Say,
) -> Evaluation:
    found = read_detections(detections, whole, say)
    name = str(detections) if isinstance(detections, str | Path) else "detections"
    say(f"{name} on {coco.source}: {_count(coco)}, {counted(len(found), 'detection')}")
    if reaching := count_reaching_out(found, coco):
        say(
            f"Note: {counted(reaching, 'box reaches', 'boxes reach')} beyond the image by more than a pixel, "
            "and COCO counts that as it is.",
        )
    measured = evaluate_detections(coco, found)
    settings = {"detections": name, **about}
    return _complete(measured, Path(name).stem, coco, settings)


def _complete(
    measured: Measurement,
    name: str,
    coco: Dataset,
    settings: Mapping[str, object],
    detector: Detector | None = None,
    contaminated: str | None = None,
    clean: bool = False,
) -> Evaluation:
    return Evaluation(
        **vars(measured),
        name=name,
        dataset=coco,
        settings=settings,
        detector=detector,
        contaminated=contaminated,
        clean=clean,
        causes=find_causes(coco, measured, None if detector is None else detector.postprocess.max_detections),
    )


def _count(coco: Dataset) -> str:
    return f"{counted(len(coco.images), 'image')}, {counted(len(coco.annotations), 'object')}"


def _join(classes: Sequence[str]) -> str:
    """Class names as ``--classes`` takes them."""
    return ",".join(f'"{name}"' if "," in name else name for name in classes)
