"""A dataset joined with the one that an earlier model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from detector.data.annotations import Annotation
from detector.data.coco_part import fixed_part
from detector.data.dataset import Dataset, DatasetImage
from detector.data.folder import LabelledFolder
from detector.data.shared_images import find_shared
from detector.errors import DatasetError
from detector.labels import listing, normalise_name
from detector.system.terminal import counted

# Old images for each new one, and a number that is never too many: each epoch shows all of both, and
# thousands of old images beside a few new ones would make it long.
_MOST_TIMES, _ALWAYS = 3, 500
_SHOWN = 3  # examples


@dataclass(frozen=True)
class OldData:
    """What an earlier model was trained on, as far as it is at hand.

    Attributes:
        name: what it is called in sentences.
        train: to be mixed in; None for nothing.
        val: what the earlier model was validated on, which is never trained on; None where it is not at hand.
        test: the same of what it was tested on.
    """

    name: str
    train: Dataset | None
    val: Dataset | None
    test: Dataset | None = None


def join_data(
    new: LabelledFolder, old: OldData, classes: Sequence[str], say: Callable[[str], None]
) -> LabelledFolder:
    """The new dataset with the old one's images beside its own; classes begin with those of the old model.

    Images of the old validation part are in ``val`` and never in ``train``, also where the new dataset has
    them. Where both have an image otherwise, that of the new dataset is taken, for its labels are later. Of
    an old dataset that is much larger a part is taken, always the same one.

    Args:
        new: what is trained on.
        old: what was trained on.
        classes: of the old model, in their order.
        say: takes a line on what was mixed in and what was left out.

    Raises:
        DatasetError: nothing new is left to train on.
    """
    parts = [part for part in (new.train, old.train, old.val, new.val, new.test) if part is not None]
    categories = _join_categories(classes, [part.categories for part in parts])
    train, val = _left_of_train(new, old, say), [new.val]
    mixed = None if old.train is None else _choose_old(new, old, len(train.images), say)
    if old.val is not None:
        left = _without(old.val, find_shared(old.val, [new.val]))
        val += [left] if left is not None else []
    note = new.split_note
    if mixed is not None:
        note += f"; with {counted(len(mixed.images), 'training image')} of {old.name}"
    if len(val) > 1:
        note += f"; {counted(len(val[1].images), 'validation image')} of {old.name} validate, too"
    # New images keep their ids, those of old ones come after.
    after = max(image.id for part in (new.train, new.val, new.test) if part for image in part.images)
    return replace(
        new,
        train=_join([train] if mixed is None else [train, mixed], categories, after),
        val=_join(val, categories, after),
        test=None if new.test is None else _join([new.test], categories, after),
        split_note=note,
    )


def added_classes(new: LabelledFolder, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes with objects in a dataset that a model does not have."""
    known = {normalise_name(name) for name in classes}
    return tuple(name for name in new.classes_found if normalise_name(name) not in known)


def _left_of_train(new: LabelledFolder, old: OldData, say: Callable[[str], None]) -> Dataset:
    """The new images to train on, without those that the old model was validated or tested on."""
    shared = find_shared(new.train, [part for part in (old.val, old.test) if part is not None])
    if not shared:
        return new.train
    left = _without(new.train, shared)
    if left is None or not left.annotations:
        raise DatasetError(
            f"There is nothing new to train on: the training images of {new.root} are validation or test "
            f"images of {old.name}, or look like them."
        )
    say(
        f"Left out of training, for validation or test images of {old.name} are the same or look alike: "
        f"{counted(len(shared), 'image')} of {new.root} ({_examples(new.train, shared)})"
    )
    return left


def _choose_old(new: LabelledFolder, old: OldData, images: int, say: Callable[[str], None]) -> Dataset | None:
    """The old images that are mixed in."""
    assert old.train is not None
    theirs = [part for part in (new.train, new.val, new.test, old.val) if part is not None]
    shared = find_shared(old.train, theirs)
    left = _without(old.train, shared)
    if shared:
        say(
            f"Not mixed in, for the new dataset or the old validation part has the same or one that looks "
            f"alike: {counted(len(shared), 'image')} of {old.name} ({_examples(old.train, shared)})"
        )
    if left is None:
        return None
    most = max(_MOST_TIMES * images, _ALWAYS)
    if len(left.images) <= most:
        say(
            f"Mixed in: {'the other' if shared else 'all'} {len(left.images):,} training images of "
            f"{old.name}."
        )
        return left
    objects: dict[int, list[int]] = {image.id: [] for image in left.images}
    for annotation in left.annotations:
        objects[annotation["image_id"]].append(annotation["category_id"])
    say(
        f"Mixed in: {most:,} of the {len(left.images):,} training images of {old.name}, in which each class "
        f"has its share; all of them would leave little of each epoch to the {images:,} new ones."
    )
    return left.select(fixed_part(objects, most))


def _examples(dataset: Dataset, shared: dict[int, DatasetImage]) -> str:
    pairs = [f"{image.name} and {shared[image.id].name}" for image in dataset.images if image.id in shared]
    return listing(pairs, _SHOWN)


def _without(dataset: Dataset, ids: Collection[int]) -> Dataset | None:
    """The dataset without some images; None where none is left."""
    left = {image.id for image in dataset.images} - set(ids)
    return dataset.select(left) if left else None


def _join_categories(classes: Sequence[str], parts: Sequence[dict[int, str]]) -> dict[int, str]:
    """Categories from 1 on: the classes, then what else any part has, each once."""
    names: dict[str, str] = {}
    for name in (*classes, *(name for part in parts for name in part.values())):
        names.setdefault(normalise_name(name), name)
    return dict(enumerate(names.values(), start=1))


def _join(parts: Sequence[Dataset], categories: dict[int, str], after: int) -> Dataset:
    """One dataset of all; images of those behind the first have ids beyond a number."""
    id_of = {normalise_name(name): id_ for id_, name in categories.items()}
    images: list[DatasetImage] = []
    annotations: list[Annotation] = []
    for number, part in enumerate(parts):
        shift = after if number else 0
        own = {id_: id_of[normalise_name(name)] for id_, name in part.categories.items()}
        images += [replace(image, id=image.id + shift) for image in part.images]
        annotations += [
            {**each, "image_id": each["image_id"] + shift, "category_id": own[each["category_id"]]}
            for each in part.annotations
        ]
    for number, each in enumerate(annotations, start=1):
        each["id"] = number
    return replace(parts[0], images=tuple(images), annotations=tuple(annotations), categories=categories)
