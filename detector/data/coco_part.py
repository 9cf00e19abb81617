"""A part of a COCO split: the clean images, a fixed number of images, or both."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detector.data.minival import minival_ids
from detector.errors import DatasetError

_CLEAN_SPLITS = ("val2017", "val2014")
_FILE_NAME = re.compile(r"[A-Za-z0-9_]{1,100}\.jpg", re.ASCII)


@dataclass(frozen=True)
class CocoPart:
    """Which images of a split are wanted.

    Attributes:
        split: ``val2017`` and the like.
        clean: only those that the released weights were not trained on.
        limit: only so many; see ``fixed_part``.
    """

    split: str
    clean: bool
    limit: int | None

    def __post_init__(self) -> None:
        """Raise DatasetError where no image is clean."""
        if self.clean and self.split not in _CLEAN_SPLITS:
            raise DatasetError(
                f"The released weights were trained on {self.split}; --clean takes the images of "
                f"{' or '.join(_CLEAN_SPLITS)} that they were not trained on."
            )

    @property
    def name(self) -> str:
        """What the part is called, never like the whole: ``val2017_clean``, ``val2017_clean_200``."""
        return "_".join(filter(None, (self.split, "clean" * self.clean, str(self.limit or ""))))

    def cut(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a COCO file with the images of the part, their annotations and all categories.

        Raises:
            DatasetError: there are not so many images, or one of them has no name as COCO gives them.
            LookupError, TypeError: the content is not that of a COCO file.
        """
        images = content["images"]
        if self.clean:
            images = [image for image in images if image["id"] in minival_ids()]
        found = f"{self.split} has {len(images):,} {'clean ' * self.clean}images"
        if not images or (self.limit is not None and self.limit >= len(images)):
            raise DatasetError(f"{found}; {'leave out --limit' if images else 'nothing can be taken'}.")
        objects: dict[int, list[Hashable]] = {image["id"]: [] for image in images}
        for annotation in content["annotations"]:
            if annotation["image_id"] in objects:
                objects[annotation["image_id"]].append(annotation["category_id"])
        taken = set(objects) if self.limit is None else fixed_part(objects, self.limit)
        images = [image for image in images if image["id"] in taken]
        for image in images:
            if not _FILE_NAME.fullmatch(image["file_name"]):
                raise DatasetError(
                    f"{self.split} lists the image {image['file_name']!r:.100}; expected a name such as "
                    "000000000139.jpg."
                )
        annotations = [each for each in content["annotations"] if each["image_id"] in taken]
        return {**content, "images": images, "annotations": annotations}


def fixed_part(objects: Mapping[int, Sequence[Hashable]], count: int) -> set[int]:
    """So many images, always the same, which are like all of them in classes and in numbers of objects.

    The images are in a fixed order, by the SHA-256 of their ids. The classes have their turns from the rarest
    to the most common; each takes images that have it until they are in proportion to all that have it, and
    at least one. What an image brings along counts for its other classes. Images with about the same number
    of objects (0, 1, 2 to 3, 4 to 7 and so on) are a stratum, of which no more is taken than is in
    proportion, but for the one image of a class. Places that are left go to the first images in the order.

    Args:
        objects: the category of each object of each image, by the image's id.
        count: of images to take.

    Source: the turns of the classes are those of Sechidis et al., On the Stratification of Multi-Label Data,
    2011.
    """
    share = count / len(objects)
    order = sorted(objects, key=lambda image: hashlib.sha256(str(image).encode()).digest())
    stratum = {image: len(each).bit_length() for image, each in objects.items()}
    room = {each: share * images for each, images in Counter(stratum.values()).items()}
    having: dict[Hashable, list[int]] = defaultdict(list)
    for image in order:
        for each in set(objects[image]):
            having[each].append(image)
    wanted = {each: share * len(images) for each, images in having.items()}
    taken: set[int] = set()
    shown: set[Hashable] = set()

    def take(images: Iterable[int], enough: Callable[[], bool], *, beyond: bool = False) -> None:
        for image in images:
            if enough() or len(taken) == count:
                return
            if image not in taken and (beyond or room[stratum[image]] >= 0.5):
                taken.add(image)
                shown.update(objects[image])
                room[stratum[image]] -= 1
                for brought in set(objects[image]):
                    wanted[brought] -= 1

    for each in sorted(having, key=lambda each: (len(having[each]), str(each))):
        take(having[each], lambda each=each: each in shown and wanted[each] < 0.5)  # type: ignore[misc]
        take(having[each], lambda each=each: each in shown, beyond=True)  # type: ignore[misc]
    take(order, lambda: False)
    take(order, lambda: False, beyond=True)
    return taken
