"""What will be trained, in words; and the card of what comes of it."""

from __future__ import annotations

from collections.abc import Iterator

from detector.data.folder import LabelledFolder
from detector.input_sizes import describe_size
from detector.labels import listing
from detector.system.terminal import counted
from detector.training.initial_weights import InitialWeights
from detector.training.job import Job
from detector.training.plan import describe_depth
from detector.version import __version__


def describe_job(job: Job, folder: LabelledFolder, start: InitialWeights) -> Iterator[str]:
    """What will be trained, on what, from what and where to, a line each; then the reasons."""
    training, optimizer = job.plan.config.training, job.plan.config.optimizer
    parts = [
        ("train", folder.train),
        ("validate", None if folder.folds else folder.val),
        ("test", folder.test),
    ]
    images = ", ".join(f"{name} {len(part.images):,}" for name, part in parts if part is not None)
    weights = start.origin
    if start.copied:
        weights += f"; the class columns of {', '.join(start.copied)} come along"
    epochs = job.steps * training.batch_size / len(folder.train.images)
    rows = {
        "dataset": f"{folder.root} ({folder.format})",
        "images": images
        if folder.names_pictures
        else f"{images}; {counted(len(folder.train.annotations), 'object')} to train on",
        "split": folder.split_note,
        "classes": f"{len(job.spec.classes)}: {listing(job.spec.classes)}",
        "weights": weights,
        "input size": describe_size(job.spec.input_hw),
        "trained": f"{describe_depth(training.frozen_until)}; {training.batch_norm} batch-norm statistics",
        "steps": f"{training.steps:,} of {training.batch_size} images ({counted(round(epochs), 'epoch')}), "
        f"evaluated every {training.evaluate_every:,}",
        "optimizer": f"{optimizer.type}, learning rate {optimizer.learning_rate:g}, {optimizer.schedule}",
        "run": str(job.folder.root),
    }
    yield from (f"{name:>10}  {value}" for name, value in rows.items())
    yield from (f"{'':>10}  ({reason})" for reason in job.plan.reasons)


def model_card(start: InitialWeights, folder: LabelledFolder) -> dict[str, str]:
    """What a model says of where it comes from."""
    inherited = {key: start.card[key] for key in start.card if key in ("licence", "contaminated")}
    return {
        "source": f"trained with ssdlite {__version__}",
        "initial_weights": start.origin,
        **inherited,
        "trained_on": f"{folder.root.resolve().name}, {counted(len(folder.train.images), 'image')}",
    }
