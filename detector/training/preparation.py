"""What is made ready before a run: the network with its devices, and the job that trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.classifier_spec import ClassifierSpec
from detector.data.folder import LabelledFolder
from detector.errors import DatasetError
from detector.evaluation.evaluate import match_categories
from detector.input_sizes import SizeHW
from detector.labels import listing, normalise_name
from detector.spec import ModelSpec
from detector.system.terminal import counted
from detector.training.budget import measure_speed
from detector.training.classification.initial_weights import classifier_size, settle_start
from detector.training.classification.plan import ClassifierPlan, build_classifier_plan
from detector.training.cluster import is_chief
from detector.training.config import AUTO, ExperimentConfig
from detector.training.initial_weights import initial_size, settle_detector
from detector.training.job import Job
from detector.training.joined_data import added_classes
from detector.training.plan import Plan, build_plan
from detector.training.resumption import weights_digest
from detector.training.run_folder import RunFolder
from detector.training.run_record import RunRecord
from detector.training.teacher import Teacher
from detector.training.tensorflow_import import import_with_tensorflow
from detector.training.unvalidated import Unvalidated
from detector.training.validation import Validation
from detector.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf


# Kept classes are held the better the later, as the rate falls, and validation images do not show it.
_MARGIN = 0.01


def make_plan(
    experiment: ExperimentConfig, folder: LabelledFolder, say: Callable[[str], None]
) -> tuple[Plan, SizeHW | None]:
    """The plan of a detector or of a classifier, as the dataset has it; and height and width in pixels that
    the scales of a detector's anchors are shares of, None for those of the input.

    Raises:
        ConfigError: the config asks for what this kind of network has not.
        WeightsError: the initial weights cannot be had, or are of another backbone.
    """
    minutes, backbone = experiment.training.minutes, experiment.model.backbone
    if folder.names_pictures:
        own_hw = classifier_size(experiment, say)
        speed = None if minutes == AUTO else measure_speed(backbone)
        return settle_start(build_classifier_plan(experiment, folder, own_hw, speed), say), None
    experiment = settle_detector(experiment)
    own_hw, reference_hw = initial_size(experiment, say)
    speed = None if minutes == AUTO else measure_speed(backbone)
    plan = build_plan(experiment, folder, own_hw, speed)
    return plan, None if reference_hw == plan.config.model.input_hw else reference_hw


def settled_plan(config: ExperimentConfig, folder: LabelledFolder) -> Plan:
    """The plan of a run whose config is settled."""
    return ClassifierPlan(config) if folder.names_pictures else Plan(config)


def prepare(
    run: RunFolder,
    plan: Plan,
    folder: LabelledFolder,
    reference_hw: SizeHW | None,
    say: Callable[[str], None],
    record: RunRecord,
) -> tuple[ModelSpec | ClassifierSpec, tf.distribute.Strategy]:
    """The network, and the devices that train it.

    Raises:
        DatasetError: the network will have none of the dataset's classes, or a classifier not all of them.
    """
    # A run of an earlier version has a column for each class, those without objects, too.
    earlier = record.get("classes", folder.classes_found)
    name = run.root.resolve().name
    if "fold" in record:
        name = f"{run.root.resolve().parents[1].name}-fold-{record['fold']}"
    strategy = import_with_tensorflow("trainer").build_strategy
    columns, model = record.get("columns", earlier), plan.config.model
    if folder.names_pictures:
        classifier = model.build_classifier_spec(name, columns)
        _check_classes(classifier, folder)
        return classifier, strategy(plan.config)
    spec = model.build_spec(name, columns, reference_hw)
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
    return spec, strategy(plan.config)


def _check_classes(spec: ClassifierSpec, folder: LabelledFolder) -> None:
    known = {normalise_name(name) for name in spec.classes}
    if lacking := [name for name in folder.classes_found if normalise_name(name) not in known]:
        raise DatasetError(
            f"model.classes does not name {listing(lacking, 3)}, and {folder.root} has pictures of "
            f"{'it' if len(lacking) == 1 else 'them'}: set model.classes=dataset to take its classes."
        )


def keep_classes(
    record: RunRecord, teacher: Teacher | None, folder: LabelledFolder, say: Callable[[str], None]
) -> RunRecord:
    """A run's record with the classes that are kept before those of the dataset; what that means is said."""
    if teacher is None:
        return record
    kept, found = teacher.spec.classes, {normalise_name(name) for name in folder.classes_found}
    held = [name for name in kept if normalise_name(name) not in found]
    both = [name for name in kept if normalise_name(name) in found]
    if held:
        say(
            f"Kept as {teacher.name} sees them, whatever the images' labels leave out: {listing(held, 5)}"
            f" ({counted(len(held), 'class', 'classes')})"
        )
    if both:
        say(
            f"Kept and labelled: {listing(both, 5)}. Where an image has a label it counts; elsewhere what "
            f"{teacher.name} sees does, and nothing is learned from a label that is missing."
        )
    columns = record.get("columns", [*kept, *added_classes(folder, kept)])
    words = f"{counted(len(kept), 'class', 'classes')} of {teacher.name}, held by distillation"
    card = {**record.get("card", {}), "kept_classes": words}
    return {**record, "columns": columns, "teacher": weights_digest(teacher.weights), "card": card}


def build_job(
    plan: Plan,
    spec: ModelSpec | ClassifierSpec,
    weights: Weights,
    folder: LabelledFolder,
    strategy: tf.distribute.Strategy,
    run: RunFolder,
    record: RunRecord,
) -> Job:
    """The job of a run that is begun or gone on with, by its record."""
    training = plan.config.training
    kind = Unvalidated if folder.folds else Validation
    margin = 0.0 if training.keep_classes == "none" else _MARGIN
    validation = kind(folder.val, spec, run, training.patience, training.validation_images, margin)
    test_images = 0 if folder.test is None else len(folder.test.images)
    if "origin" in record:  # both models are measured on what validated the earlier one
        test_images += 2 * len(folder.val.images)
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
