"""A run from what was asked for to its report: begun in a free folder, or gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.spec import ModelSpec
from detector.system.files import free_folder
from detector.system.invocation import command
from detector.training.budget import Budget, budget_of
from detector.training.chance import describe_expected
from detector.training.classification.chance import expected_accuracy
from detector.training.cluster import is_chief, worker_count
from detector.training.config import AUTO, ExperimentConfig
from detector.training.data_notes import refuse_named_pictures, tell_findings
from detector.training.division import Division
from detector.training.final_report import report_final, report_run
from detector.training.initial_weights import InitialWeights
from detector.training.job import Job, Progress, StopError
from detector.training.job_text import describe_job, model_card
from detector.training.predecessor import GoingOn, find_predecessor, reload_predecessor
from detector.training.preparation import build_job, keep_classes, make_plan, prepare, settled_plan
from detector.training.resumption import reload_initial_weights, reload_teacher, take_up, weights_digest
from detector.training.retention import leave_retention
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.run_lock import locked
from detector.training.run_record import CLASSIFIER, RunRecord
from detector.training.start_weights import load_start
from detector.training.teacher import load_teacher
from detector.training.tensorflow_import import import_with_tensorflow
from detector.version import __version__

Say = Callable[[str], None]


@dataclass(frozen=True)
class Beginning:
    """What a run begins with beyond its data and its experiment.

    Attributes:
        record: what its record says of the dataset, and what its model's card says beyond the usual.
        budget: its time, which may have begun already; None for that of the experiment, from now on.
        old_validation: what validated the run that it goes on from; None for a new beginning.
    """

    record: RunRecord
    budget: Budget | None = None
    old_validation: Dataset | None = None


def begin(
    dataset: Path,
    experiment: ExperimentConfig,
    division: Division,
    output: Path | None,
    say: Say,
    on_progress: Callable[[Progress], object],
    going_on: GoingOn | None = None,
) -> RunFolder:
    """The folder of a run that was trained from its start to its end.

    Everything that can be wrong with the request comes before the folder is made.

    Args:
        dataset: a folder of labelled images.
        experiment: what to do; ``auto`` is decided by the dataset.
        division: what to train and to validate on, without folds.
        output: the folder; None for a free one in ``runs``.
        say: takes a line for each thing worth telling.
        on_progress: takes the points of the run; may raise StopError.
        going_on: the earlier run that it goes on from; None for a new beginning.

    Raises:
        DetectorError: what is wrong and what to do, in a sentence.
    """
    run = RunFolder(output or choose_folder(dataset))
    run.check_free()
    experiment = with_whole_paths(experiment)
    budget = budget_of(experiment)
    earlier = None if going_on is None else find_predecessor(going_on, dataset, say)
    if earlier is not None:
        experiment = earlier.fit(experiment)
    folder = division.load(dataset, experiment.training.seed)
    if earlier is not None:
        refuse_named_pictures(folder, "--from goes on with a detector")
    tell_findings(folder, say)
    record: RunRecord = {"dataset": str(dataset.absolute()), **division.to_record()}
    old_validation = None
    if earlier is not None:
        record |= {"origin": earlier.origin, "columns": earlier.columns(folder)}
        folder, old_validation = earlier.join(folder, say), earlier.old.val
    start(run, folder, experiment, Beginning(record, budget, old_validation), say, on_progress)
    return run


def start(
    run: RunFolder,
    folder: LabelledFolder,
    experiment: ExperimentConfig,
    beginning: Beginning,
    say: Say,
    on_progress: Callable[[Progress], object],
) -> None:
    """Train from the start to the end, in a folder that is free or that is left to the model of all images.

    Args:
        run, folder: where the run's files go, and the dataset.
        experiment: what to do; paths in it are whole.
        beginning: what it begins with beyond these.
        say, on_progress: take a line for each thing worth telling, and the points of the run.

    Raises:
        DetectorError: what is wrong and what to do, in a sentence.
    """
    origin, budget = beginning.record, beginning.budget or budget_of(experiment)
    plan, reference_hw = make_plan(experiment, folder, say)
    teacher = load_teacher(plan.config, say)
    origin = keep_classes(origin, teacher, folder, say)
    spec, strategy = prepare(run, plan, folder, reference_hw, say, origin)
    training, asked = plan.config.training, experiment.training
    usual = int(training.steps) if asked.steps == asked.epochs == AUTO and not worker_count() else 0
    start = load_start(training, spec, say)
    spec = replace(spec, card={**model_card(start, folder), **origin.get("card", {})})
    record: RunRecord = {
        **origin,
        "split": folder.split_note,
        "classes": list(folder.classes),
        "columns": list(spec.classes),
        "fingerprint": fingerprint(folder.train, folder.val),
        "config": asdict(plan.config),
        "version": __version__,
        "step": 0,
        "finished": False,
        "weights": weights_digest(start.weights),
        "card": spec.card,
        "reference_hw": spec.anchors.reference_hw if isinstance(spec, ModelSpec) else None,
        "most_steps": int(training.steps),
        "usual_steps": usual,
        **({"kind": CLASSIFIER} if folder.names_pictures else {}),
    }
    job = build_job(plan, spec, start.weights, folder, strategy, run, record)
    job = replace(job, budget=budget, say=say, on_progress=on_progress, teacher=teacher)
    with alone(run, say):
        if is_chief():
            (run.start_again if origin.get("folded") else run.start)(plan.config.to_yaml(), record)
            if beginning.old_validation is not None:
                save_coco(beginning.old_validation, run.old_validation)
            expected = expected_accuracy if folder.names_pictures else describe_expected
            if not folder.folds and "fold" not in origin and (line := expected(folder.val)):
                say(line)
        _train(job, folder, start)


def choose_folder(dataset: Path) -> Path:
    """The folder of a run for which none is named: a free one of the dataset's name.

    Raises:
        DetectorError: there are several workers, which would not choose the same.
    """
    if worker_count():
        raise DetectorError("Several workers need one folder for the run: name it with --output.")
    home = dataset.resolve() if dataset.is_dir() else dataset.resolve().parent
    return free_folder(Path("runs", home.name))


def go_on(
    run: RunFolder,
    moved_to: Path | None,
    say: Say,
    on_progress: Callable[[Progress], object],
    loaded: LabelledFolder | None = None,
) -> RunFolder:
    """The folder of a run that was interrupted and is trained to its end now.

    Whatever is in the way is said before anything is changed.

    Args:
        run: the folder.
        moved_to: where the dataset is now; None for where it was.
        say: takes a line for each thing worth telling.
        on_progress: takes the points of the run; may raise StopError.
        loaded: the run's dataset, where it is at hand already.

    Raises:
        DetectorError: what is in the way, in a sentence.
    """
    run.load_record()
    with alone(run, say):
        resumed = take_up(run, moved_to, lambda folder: _complete(run, folder, say), loaded)
        folder, step = resumed.folder, resumed.step
        plan = settled_plan(resumed.config, folder)
        recorded = resumed.record.get("reference_hw")
        reference_hw = None if recorded is None else (recorded[0], recorded[1])
        spec, strategy = prepare(run, plan, folder, reference_hw, say, resumed.record)
        start = InitialWeights({}, f"the checkpoint of step {step}", {})
        if step is None:
            start = reload_initial_weights(run, resumed, spec, say)
        spec = replace(spec, card={str(key): str(value) for key, value in resumed.record["card"].items()})
        if is_chief():
            place = Path(resumed.record["dataset"]) if moved_to is None else moved_to.absolute()
            run.update_record(dataset=str(place), config=asdict(plan.config), finished=False)
            for line in resumed.lines:
                say(line)
        budget = budget_of(plan.config, run.seconds_so_far())
        job = build_job(plan, spec, start.weights, folder, strategy, run, resumed.record)
        teacher = reload_teacher(plan.config, resumed.record, say)
        job = replace(job, budget=budget, say=say, on_progress=on_progress, teacher=teacher)
        _train(job, folder, start)
    return run


def _complete(run: RunFolder, folder: LabelledFolder, say: Say) -> LabelledFolder:
    """The dataset of a run, with that of the run that it goes on from; what was found in it is said."""
    tell_findings(folder, say)
    origin = run.load_record().get("origin")
    if origin is None:
        return folder
    earlier = reload_predecessor(origin)
    if earlier.old.val is not None and is_chief():
        save_coco(earlier.old.val, run.old_validation)
    return earlier.join(folder, say)


def with_whole_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The config as it can be read from any folder."""
    start = config.training.initial_weights
    if start in (AUTO, "released", "imagenet", "none"):
        return config
    return replace(config, training=replace(config.training, initial_weights=str(Path(start).absolute())))


@contextmanager
def alone(run: RunFolder, say: Say) -> Iterator[None]:
    """A block in which no other process trains in the run's folder; of several workers the first has it."""
    if not is_chief():
        yield
        return
    run.make()
    try:
        with locked(run.root, say):
            yield
    finally:
        run.remove_if_empty()


def _train(job: Job, folder: LabelledFolder, start: InitialWeights) -> None:
    try:
        if is_chief():
            _tell_plan(job, folder, start)
        outcome = import_with_tensorflow("run").train(job)
        if is_chief():
            (report_final if folder.folds else report_run)(job, folder, outcome)
            leave_retention(job.folder)
            job.folder.update_record(finished=True)
    except (KeyboardInterrupt, StopError):
        root = job.folder.root
        whole = root.parents[1] if job.folder.load_record().get("fold") is not None else root
        job.say(f"Interrupted. Go on with: {command('train', '--resume', whole)}")
        raise


def _tell_plan(job: Job, folder: LabelledFolder, start: InitialWeights) -> None:
    """Say what will be trained, of folds that of the first; a run that begins keeps it for its page."""
    lines, record = list(describe_job(job, folder, start)), job.folder.load_record()
    for line in lines if record.get("fold", 1) == 1 else ():
        job.say(line)
    if "plan" not in record:
        job.folder.update_record(plan=lines, objects=folder.objects_by_class)
