"""Detections that runs have left of pictures that their models had not seen, joined to a dataset."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detector.data.annotations import Annotation, Result
from detector.data.dataset import Dataset, DatasetImage
from detector.data.folder import LabelledFolder
from detector.data.readers.coco import load_coco
from detector.errors import DatasetError, DetectorError
from detector.evaluation.results import load_results
from detector.labels import normalise_name
from detector.system.invocation import command
from detector.system.terminal import counted, ignore
from detector.training.run_folder import RunFolder


@dataclass(frozen=True)
class Unseen:
    """Pictures with their labels as they are now, and what models found that had not seen them.

    Attributes:
        dataset: these pictures.
        detections: of them, with the dataset's ids.
        left_out: pictures of the folder that no such model has judged.
        folds: how many models there were; 0 for one that held pictures out.
    """

    dataset: Dataset
    detections: list[Result]
    left_out: int
    folds: int


def pool_parts(folder: LabelledFolder) -> Dataset:
    """All images of a folder as one dataset, each once."""
    parts = [part for part in (folder.train, folder.val, folder.test) if part is not None]
    images: dict[int, DatasetImage] = {}
    annotations: dict[int, Sequence[Annotation]] = {}
    for part in parts:
        own: dict[int, list[Annotation]] = {image.id: [] for image in part.images}
        for each in part.annotations:
            own[each["image_id"]].append(each)
        images |= {image.id: image for image in part.images}
        annotations |= own
    ids = sorted(images)
    return replace(
        folder.train,
        images=tuple(images[id_] for id_ in ids),
        annotations=tuple(each for id_ in ids for each in annotations[id_]),
    )


def read_unseen(root: Path, folder: LabelledFolder) -> Unseen:
    """What a finished run has left: of one in folds, of all of its pictures, each judged by the model of the
    fold that held it out; of any other, of its validation pictures alone.

    Labels may have changed since then: it is the pictures that have to be the same.

    Raises:
        DetectorError: there is no run, it is not finished, or it is of other pictures.
    """
    run = RunFolder(root)
    folds = run.load_record().get("folds") or 0
    parts = [run.fold(number) for number in range(1, folds + 1)] or [run]
    for path in (path for part in parts for path in (part.validation, part.detections)):
        if not path.is_file():
            raise DetectorError(
                f"The run in {root} is not trained to its end ({path} is missing); "
                f"`{command('train', '--resume', root)}` goes on with it."
            )
    now = pool_parts(folder)
    ids = {normalise_name(name): id_ for id_, name in now.categories.items()}
    shared: set[int] = set()
    detections: list[Result] = []
    for part in parts:
        before = load_coco(part.validation)
        own = _same_images(before, now)
        for each in load_results(part.detections, before, ignore):
            class_ = ids.get(normalise_name(before.categories[each["category_id"]]))
            if each["image_id"] in own and class_ is not None:
                detections.append({**each, "image_id": own[each["image_id"]], "category_id": class_})
        shared |= set(own.values())
    if not shared:
        raise DatasetError(f"The run in {root} was not trained on the pictures of {folder.root}.")
    return Unseen(now.select(shared), detections, len(now.images) - len(shared), folds)


def _same_images(before: Dataset, now: Dataset) -> dict[int, int]:
    """The ids of today of the images that were there before: ids shift where a folder has grown, and another
    folder may have other images of the same names."""
    named: dict[tuple[str, tuple[int, int] | None], list[DatasetImage]] = {}
    for image in now.images:
        named.setdefault((image.name, image.size_wh), []).append(image)
    return {
        old.id: new.id
        for old in before.images
        for new in named.get((old.name, old.size_wh), ())
        if _is_same(old, new)
    }


def _is_same(old: DatasetImage, new: DatasetImage) -> bool:
    if old.record is not None or new.record is not None:  # places move there with the labels
        return old.id == new.id
    try:
        return os.path.samefile(old.path, new.path) or filecmp.cmp(old.path, new.path, shallow=False)
    except OSError:
        return False


def describe_unseen(unseen: Unseen, root: Path) -> str:
    """A sentence: which pictures are judged, and why not all of them."""
    judged = counted(len(unseen.dataset.images), "picture")
    if unseen.folds:
        what = f"{judged}, each judged by the one of {unseen.folds} models in {root} that had not seen it"
        more = (
            f"{unseen.left_out:,} more are in no fold; they came later, or are of a split that was not named "
            "with --train"
        )
        return f"{what}; {more}" if unseen.left_out else what
    if not unseen.left_out:
        return f"{judged}, all of which {root} held out"
    return (
        f"{judged} that {root} held out; of the other {unseen.left_out:,}, which it was trained on, labels "
        "that are wrong and all, or which came later, it says nothing: leave the run out to have folds "
        "trained, which judge all"
    )
