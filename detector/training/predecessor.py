"""The run that a training goes on from: its weights, its classes, and the data that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from detector.data.dataset import Dataset
from detector.data.folder import LabelledFolder
from detector.data.readers.coco import load_coco
from detector.errors import DatasetError, DetectorError, WeightsError
from detector.input_sizes import describe_size
from detector.labels import listing, normalise_name
from detector.spec import ModelSpec
from detector.system.terminal import ignore
from detector.training.config import AUTO, ConfigError, ExperimentConfig, ModelConfig, TrainingConfig
from detector.training.division import Division
from detector.training.joined_data import OldData, added_classes, join_data
from detector.training.resumption import weights_digest
from detector.training.run_folder import RunFolder, fingerprint
from detector.training.run_record import CLASSIFIER, OriginRecord, RunRecord
from detector.weights import Weights, load_weights

NOTHING = "nothing"

Say = Callable[[str], None]


@dataclass(frozen=True)
class GoingOn:
    """What a training is to go on from, as it was asked for.

    Attributes:
        run: folder of the earlier run.
        keep: the dataset whose training images are mixed in; ``nothing`` for none, None for the run's own.
    """

    run: Path
    keep: str | None = None


@dataclass(frozen=True)
class Predecessor:
    """An earlier run, ready to be gone on from.

    Attributes:
        origin: what the new run's record says of it.
        weights, spec: its best.
        old: what it was trained on, as far as it is at hand.
    """

    origin: OriginRecord
    weights: Weights
    spec: ModelSpec
    old: OldData

    def fit(self, experiment: ExperimentConfig) -> ExperimentConfig:
        """The experiment with the earlier run's network and weights.

        Raises:
            ConfigError: it asks for another network, other classes or other weights.
        """
        model, training, usual = experiment.model, experiment.training, ModelConfig()
        run, spec = self.origin["run"], self.spec
        wanted = [
            ("model.classes", model.classes, usual.classes, usual.classes),
            ("model.backbone", model.backbone, spec.backbone, usual.backbone),
            ("model.width_multiplier", model.width_multiplier, spec.width_multiplier, usual.width_multiplier),
            ("training.initial_weights", training.initial_weights, run, TrainingConfig().initial_weights),
        ]
        if model.input_size != AUTO:
            own = describe_size(spec.input_hw)
            wanted.append(("model.input_size", describe_size(model.input_hw), own, own))
        for key, value, theirs, default in wanted:
            if value not in (theirs, default):
                what = (
                    "its classes and those that the dataset adds" if key == "model.classes" else str(theirs)
                )
                raise ConfigError(
                    f"--from goes on with the network of {run}, whose {key} is {what}, and {value} is asked "
                    f"for: leave {key} out, or train a new model without --from."
                )
        size: int | str = spec.input_hw[0] if len(set(spec.input_hw)) == 1 else describe_size(spec.input_hw)
        return replace(
            experiment,
            model=replace(
                model, input_size=size, backbone=spec.backbone, width_multiplier=spec.width_multiplier
            ),
            training=replace(training, initial_weights=run),
        )

    def columns(self, new: LabelledFolder) -> list[str]:
        """Names of the classes of the new network: those of the earlier one, then those that data adds."""
        return [*self.spec.classes, *added_classes(new, self.spec.classes)]

    def join(self, new: LabelledFolder, say: Say) -> LabelledFolder:
        """The new dataset with the old one, see ``join_data``; what either lacks is said."""
        joined = join_data(new, self.old, self.spec.classes, say)
        found = {normalise_name(name) for name in new.classes_found}
        if absent := [name for name in self.spec.classes if normalise_name(name) not in found]:
            say(
                f"Note: {new.root} has no object of {listing(absent, 5)}. Where its images show some "
                "they are learned as background: label them, too, or name them in --keep-classes."
            )
        added = added_classes(new, self.spec.classes)
        if added and self.old.train is not None:
            say(
                f"Note: where images of {self.old.name} show {listing(added, 5)}, without a label, that is "
                "learned as background."
            )
        return joined


def find_predecessor(asked: GoingOn, new: Path, say: Say) -> Predecessor:
    """The run that is to be gone on from, and what is mixed in of its data, which is said.

    Args:
        asked: for what.
        new: the dataset that is trained on now.
        say: takes a line for each thing worth telling.

    Raises:
        DetectorError: there is no such run, it is a classifier's or has no weights yet, or the dataset to
            keep cannot be read.
    """
    run = RunFolder(asked.run.absolute())
    record = run.load_record()
    run.check_record(record)
    if record.get("kind") == CLASSIFIER:
        raise DetectorError(
            f"--from goes on with a detector, and {asked.run} is a classifier: leave it out; its weights are "
            f"started from with --set training.initial_weights={asked.run}."
        )
    weights, spec = _load_weights(run)
    if not record["finished"]:
        say(f"Note: the run in {asked.run} is not finished; its best weights so far are gone on from.")
    folded = record.get("folds") is not None
    own = {"train": record["train"], "val": record["val"]}
    origin: OriginRecord = {
        "run": str(run.root),
        "weights": weights_digest(weights),
        "keep": asked.keep,
        "dataset": None,
        "division": {**own, "group_by": None if folded else record.get("group_by")},
        "seed": _seed_of(record),
        "earlier": record.get("origin"),
        "validation": None,
        "mixed": asked.keep != NOTHING,
    }
    origin = _find_data(asked, run, record, origin, say)
    if folded and origin["dataset"]:
        say(
            f"Note: {asked.run} was trained on all of its images, also on those that validate it now, which "
            "makes it look better than it is."
        )
    _tell_old(asked, origin, record["dataset"], new, say)
    return _build(origin, weights, spec)


def _find_data(
    asked: GoingOn, run: RunFolder, record: RunRecord, origin: OriginRecord, say: Say
) -> OriginRecord:
    """The origin with where the earlier run's data are, or those that are named in their place."""
    if asked.keep is not None and asked.keep != NOTHING:
        place = Path(asked.keep).absolute()
        origin["dataset"] = str(place)
        if not place.exists():
            raise DatasetError(
                f"There is no dataset {asked.keep} to mix in; name another with --keep, or {NOTHING}, or "
                f"leave it out for that of {asked.run}."
            )
        if not _holds(place, record):
            origin |= {"division": {"train": None, "val": None, "group_by": None}, "earlier": None}
            say(
                f"Note: {asked.keep} is not what {asked.run} was trained on, or has changed since. "
                "Validation images that this run was trained on make it look better than it is."
            )
    elif _holds(Path(record["dataset"]), record):
        origin["dataset"] = record["dataset"]
    elif run.validation.is_file() and _images_are_there(run):
        origin["validation"] = str(run.validation)
    return origin


def reload_predecessor(origin: OriginRecord) -> Predecessor:
    """The same for a training that is gone on with, from what its record says.

    Raises:
        DetectorError: the earlier run or its data are not there any more, or have changed.
    """
    if absent := OriginRecord.__annotations__.keys() - origin.keys():
        raise DetectorError(f"run.json is damaged (it lacks origin.{min(absent)}); start a new run.")
    root = Path(origin["run"])
    weights, spec = _load_weights(RunFolder(root))
    if weights_digest(weights) != origin["weights"]:
        raise WeightsError(
            f"The weights in {root} are not those that this run began from; put them back, or start a new "
            "run from what is there now."
        )
    if origin["dataset"] is not None and not Path(origin["dataset"]).exists():
        raise DatasetError(
            f"There is no dataset {origin['dataset']} any more, of which this run takes images, too; put it "
            "back, or start a new run."
        )
    return _build(origin, weights, spec)


def _build(origin: OriginRecord, weights: Weights, spec: ModelSpec) -> Predecessor:
    train: Dataset | None = None
    val: Dataset | None = None
    test: Dataset | None = None
    name = origin["dataset"] or origin["validation"] or "the old dataset"
    if origin["earlier"] is not None:
        name = f"what {origin['run']} was trained on"
    if origin["dataset"] is not None:
        parts = origin["division"]
        division = Division(parts["train"], parts["val"], group_by=parts["group_by"])
        loaded = _load_old(Path(origin["dataset"]), division, origin["seed"], origin["earlier"])
        train, val, test = loaded.train if origin["mixed"] else None, loaded.val, loaded.test
    elif origin["validation"] is not None:
        val = load_coco(Path(origin["validation"]))
    return Predecessor(origin, weights, spec, OldData(name, train, val, test))


def _load_old(place: Path, division: Division, seed: int, earlier: OriginRecord | None) -> LabelledFolder:
    """What a run was trained on; of one that went on from an earlier run, what was mixed in, too."""
    folder = division.load(place, seed)
    return folder if earlier is None else reload_predecessor(earlier).join(folder, ignore)


def _load_weights(run: RunFolder) -> tuple[Weights, ModelSpec]:
    if not run.weights.is_file():
        raise WeightsError(
            f"The run in {run.root} has no weights yet (no {run.weights.name}); train it first."
        )
    return load_weights(run.weights)


def _seed_of(record: RunRecord) -> int:
    seed = record["config"].get("training", {}).get("seed", 0)
    return seed if isinstance(seed, int) else 0


def _holds(place: Path, record: RunRecord) -> bool:
    """Whether a folder still has what a run was trained on."""
    division = replace(Division.of_record(record), fold=None)
    try:
        loaded = _load_old(place, division, _seed_of(record), record.get("origin"))
    except DetectorError:
        return False
    return fingerprint(loaded.train, loaded.val) == record["fingerprint"]


def _images_are_there(run: RunFolder) -> bool:
    """Whether what validated a run can be read, images and all."""
    try:
        load_coco(run.validation).check_images()
    except DetectorError:
        return False
    return True


def _tell_old(asked: GoingOn, origin: OriginRecord, place: str, new: Path, say: Say) -> None:
    """Say which old images are mixed in and validated on, and why."""
    if asked.keep == NOTHING:
        say(f"Nothing of what {asked.run} was trained on is mixed in, as --keep {NOTHING} asks for.")
    elif asked.keep is None and origin["dataset"] and _is_same_place(place, new):
        say(
            f"{new} is what {asked.run} was trained on, unchanged: of that only what is no part of the new "
            "training yet is mixed in."
        )
    elif asked.keep is None and origin["dataset"]:
        say(f"{place}, which {asked.run} was trained on, is unchanged: its images are mixed in.")
    elif asked.keep is None and _is_same_place(place, new):
        say(f"Nothing else is mixed in: {new} is what {asked.run} was trained on, and has changed since.")
    elif asked.keep is None:
        say(
            f"Nothing is mixed in: {place}, which {asked.run} was trained on, is not there or has changed. "
            "Where its images are elsewhere, name them with --keep."
        )
    if not (origin["dataset"] or origin["validation"]):
        say(
            f"Warning: the images that validated {asked.run} are not at hand, so it cannot be told what the "
            "new model does worse."
        )


def _is_same_place(place: str, new: Path) -> bool:
    return Path(place).resolve() == new.resolve()
