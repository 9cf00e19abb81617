"""Which images validate where no split is given: whole groups of look-alikes, in fair shares."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.data.cleaning import Annotations
from detector.data.duplicates import ImageFacts, group_copies, group_same, natural_order
from detector.data.findings import FindingLog
from detector.data.name_groups import group_by_name, quoted
from detector.errors import DatasetError
from detector.system.terminal import counted

HELD_OUT_SHARE = 0.2
_MOST_HELD_OUT = 2000
_LARGEST_SHARE = 1 / 3  # of all images, where groups are too large for a fifth
_LEAST_OF_SHARE = 0.5  # of what is meant to be held out; with less, groups are cut
_OVERSHOOT = 1.5  # times its share that a class may be held out in favour of others
_NO_OBJECT = -1  # stands for a class in images without objects

Groups = Sequence[Sequence[int]]
Objects = Mapping[int, Counter[int]]


@dataclass(frozen=True)
class HeldOut:
    """The images that validate, and a few words on how look-alikes were treated."""

    images: frozenset[int]
    words: str


def choose_held_out(
    paths: Mapping[int, Path],
    facts: Mapping[int, ImageFacts],
    annotations: Mapping[int, Annotations],
    classes: Sequence[str],
    seed: int,
    log: FindingLog,
    *,
    group_by: str | None = None,
) -> HeldOut:
    """The images to validate on, out of those that would be trained on.

    Look-alikes stay together. Where that leaves no fair share, because most images are of one fixed camera
    or all objects are in one group, the groups are cut into stretches of neighbouring frames, as long as
    they can be, and that is noted. Images that a pattern takes together are never parted.

    Args:
        paths: of each image that would be trained on.
        facts, annotations: of these images at least.
        classes: names of the categories 1 to K.
        seed: which are held out.
        log: where it is noted that train and val share something.
        group_by: a pattern; images in whose names it finds the same text stay together.

    Raises:
        DatasetError: the pattern is none, matches nothing, or takes all images together.
    """
    # Three attempts, each giving up a little more: a fifth of the images in whole groups, then up to a third
    # for groups that are too large for a fifth, then groups that are cut. What ``_is_fair`` asks for decides.
    if len(paths) < 2:
        example = next((path.name for path in paths.values()), "")
        log.add("validation on the only image that is trained on: its numbers say nothing", example)
        return HeldOut(frozenset(paths), "it is trained on, too")
    names = {image: path.name for image, path in paths.items()}
    own = {image: facts[image] for image in paths}
    objects = count_objects(annotations, paths)
    groups = group_copies(own, names)
    words = "look-alikes kept together"
    if group_by is not None:
        groups = group_by_name(names, group_by, groups, log)
        words = f"those in whose names {quoted(group_by)} finds the same kept together"
        if len(groups) < 2:
            raise DatasetError(
                f"--group-by {quoted(group_by)} takes all {len(paths):,} images together, so that none can "
                "be held out to validate on; choose a pattern that tells some of them apart."
            )
    held = hold_out(groups, objects, names, seed)
    if not _is_fair(held, objects):
        larger = hold_out(groups, objects, names, seed, most=round(_LARGEST_SHARE * len(paths)))
        held = larger if _is_fair(larger, objects) else held
    if group_by is None and not _is_fair(held, objects):
        held = _cut_and_hold_out(groups, group_same(own, names), objects, paths, seed)
    if shared := [group for group in groups if not held.isdisjoint(group) and not held.issuperset(group)]:
        example = f"{names[shared[0][0]]} and {len(shared[0]) - 1:,} more"
        kind = "look-alikes divided into stretches of neighbouring frames: train and val share what they show"
        log.add(kind, example, sum(map(len, shared)))
        words = "look-alikes divided, because there are too many to keep them together"
    _note_unmeasured(held, objects, classes, log)
    return HeldOut(frozenset(held), words)


def count_objects(annotations: Mapping[int, Annotations], images: Iterable[int]) -> dict[int, Counter[int]]:
    """How many objects of each class are in each of these images; crowds do not count."""
    return {
        image: Counter(each["category_id"] for each in annotations[image] if not each["iscrowd"])
        for image in images
    }


def hold_out(
    groups: Groups, objects_of: Objects, names: Mapping[int, str], seed: int, *, most: int | None = None
) -> set[int]:
    """A fifth of the images (at least 1, at most 2,000), whole groups only, by seed alone.

    Every class gives its share, rare ones first, as images without objects do. No class gives more than
    half of its images or objects, and never its last image, unless no group at all could be taken.

    Args:
        groups: images that must stay on one side.
        objects_of: how many objects of each class are in each image.
        names: file name of each image; the choice depends on them and on nothing else of the machine.
        seed: another seed, another choice.
        most: how many images may be held out instead of a fifth.

    Source: the order by rarity is that of iterative stratification (Sechidis et al., 2011).
    """

    def lot(group: Sequence[int]) -> bytes:
        first = f"{seed} {min(names[image] for image in group)}"
        return hashlib.sha256(first.encode(errors="surrogatepass")).digest()  # a name need not be UTF-8

    # First each class takes groups until it has its share, those of few images before those of many, since a
    # rare class has the fewest groups to choose from; then groups of any class fill up to a fifth. In both
    # passes a group that takes too much of one class is taken only when all others have been looked at.
    order = sorted(groups, key=lot)
    wanted = _count_held_out(len(objects_of))
    choice = _Choice(order, objects_of, wanted / len(objects_of), max(wanted, most or 0))
    for label in choice.rarest_first():
        for strictly in (True, False):
            for number in choice.with_class[label]:
                if choice.has_enough(label):
                    break
                choice.take(number, strictly)
    for strictly in (True, False):
        for number in range(len(order)):
            if len(choice.held) >= wanted:
                break
            choice.take(number, strictly)
    return choice.held or set(min((len(group), number, group) for number, group in enumerate(order))[2])


def _count_held_out(total: int) -> int:
    return max(1, min(_MOST_HELD_OUT, round(HELD_OUT_SHARE * total)))


class _Choice:
    """Groups that are held out so far, and what is held out with them of each class."""

    def __init__(self, groups: Groups, objects_of: Objects, share: float, most: int) -> None:
        self.held: set[int] = set()
        self._groups, self._share, self._most = groups, share, most
        self._images = [Counter(label for n in group for label in _labels(objects_of[n])) for group in groups]
        self._objects = [_sum(objects_of[image] for image in group) for group in groups]
        self._all_images, self._all_objects = _sum(self._images), _sum(self._objects)
        self._held_images: Counter[int] = Counter()
        self._held_objects: Counter[int] = Counter()
        self.with_class: dict[int, list[int]] = {}
        for number, labels in enumerate(self._images):
            for label in labels:
                self.with_class.setdefault(label, []).append(number)

    def rarest_first(self) -> list[int]:
        """All classes; images without objects are the last."""
        counts = self._all_images
        return sorted(counts, key=lambda label: (label == _NO_OBJECT, counts[label], label))

    def has_enough(self, label: int) -> bool:
        """Whether a class has its share of the images that are held out."""
        return self._held_images[label] >= self._share * self._all_images[label]

    def take(self, number: int, strictly: bool) -> None:
        """Hold a group out unless it is already, is too large, or takes too much of a class."""
        group = self._groups[number]
        if group[0] in self.held or len(self.held) + len(group) > self._most:
            return
        for taken, held, total in (
            (self._images[number], self._held_images, self._all_images),
            (self._objects[number], self._held_objects, self._all_objects),
        ):
            for label, count in taken.items():
                if held[label] + count > self._limit(label, total[label], strictly):
                    return
        self.held.update(group)
        self._held_images.update(self._images[number])
        self._held_objects.update(self._objects[number])

    def _limit(self, label: int, total: int, strictly: bool) -> float:
        most = total if label == _NO_OBJECT else total // 2
        return min(most, max(1.0, _OVERSHOOT * self._share * total)) if strictly else most


def _labels(objects: Counter[int]) -> list[int]:
    return list(objects) or [_NO_OBJECT]


def _sum(counters: Iterator[Counter[int]] | Sequence[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for each in counters:
        total.update(each)
    return total


def _is_fair(held: set[int], objects: Objects) -> bool:
    """Whether images with and without objects are held out in something like their share."""
    wanted = _count_held_out(len(objects))
    positives = [image for image, found in objects.items() if found]
    taken = sum(image in held for image in positives)
    fair = _LEAST_OF_SHARE * wanted / len(objects) * len(positives)
    return (
        _LEAST_OF_SHARE * wanted <= len(held) <= max(wanted, _LARGEST_SHARE * len(objects))
        and (taken >= max(1, fair) or len(positives) < 2)
        and (taken * 2 <= len(positives) or not taken)
    )


def _cut_and_hold_out(
    groups: Groups, same: Groups, objects: Objects, paths: Mapping[int, Path], seed: int
) -> set[int]:
    """Images held out of groups that are cut into stretches: as long as they can be, at last of one image.

    Images that are equal stay together for as long as there is a fair choice.
    """
    # The stretches are halved until a choice of them is fair.
    names = {image: path.name for image, path in paths.items()}
    length = _count_held_out(len(paths))
    while True:
        held = hold_out(cut_groups(groups, same, paths, length), objects, names, seed)
        if _is_fair(held, objects):
            return held
        if length == 1:
            break
        length //= 2
    single = hold_out([[image] for image in paths], objects, names, seed)
    return single if _is_fair(single, objects) else held


def cut_groups(groups: Groups, same: Groups, paths: Mapping[int, Path], length: int) -> list[list[int]]:
    """The images of groups in stretches of neighbouring frames, each of at most a length.

    Args:
        groups: of look-alikes.
        same: the images in groups of those that are equal, which are not parted.
        paths: of each image.
        length: how many images.
    """
    # A group in the order of its frames is a film: cut into stretches, only the frames at the cuts have
    # neighbours on the other side.
    copies = {image: number for number, each in enumerate(same) for image in each}
    place = {
        number: min((str(paths[image].parent), natural_order(paths[image].name)) for image in each)
        for number, each in enumerate(same)
    }
    rows = [sorted({copies[image] for image in group}, key=place.__getitem__) for group in groups]
    return [run for row in rows for run in _runs(row, same, length)]


def _runs(row: Sequence[int], same: Groups, length: int) -> Iterator[list[int]]:
    """The images of a row of copies in the fewest runs of at most a length, all about equally long."""
    total = sum(len(same[copy]) for copy in row)
    count = -(-total // length)
    runs: dict[int, list[int]] = {}
    before = 0
    for copy in row:
        runs.setdefault(before * count // total, []).extend(same[copy])
        before += len(same[copy])
    yield from runs.values()


def _note_unmeasured(held: set[int], objects: Objects, classes: Sequence[str], log: FindingLog) -> None:
    """Note the classes of which nothing is held out, since their accuracy will not be known."""
    images = Counter(label for found in objects.values() for label in found)
    validated = {label for image in held for label in objects[image]}
    for label in sorted(images.keys() - validated):
        log.add(
            "classes that are trained on and not validated, with too few images or too alike ones",
            f"{classes[label - 1]}, {counted(images[label], 'image')}",
        )
