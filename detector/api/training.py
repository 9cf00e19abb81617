"""``train``: what `ssdlite train` does."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from detector.api.callbacks import Callback, Callbacks
from detector.api.classifier_evaluation import ClassifierLoadOptions
from detector.api.evaluation import percent
from detector.api.inputs import LoadOptions, Say, optional_path, refuse_unknown
from detector.api.run_report import leave_report
from detector.errors import ArgumentError
from detector.evaluation.coco_metrics import MEANING
from detector.runtime import Detector
from detector.runtime.arguments import check_whole
from detector.runtime.classifier import Classifier
from detector.system.bounds import as_path
from detector.system.html_table import html_table
from detector.system.invocation import command
from detector.system.progress import bars_wanted
from detector.system.reading import parsing, read_whole
from detector.system.terminal import ignore
from detector.training.cluster import is_chief
from detector.training.config_file import load_config
from detector.training.division import Division
from detector.training.fold_numbers import FoldNumbers
from detector.training.folds import begin_folds, go_on_folds
from detector.training.history import HistoryEntry
from detector.training.job import Progress, StopError
from detector.training.launch import begin
from detector.training.predecessor import GoingOn
from detector.training.run_folder import RunFolder
from detector.training.run_record import CLASSIFIER

if TYPE_CHECKING:
    from typing_extensions import Unpack

_MOST_METRICS_BYTES = 16 << 20
_ACCURACIES = {
    "accuracy": "share of the images that are named rightly",
    "balanced_accuracy": "mean of the classes' shares of images that are named rightly",
}


class TrainOptions(TypedDict, total=False):
    """What is trained, and on which images.

    Attributes:
        steps: how many steps; by the size of the dataset if it is not given.
        epochs: how often each image is looked at, in place of ``steps``.
        minutes: time that everything may take; as much as it takes if it is not given.
        config: an experiment file; ``configs/`` has some. Fine-tuning if it is not given.
        settings: single keys of the experiment over those of the file, as a mapping such as
            ``{"training.batch_size": 4}`` or as texts such as ``"training.batch_size=4"``.
        train: split to train on, or several joined by commas.
        val: split to validate on; a fifth of the images where the dataset has none.
        folds: 2 to 20: divide the images of both into so many parts, train a model for each that validates on
            it, then one on all images; ``TrainedRun.folds`` has the numbers.
        group_by: a regular expression; images in whose file names it finds the same text stay together, in a
            fold or in what is held out.
        keep_classes: classes of the initial weights that stay beside those of the dataset, without their
            images: ``coco``, or a list of names.
        from_run: folder of an earlier run: its weights are gone on from, its classes come first.
        keep: with ``from_run``, the dataset whose training images are mixed in; ``nothing`` for none. That
            of the earlier run if it is not given, where it is unchanged.
    """

    steps: int | None
    epochs: int | None
    minutes: float | None
    config: str | Path | None
    settings: Mapping[str, object] | Sequence[str]
    train: str | None
    val: str | None
    folds: int | None
    group_by: str | None
    keep_classes: str | Sequence[str] | None
    from_run: str | Path | None
    keep: str | Path | None


class TrainedRun:
    """A training run: its best weights, how good they are, and how it went.

    Args:
        folder: of any run, be it of today or of last year.

    Attributes:
        folder: as given; docs/training.md says what is in it.

    Raises:
        DetectorError: there is no run in the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = as_path("the folder of a run", folder)
        self._files = RunFolder(self.folder)
        self._files.load_record()

    @property
    def model(self) -> Path:
        """The best weights, a ``.npz`` file."""
        return self._files.weights

    @property
    def metrics(self) -> dict[str, float]:
        """The 12 COCO numbers of the best weights on the validation images, in [0, 1]; -1 for none. Of a
        classifier ``accuracy`` and ``balanced_accuracy``.

        With folds they are of all images, each judged by the model that had not seen it.

        Raises:
            DetectorError: the run has not been evaluated yet, or the file is damaged.
        """
        path = self._files.metrics
        content = read_whole(path, _MOST_METRICS_BYTES)
        with parsing(f"{path} is damaged; measure the model again with `{command('eval')}`"):
            numbers = json.loads(content)
            return {name: float(numbers[name]) for name in self._meaning}

    @property
    def is_classifier(self) -> bool:
        """Whether a classifier was trained, and not a detector."""
        return self._files.load_record().get("kind") == CLASSIFIER

    @property
    def _meaning(self) -> Mapping[str, str]:
        return _ACCURACIES if self.is_classifier else MEANING

    @property
    def folds(self) -> FoldNumbers | None:
        """AP and AP50 over folds with their intervals; None without, or before all are trained.

        Raises:
            DetectorError: the file is damaged.
        """
        path = self._files.fold_numbers
        return FoldNumbers.load(path) if path.exists() else None

    @property
    def history(self) -> list[HistoryEntry]:
        """Losses and metrics over time, in order; each entry has its ``step``."""
        return self._files.load_history()

    @property
    def finished(self) -> bool:
        """Whether it came to its end; otherwise ``train(resume=run.folder)`` goes on with it."""
        return bool(self._files.load_record().get("finished"))

    def detector(self, **options: Unpack[LoadOptions]) -> Detector:
        """The best weights, ready to be shown images; the options are those of ``Detector.load``.

        Raises:
            ValueError: a classifier was trained.
        """
        if self.is_classifier:
            raise ArgumentError(f"{self.folder} holds a classifier: use run.classifier().")
        return Detector.load(self.model, say=None, **options)

    def classifier(self, **options: Unpack[ClassifierLoadOptions]) -> Classifier:
        """The best weights of a classifier, ready to be shown pictures.

        Args:
            options: those of ``Classifier.load``.

        Raises:
            ValueError: a detector was trained.
        """
        if not self.is_classifier:
            raise ArgumentError(f"{self.folder} holds a detector: use run.detector().")
        return Classifier.load(self.model, say=None, **options)

    def __repr__(self) -> str:
        state = "" if self.finished else ", not finished"
        if not self._files.metrics.exists():
            return f"<TrainedRun in {self.folder}: not evaluated{state}>"
        shown = _ACCURACIES if self.is_classifier else ("AP", "AP50", "AP75")
        numbers = ", ".join(f"{name.replace('_', ' ')} {percent(self.metrics[name])}" for name in shown)
        return f"<TrainedRun in {self.folder}: {numbers}{state}>"

    def _repr_html_(self) -> str:
        metrics = self.metrics if self._files.metrics.exists() else {}
        judged = "the best weights on the validation images"
        if self._files.fold_numbers.exists():
            judged = "all images, each judged by the fold's model that had not seen it"
        table = html_table(
            f"{self.folder}: {judged}, in percent",
            ("", "", ""),
            ((name, percent(value), self._meaning[name]) for name, value in metrics.items()),
        )
        if not self._files.curves.is_file():
            return table
        measured = "accuracy" if self.is_classifier else "AP"
        picture = b64encode(self._files.curves.read_bytes()).decode()
        alt = f"losses and {measured} over time"
        return f'{table}<img alt="{alt}" width="800" src="data:image/png;base64,{picture}">'


def train(
    dataset: str | Path | None = None,
    *,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    say: Say | None = None,
    progress: bool = False,
    callbacks: Iterable[Callback] = (),
    **options: Unpack[TrainOptions],
) -> TrainedRun:
    """A detector that was trained on a folder of labelled images, a classifier where that holds a folder of
    pictures for each class, or a run that was gone on with.

    Ctrl-C raises KeyboardInterrupt and leaves a run that ``train(resume=...)`` goes on with exactly where it
    was. Needs TensorFlow and Model Garden.

    Args:
        dataset: a folder in any of the formats that are read, recognised by itself; with ``resume`` only
            where it has moved.
        output: folder of the run; a free one in ``runs`` if it is not given.
        resume: folder of a run that was interrupted.
        say: takes a line for each thing that is worth knowing; None for silence.
        progress: show progress bars, at a terminal.
        callbacks: objects with any of ``on_step(progress)``, called with the ``losses`` about every four
            seconds, for they are read no more often; ``on_evaluation(progress)``, called with the ``metrics``
            and ``is_best`` of each evaluation; ``on_end(run)``, called with what is returned. What one of
            them raises ends the run as Ctrl-C does and is raised here.
        options: ``steps`` or ``epochs``, ``minutes``, ``config``, ``settings``, ``train``, ``val``,
            ``folds``, ``group_by``, ``keep_classes``, ``from_run`` and ``keep``; see ``TrainOptions``.

    Raises:
        TypeError: an option that there is not.
        ValueError: nothing to train on, a callback that is none, or what a run that is gone on with cannot
            take.
        DatasetError: there is no such dataset, or it cannot be read.
        ConfigError: an experiment with an unknown key or an impossible value.
        DetectorError: the folder is in use or another process trains in it; losses that are not finite; too
            little memory or room on the disk.
    """
    refuse_unknown("train", options, TrainOptions)
    for name in ("steps", "epochs", "folds"):
        check_whole(name, options.get(name))
    if resume is not None and (output is not None or options):
        raise ValueError("resume goes on with a run as it was begun; leave out output and options")
    if resume is None and dataset is None:
        raise ValueError("expected a folder of labelled images, or a run to resume")
    say, listeners = say or ignore, Callbacks(callbacks)
    folder = optional_path("the dataset", dataset)
    with suppress(StopError), bars_wanted(progress):
        if folder is not None and resume is None:
            run = _begin(folder, optional_path("output", output), options, say, listeners.tell)
        else:
            run = go_on_folds(RunFolder(as_path("resume", resume)), folder, say, listeners.tell)
        if is_chief():
            leave_report(run, say)
    if listeners.failure is not None:
        raise listeners.failure
    trained = TrainedRun(run.root)
    if is_chief():
        listeners.end(trained)
    return trained


def _begin(
    folder: Path, output: Path | None, options: TrainOptions, say: Say, tell: Callable[[Progress], None]
) -> RunFolder:
    """The folder of a run, in folds or not, that was trained from its start to its end."""
    experiment = load_config(optional_path("config", options.get("config")), _settings(options))
    division = Division(
        options.get("train"), options.get("val"), options.get("folds"), options.get("group_by")
    )
    earlier, keep = optional_path("from_run", options.get("from_run")), options.get("keep")
    if keep is not None and earlier is None:
        raise ValueError("keep says what is mixed in of the data of from_run; name that, too")
    if earlier is None and division.folds is not None:
        return begin_folds(folder, experiment, division, output, say, tell)
    if division.folds is not None:
        raise ValueError("folds train new models on all images; leave out folds or from_run")
    going_on = None if earlier is None else GoingOn(earlier, None if keep is None else str(keep))
    return begin(folder, experiment, division, output, say, tell, going_on)


def _settings(options: TrainOptions) -> list[str]:
    """Settings as the command line has them: ``section.key=value``, the value in YAML."""
    settings = options.get("settings", ())
    if isinstance(settings, str):
        settings = [settings]
    if isinstance(settings, Mapping):
        settings = [f"{key}={json.dumps(value, default=str)}" for key, value in settings.items()]
    given: dict[str, object] = {name: options.get(name) for name in ("steps", "epochs", "minutes")}
    kept = options.get("keep_classes")
    given["keep_classes"] = kept if kept is None or isinstance(kept, str) else json.dumps(list(kept))
    return [*settings, *(f"training.{key}={value}" for key, value in given.items() if value is not None)]
