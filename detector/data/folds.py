"""The images of a dataset in folds: each validates once, and is trained on in all the other rounds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from detector.data.cleaning import Annotations
from detector.data.duplicates import ImageFacts, group_copies, group_same
from detector.data.findings import FindingLog
from detector.data.held_out import Groups, Objects, count_objects, cut_groups
from detector.data.name_groups import group_by_name, quoted
from detector.errors import DatasetError

MOST_FOLDS = 20
_NO_OBJECT = -1  # stands for a class in images without objects
_LARGEST = 1.5  # times its share of the images that a fold may have before groups of look-alikes are cut


def check_folds(folds: int) -> None:
    """Raise DatasetError unless so many folds can be made at all."""
    if not 2 <= folds <= MOST_FOLDS:
        raise DatasetError(f"--folds {folds}: expected 2 to {MOST_FOLDS}; 5 is usual.")


def choose_folds(
    paths: Mapping[int, Path],
    facts: Mapping[int, ImageFacts],
    annotations: Mapping[int, Annotations],
    classes: Sequence[str],
    division: tuple[int, str | None],
    seed: int,
    log: FindingLog,
) -> tuple[list[list[int]], str]:
    """The images of each fold, in their order, and a few words on which of them stay together.

    Look-alikes stay in one fold, or the images whose names say the same. Look-alikes that are more than a
    fold should have are cut into stretches of neighbouring frames, and that is noted.

    Args:
        paths: of each image.
        facts, annotations: of these images at least.
        classes: names of the categories 1 to K.
        division: how many folds, and the pattern for their names if there is one.
        seed: which images are in which fold.
        log: where it is noted what folds share or lack.

    Raises:
        DatasetError: there are fewer groups than folds, or the pattern is none or matches nothing.
    """
    count, pattern = division
    names = {image: path.name for image, path in paths.items()}
    own = {image: facts[image] for image in paths}
    groups = group_copies(own, names)
    if pattern is not None:
        groups = group_by_name(names, pattern, groups, log)
        words = f"images in whose names {quoted(pattern)} finds the same are kept together"
    else:
        groups, words = _cut_large(groups, group_same(own, names), paths, count, log)
    if len(groups) < count:
        raise DatasetError(_too_many(count, len(groups), len(paths), pattern))
    objects = count_objects(annotations, paths)
    folds = divide_into_folds(groups, objects, names, count, seed)
    _note_seen_once(folds, objects, classes, log)
    _note_shared(folds, own, names, log)
    return folds, words


def divide_into_folds(
    groups: Groups, objects_of: Objects, names: Mapping[int, str], count: int, seed: int
) -> list[list[int]]:
    """The images of each of ``count`` folds, whole groups only; none is empty where there are enough groups.

    Each class gives each fold its share of images and of objects as nearly as groups allow, and so do the
    images without objects.

    Args:
        groups: images that must stay in one fold.
        objects_of: how many objects of each class are in each image.
        names: file name of each image; the folds depend on them and on nothing else of the machine.
        count: how many folds.
        seed: another seed, other folds.

    Source: the order by rarity is that of iterative stratification (Sechidis et al., 2011).
    """

    # Groups of rare classes come first, while all folds are open to them. Each group goes to the fold in
    # which it adds least to the sum of squares of what folds have, each thing in units of a fold's share.
    def lot(group: Sequence[int]) -> bytes:
        first = f"{seed} {min(names[image] for image in group)}"
        return hashlib.sha256(first.encode(errors="surrogatepass")).digest()

    contents = [_content(group, objects_of) for group in groups]
    totals: Counter[tuple[str, int]] = Counter()
    for content in contents:
        totals.update(content)

    def rank(number: int) -> tuple[int, int, bytes]:
        rarest = min(total for key, total in totals.items() if key[0] == "images" and key in contents[number])
        return rarest, -len(groups[number]), lot(groups[number])

    weight = dict.fromkeys(totals, 1)
    weight["size", 0] = len(totals)  # as much as all classes together: folds are to be of one size
    held: list[Counter[tuple[str, int]]] = [Counter() for _ in range(count)]
    folds: list[list[int]] = [[] for _ in range(count)]
    for number in sorted(range(len(groups)), key=rank):
        content = contents[number]
        costs = [
            sum(weight[key] * has[key] * more / totals[key] ** 2 for key, more in content.items())
            for has in held
        ]
        fold = costs.index(min(costs))
        held[fold].update(content)
        folds[fold] += groups[number]
    return [sorted(fold) for fold in folds]


def _content(group: Sequence[int], objects_of: Objects) -> Counter[tuple[str, int]]:
    """What a group brings into a fold: images, and images and objects of each class."""
    content: Counter[tuple[str, int]] = Counter({("size", 0): len(group)})
    for image in group:
        for label, objects in (objects_of[image] or {_NO_OBJECT: 1}).items():
            content["images", label] += 1
            content["objects", label] += objects
    return content


def _cut_large(
    groups: Groups, same: Groups, paths: Mapping[int, Path], count: int, log: FindingLog
) -> tuple[list[list[int]], str]:
    """The groups, those cut that are too large for a fold, and a few words on that."""
    most = _LARGEST * len(paths) / count
    large = [group for group in groups if len(group) > most and len(group) > 1]
    if not large:
        return [list(group) for group in groups], "look-alikes kept together"
    example = f"{paths[large[0][0]].name} and {len(large[0]) - 1:,} more"
    kind = "look-alikes divided into stretches of neighbouring frames: folds share what they show"
    log.add(kind, example, sum(map(len, large)))
    small = [list(group) for group in groups if len(group) <= most or len(group) == 1]
    cut = cut_groups(large, same, paths, max(1, len(paths) // count))
    return small + cut, "look-alikes divided, because there are too many to keep them together"


def _too_many(count: int, groups: int, images: int, pattern: str | None) -> str:
    if pattern is not None:
        what, way = (
            f"--group-by {quoted(pattern)} makes {groups:,} of the {images:,} images",
            "another pattern",
        )
    else:
        what = f"look-alikes counted as one, the {images:,} images are {groups:,}"
        way = "--group-by with a pattern for what belongs together in their file names"
    few = f"--folds {groups} or fewer, or {way}" if groups > 1 else way
    return f"--folds {count} needs at least {count} groups of images, and {what}; take {few}."


def _note_seen_once(
    folds: Sequence[Sequence[int]], objects: Objects, classes: Sequence[str], log: FindingLog
) -> None:
    """Note the classes whose objects are all in one fold, so that no model is judged on them that saw any."""
    of_class: dict[int, set[int]] = {}
    for number, fold in enumerate(folds):
        for image in fold:
            for label in objects[image]:
                of_class.setdefault(label, set()).add(number)
    for label, numbers in sorted(of_class.items()):
        if len(numbers) == 1:
            log.add(
                "classes with all their objects in one fold, judged by a model that never saw them",
                classes[label - 1],
            )


def _note_shared(
    folds: Sequence[Sequence[int]],
    facts: Mapping[int, ImageFacts],
    names: Mapping[int, str],
    log: FindingLog,
) -> None:
    """Note the images that are in two folds, the same to the pixel: what a pattern may have parted."""
    first_of: dict[bytes, tuple[int, int]] = {}
    for number, fold in enumerate(folds):
        for image in fold:
            other, known = first_of.setdefault(facts[image].digest, (number, image))
            if other != number:
                log.add("times the same image in two folds", f"{names[known]} and {names[image]}")
