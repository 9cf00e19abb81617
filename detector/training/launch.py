"""A run from what was asked for to its report: begun in a free folder, or gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector.data.folder import LabelledFolder
from detector.errors import DatasetError, DetectorError
from detector.evaluation.evaluate import match_categories
from detector.input_sizes import SizeHW
from detector.labels import listing
from detector.spec import ModelSpec
from detector.system.files import free_folder
from detector.system.invocation import command
from detector.training.budget import Budget, budget_of, measure_speed
from detector.training.chance import describe_expected
from detector.training.cluster import is_chief, worker_count
from detector.training.config import AUTO, ExperimentConfig
from detector.training.data_notes import tell_findings
from detector.training.division import Division
from detector.training.final_report import report_final, report_run
from detector.training.initial_weights import InitialWeights, initial_size, load_initial_weights
from detector.training.job import Job, Progress, StopError
from detector.training.job_text import describe_job, model_card
from detector.training.plan import Plan, build_plan
from detector.training.resumption import reload_initial_weights, take_up, weights_digest
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.run_lock import locked
from detector.training.run_record import RunRecord
from detector.training.tensorflow_import import import_with_tensorflow
from detector.training.unvalidated import Unvalidated
from detector.training.validation import Validation
from detector.version import __version__
from detector.weights import Weights

if TYPE_CHECKING:
    import tensorflow as tf

Say = Callable[[str], None]


def begin(
    dataset: Path,
    experiment: ExperimentConfig,
    division: Division,
    output: Path | None,
    say: Say,
    on_progress: Callable[[Progress], object],
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

    Raises:
        DetectorError: what is wrong and what to do, in a sentence.
    """
    run = RunFolder(output or choose_folder(dataset))
    experiment = with_whole_paths(experiment)
    budget = budget_of(experiment)
    folder = division.load(dataset, experiment.training.seed)
    tell_findings(folder, say)
    origin: RunRecord = {"dataset": str(dataset.absolute()), **division.to_record()}
    start(run, folder, experiment, origin, say, on_progress, budget)
    return run


def start(
    run: RunFolder,
    folder: LabelledFolder,
    experiment: ExperimentConfig,
    origin: RunRecord,
    say: Say,
    on_progress: Callable[[Progress], object],
    budget: Budget | None = None,
) -> None:
    """Train from the start to the end, in a folder that is free or that is left to the model of all images.

    Args:
        run: the folder.
        folder: the dataset.
        experiment: what to do; paths in it are whole.
        origin: what the run's record says of the dataset, and what its model's card says beyond the usual.
        say: takes a line for each thing worth telling.
        on_progress: takes the points of the run.
        budget: its time, which may have begun already; None for that of the experiment, from now on.

    Raises:
        DetectorError: what is wrong and what to do, in a sentence.
    """
    budget = budget or budget_of(experiment)
    own_hw, reference_hw = initial_size(experiment, say)
    speed = None if budget.minutes is None else measure_speed(experiment.model.backbone)
    plan = build_plan(experiment, folder, own_hw, speed)
    reference_hw = None if reference_hw == plan.config.model.input_hw else reference_hw
    over = origin.get("folded", False)
    if not over:
        run.check_free()
    spec, strategy = _prepare(run, plan, folder, reference_hw, say, origin)
    training, asked = plan.config.training, experiment.training
    usual = int(training.steps) if asked.steps == asked.epochs == AUTO and not worker_count() else 0
    start = load_initial_weights(training.initial_weights, spec, seed=training.seed, say=say)
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
        "reference_hw": spec.anchors.reference_hw,
        "most_steps": int(training.steps),
        "usual_steps": usual,
    }
    job = _build_job(plan, spec, start.weights, folder, strategy, run, record)
    job = replace(job, budget=budget, say=say, on_progress=on_progress)
    with alone(run, say):
        if is_chief():
            (run.start_again if over else run.start)(plan.config.to_yaml(), record)
            if not folder.folds and "fold" not in origin and (line := describe_expected(folder.val)):
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
        resumed = take_up(run, moved_to, lambda folder: tell_findings(folder, say), loaded)
        plan, folder, step = Plan(resumed.config), resumed.folder, resumed.step
        recorded = resumed.record.get("reference_hw")
        reference_hw = None if recorded is None else (recorded[0], recorded[1])
        spec, strategy = _prepare(run, plan, folder, reference_hw, say, resumed.record)
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
        job = _build_job(plan, spec, start.weights, folder, strategy, run, resumed.record)
        job = replace(job, budget=budget, say=say, on_progress=on_progress)
        _train(job, folder, start)
    return run


def with_whole_paths(config: ExperimentConfig) -> ExperimentConfig:
    """The config as it can be read from any folder."""
    start = config.training.initial_weights
    if start in ("released", "imagenet", "none"):
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


def _prepare(
    run: RunFolder,
    plan: Plan,
    folder: LabelledFolder,
    reference_hw: SizeHW | None,
    say: Say,
    record: RunRecord,
) -> tuple[ModelSpec, tf.distribute.Strategy]:
    """The network, and the devices that train it.

    Raises:
        DatasetError: the network will have none of the dataset's classes.
    """
    # A run of an earlier version has a column for each class, those without objects, too.
    earlier = record.get("classes", folder.classes_found)
    name = run.root.resolve().name
    if "fold" in record:
        name = f"{run.root.resolve().parents[1].name}-fold-{record['fold']}"
    spec = plan.config.model.build_spec(name, record.get("columns", earlier), reference_hw)
    known = set(match_categories(spec.classes, folder.train.categories).values())
    if not known:
        raise DatasetError(
            f"model.classes names {listing(spec.classes, 3)} and the dataset has "
            f"{listing(folder.classes, 3)}: no class is in both. Set "
            "model.classes=dataset to take the dataset's."
        )
    found = folder.classes_found
    left_out = [name for id_, name in folder.train.categories.items() if id_ not in known and name in found]
    if left_out and is_chief():
        say(f"Note: not trained, for the config does not name them: {listing(left_out)}")
    return spec, import_with_tensorflow("trainer").build_strategy(plan.config)


def _build_job(
    plan: Plan,
    spec: ModelSpec,
    weights: Weights,
    folder: LabelledFolder,
    strategy: tf.distribute.Strategy,
    run: RunFolder,
    record: RunRecord,
) -> Job:
    training = plan.config.training
    kind = Unvalidated if folder.folds else Validation
    validation = kind(folder.val, spec, run, training.patience, training.validation_images)
    test_images = 0 if folder.test is None else len(folder.test.images)
    return Job(
        plan,
        spec,
        weights,
        folder.train,
        strategy,
        validation,
        run,
        most_steps=max(record.get("most_steps", 0), int(training.steps)),
        usual_steps=record.get("usual_steps", 0),
        test_images=test_images,
        fold=record.get("fold"),
    )


def _train(job: Job, folder: LabelledFolder, start: InitialWeights) -> None:
    try:
        if is_chief():
            _tell_plan(job, folder, start)
        outcome = import_with_tensorflow("run").train(job)
        if is_chief():
            (report_final if folder.folds else report_run)(job, folder, outcome)
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
