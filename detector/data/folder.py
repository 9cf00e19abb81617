"""A folder of labelled images, whatever its format and layout, ready to train and validate on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from detector.data.class_list import merge_accents
from detector.data.cleaning import build_dataset, check_images, clean_images
from detector.data.corrections import put_right
from detector.data.dataset import Dataset
from detector.data.division import Wish, divide
from detector.data.duplicates import ImageFacts
from detector.data.findings import Finding, FindingLog
from detector.data.label_formats import formats_of, read_labels
from detector.data.listing import Listing, list_files
from detector.data.named_pictures import check_classes, leave_out_disputed
from detector.data.part_notes import note_parts, note_unread_images, note_unused
from detector.data.raw_labels import RawLabels
from detector.data.readers.coco import load_coco
from detector.data.readers.coco_layout import files_of_one_part, find_coco_files
from detector.data.readers.records import is_records, load_records, load_records_split
from detector.data.splits import choose_splits, match_split, positions_of
from detector.errors import DatasetError

Review = Callable[[RawLabels, Path, Mapping[int, ImageFacts], FindingLog], RawLabels]


@dataclass(frozen=True)
class LabelledFolder:
    """A dataset to train on, its boxes cleaned.

    Attributes:
        root: the folder, or the file that was named.
        format: ``COCO``, ``Pascal VOC``, ``YOLO``, ``CVAT``, ``Label Studio``, ``labelme``, ``Create ML``,
            ``CSV``, ``TFRecord``, ``records`` or ``class folders``.
        train: what to train on.
        val: what to validate on; the same image as in ``train`` only if the findings say so.
        test: a split that is in neither, or None.
        split_note: a sentence: where the split comes from.
        findings: what is wrong or worth knowing.
        refusals: why a training would refuse the folder as it is.
        folds: ids of the images of each fold, where folds were asked for; together they are ``train``, and
            ``val`` is the same, to be judged fold by fold.
    """

    root: Path
    format: str
    train: Dataset
    val: Dataset
    test: Dataset | None
    split_note: str
    findings: tuple[Finding, ...]
    refusals: tuple[str, ...] = ()
    folds: tuple[frozenset[int], ...] = ()

    def fold(self, number: int) -> LabelledFolder:
        """The dataset with a fold, from 1 on, to validate on and all others to train on; without test."""
        held = self.folds[number - 1]
        return replace(
            self,
            train=self.train.select({image.id for image in self.train.images} - held),
            val=self.train.select(held),
            test=None,
            split_note=f"fold {number} of {self.split_note}",
            folds=(),
        )

    @property
    def names_pictures(self) -> bool:
        """Whether the labels name whole pictures, for a classifier, and box no objects."""
        return self.train.names_pictures

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their category ids 1 to K, the same for all splits."""
        return tuple(self.train.categories.values())

    @property
    def classes_found(self) -> tuple[str, ...]:
        """The classes of which a part has an object, crowds aside: those that a network can be asked for."""
        parts = [part for part in (self.train, self.val, self.test) if part is not None]
        found = {each["category_id"] for part in parts for each in part.annotations if not each["iscrowd"]}
        return tuple(name for id_, name in self.train.categories.items() if id_ in found)

    @property
    def objects_by_class(self) -> dict[str, int]:
        """How many objects of each class there are to train on, crowds aside."""
        counts = Counter(each["category_id"] for each in self.train.annotations if not each["iscrowd"])
        return {name: counts[id_] for id_, name in self.train.categories.items()}


def load_labelled_folder(
    root: Path,
    *,
    train: str | None = None,
    val: str | None = None,
    seed: int = 0,
    folds: int | None = None,
    group_by: str | None = None,
    review: Review | None = None,
) -> LabelledFolder:
    """The labelled images of a folder in any of the formats that are read, recognised by itself.

    Ids of images and categories depend on file names and class names alone, so that the same images
    labelled in another format are the same dataset. Records keep the splits that they were written with.

    Args:
        root: the folder, a COCO annotation file, a YOLO data.yaml or the index of records.
        train: split to train on, or several joined by commas; default: train, or all but val and test.
        val: split to validate on; default: val or valid, otherwise a fifth of train is held out.
        seed: which images are held out, or in which fold.
        folds: divide the images of train and val into so many parts, of which each is to validate once.
        group_by: a regular expression; images in whose file names it finds the same text stay together.
        review: looks at all that was read, notes more and returns the labels that it has put right. With
            it, what would otherwise be refused is a finding and is repaired, and ``refusals`` says so.

    Raises:
        DatasetError: the folder is absent, has no labels, no object to train on or not the splits named,
            or most images cannot be read; folds or groups that cannot be made.
    """
    wish = Wish(seed, folds, group_by)
    wish.check()
    if is_records(root):
        return _load_record_folder(root, train, val, wish)
    log = FindingLog(lenient=review is not None)
    with log.shown_with_errors():
        return _load(root, (train, val), wish, review, log)


def _load(
    root: Path,
    splits: tuple[str | None, str | None],
    wish: Wish,
    review: Review | None,
    log: FindingLog,
) -> LabelledFolder:
    listing = list_files(root)
    labels, format_note = read_labels(listing, log)
    labels = merge_accents(labels, log)
    note_unread_images(listing, log)
    _require_images(labels, root, log)
    choice = choose_splits(labels, root, *splits)
    facts = check_images(labels, root, {*choice.train, *(choice.val or ()), *choice.test}, log)
    facts = leave_out_disputed(labels, root, facts, log)
    labels = put_right(labels, root, facts, log)
    if review is not None:
        labels = review(labels, root, facts, log)
    annotations = clean_images(labels, root, facts, log)
    facts = {position: facts[position] for position in annotations}
    parts = divide(labels, choice, facts, annotations, wish, log)
    note_unused(labels, root, choice, log)
    note_parts(labels, root, parts.named, facts, annotations, log)
    check_classes(labels, root, parts.named, annotations, choice.val is not None, log)
    datasets = {
        name: build_dataset(labels, root, name, facts, annotations, part)
        for name, part in parts.named.items()
    }
    return LabelledFolder(
        root=root,
        format=labels.format,
        train=datasets["train"],
        val=datasets.get("val", datasets["train"]),
        test=datasets.get("test"),
        split_note=f"{parts.note}{format_note}",
        findings=log.findings,
        refusals=tuple(log.refusals),
        # An image's id is its position plus 1.
        folds=tuple(frozenset(position + 1 for position in fold) for fold in parts.folds),
    )


def load_split(root: Path, split: str | None) -> Dataset:
    """One split of a labelled folder, to evaluate on.

    A COCO folder is read as ``load_coco`` reads it, nothing cleaned, so that the numbers are COCO's; other
    formats, and splits that are spread over several files, are cleaned as for training.

    Args:
        root: the folder, a COCO annotation file or a YOLO data.yaml.
        split: its name; default: val, otherwise test, otherwise the only one.

    Raises:
        DatasetError: there is no such split, or no labels.
    """
    if is_records(root):
        return load_records_split(root, split)
    listing = list_files(root)
    log = FindingLog()
    with log.shown_with_errors():
        if formats_of(listing) == ["COCO"] and not _is_spread(listing):
            return load_coco(root, split=split, listing=listing if root.is_dir() else None)
        labels, format_note = read_labels(listing, log)
        if labels.format == "COCO" and not _is_spread(listing):
            return load_coco(root, split=split, listing=listing if root.is_dir() else None)
        if format_note:
            log.add("folders with several formats, of which one is read", format_note.removeprefix("; "))
        note_unread_images(listing, log)
        return _build_split(labels, root, split, log)


def _is_spread(listing: Listing) -> bool:
    """Whether a part has several annotation files, which only training's reading puts together or refuses."""
    return bool(files_of_one_part(find_coco_files(listing, FindingLog())))


def _require_images(labels: RawLabels, root: Path, log: FindingLog) -> None:
    if not labels.images:
        raise DatasetError(f"{root} has no image that its {labels.format} labels belong to.{log.causes()}")


def _build_split(labels: RawLabels, root: Path, split: str | None, log: FindingLog) -> Dataset:
    _require_images(labels, root, log)
    labels = merge_accents(labels, log)
    if split is None:
        split = match_split(labels.splits, "val") or match_split(labels.splits, "test")
    if split is None and len(labels.splits) > 1:
        raise DatasetError(f"{root} has the splits {', '.join(labels.splits)}; name one with --split.")
    positions = set(range(len(labels.images)) if split is None else positions_of(labels, root, split))
    facts = leave_out_disputed(labels, root, check_images(labels, root, positions, log), log)
    labels = put_right(labels, root, facts, log)
    annotations = clean_images(labels, root, facts, log)
    return build_dataset(labels, root, split or "all", facts, annotations, list(annotations), log.findings)


def _load_record_folder(root: Path, train: str | None, val: str | None, wish: Wish) -> LabelledFolder:
    """Records with the splits that they were written with; no others can be made of them."""
    if wish.folds is not None or wish.group_by is not None:
        raise DatasetError(
            f"{root} holds records, divided into train and val when they were written; for --folds and "
            "--group-by name the folder that they were written from."
        )
    if train not in (None, "train") or val not in (None, "val"):
        raise DatasetError(
            f"{root} holds records, divided into train and val when they were written; leave out --train and "
            "--val, or write them again with `ssdlite data records --train ... --val ...`."
        )
    records = load_records(root)
    return LabelledFolder(
        root=root,
        format="records",
        train=records.splits["train"],
        val=records.splits["val"],
        test=records.splits.get("test"),
        split_note=records.split_note,
        findings=records.findings,
    )
