"""Why an AP is 0: the usual mistakes, each tried and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from detector.checks.annotation_faults import find_broken_annotations, repair_annotations, score_truth
from detector.checks.box_faults import find_box_fault, repair_scenes
from detector.checks.label_faults import explain_exchange, find_exchange
from detector.data.annotations import Annotation, Result
from detector.data.box_layouts import BoxFault, find_layout_fault
from detector.data.dataset import Dataset
from detector.evaluation.evaluate import Evaluation
from detector.evaluation.matching import Scene, build_scenes, compute_ap50, match_scene
from detector.labels import normalise_name
from detector.system.terminal import counted

_MOST_IMAGES = 500  # that boxes and classes are compared on
_SOUND_AP = 0.99  # of the annotations against themselves
NEXT_TO_NOTHING = 0.01  # an AP below is a mistake somewhere more often than a weak model
_CLEAR_AP50, _CLEAR_GAIN = 0.3, 2.0  # what a repair has to reach, absolutely and as a multiple


def diagnose(
    truth: Dataset,
    detections: Sequence[Result],
    *,
    score_threshold: float = 0.05,
    training: Dataset | None = None,
    crowded: Collection[int] = (),
) -> list[str]:
    """What explains a bad AP, one sentence a finding with its evidence and what to do; never empty.

    A repair of the boxes or the classes is tried on up to 500 images, and named only when it brings AP50 to
    .3 or more and at least doubles it. When nothing is found, the one sentence says what was looked at and
    what is left.

    Args:
        truth: the validation images with their objects.
        score_threshold: least score of a detection that will be shown, in [0, 1).
        training: what the model was trained on, to be compared with ``truth``.
        crowded: ids of images with as many detections as they may have, all of them of classes that ``truth``
            does not have; they are not among ``detections``.
    """
    findings = _check_classes(truth, training)
    fault = find_layout_fault(truth)
    if fault:
        findings.append(_tell_layout(truth, training, *fault))
        truth = repair_annotations(truth, fault[0])
    findings += _check_truth(truth)
    fatal = _check_detections(truth, detections, crowded)
    if fatal or not _objects(truth):
        return findings + fatal
    sound = [detection for detection in detections if _is_finite(detection)]
    findings += _check_finite(len(detections) - len(sound), len(detections))
    findings += _check_coverage(truth, sound, crowded)
    findings += _check_scores(sound, score_threshold)
    scenes = build_scenes(_sample(truth), sound)
    box_findings, scenes = _check_boxes(scenes)
    findings += box_findings + _check_labels(scenes, truth.categories)
    return findings or [_tell_nothing_found(scenes, score_threshold)]


def _objects(dataset: Dataset) -> list[Annotation]:
    """The annotations that count: of an image and a category of the dataset, and no crowd."""
    ids = {image.id for image in dataset.images}
    return [
        entry
        for entry in dataset.annotations
        if entry["image_id"] in ids and entry["category_id"] in dataset.categories and not entry["iscrowd"]
    ]


def _sample(dataset: Dataset) -> Dataset:
    """Images with objects, evenly taken, and their annotations."""
    annotated = {entry["image_id"] for entry in _objects(dataset)}
    ids = [image.id for image in dataset.images if image.id in annotated]
    return dataset.select(set(ids[:: -(-len(ids) // _MOST_IMAGES)]))


def _is_finite(detection: Result) -> bool:
    return bool(np.isfinite([*detection["bbox"], detection["score"]]).all())


def _check_classes(truth: Dataset, training: Dataset | None) -> list[str]:
    """The classes of most validation objects have to be in the training set."""
    objects = _objects(truth)
    if training is None or not objects:
        return []
    learned = Counter(training.categories[entry["category_id"]] for entry in _objects(training))
    known = {normalise_name(name) for name in learned}
    names = Counter(truth.categories[entry["category_id"]] for entry in objects)
    unknown = {name: count for name, count in names.items() if normalise_name(name) not in known}
    if sum(unknown.values()) < len(objects) / 2:
        return []
    return [
        f"{sum(unknown.values()):,} of {len(objects):,} validation objects are of classes that no training "
        f"object has ({_listing(unknown)}; the training set has {_listing(learned) or 'none'}); give both "
        "sets the same class names."
    ]


def _listing(counts: Mapping[str, int], most: int = 5) -> str:
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(repr(name) for name in ordered[:most]) + more


def _tell_layout(truth: Dataset, training: Dataset | None, fault: BoxFault, inside: float) -> str:
    unlike = ""
    if training is not None:
        same = find_layout_fault(training)
        unlike = (
            ", and so do the training set's" if same and same[0] == fault else ", unlike the training set's"
        )
    largest = max(abs(value) for entry in truth.annotations for value in entry["bbox"])
    return (
        f"The annotated boxes of {truth.source} look {fault.text}{unlike}: {inside:.0%} of them have area "
        f"and lie in their image, and their largest number is {largest:.4g}; write bbox as x, y, width, "
        "height in pixels."
    )


def _check_truth(truth: Dataset) -> list[str]:
    """There have to be objects, and given as detections they have to score 1."""
    causes = find_broken_annotations(truth)
    if not _objects(truth):
        causes = causes or [f"{counted(len(truth.annotations), 'annotation')}, all of crowds"] * bool(
            truth.annotations
        )
        return [
            f"The validation set {truth.source} has no object in its {len(truth.images):,} images "
            f"({'; '.join(causes) or 'no annotations'}), so AP is undefined (-1); give it annotated images."
        ]
    value = score_truth(_sample(truth))
    if value >= _SOUND_AP and not any("not in the list" in cause for cause in causes):
        return []
    return [
        f"The annotations of {truth.source} are broken: {'; '.join(causes) or 'for no reason known here'}; "
        f"given as detections they score AP {value:.2f} where 1 is expected; correct them first."
    ]


def _check_detections(truth: Dataset, detections: Sequence[Result], crowded: Collection[int]) -> list[str]:
    """Without detections in these images nothing else can be said."""
    if not detections and len(crowded) > len(truth.images) / 2:
        return [f"There is no detection of its classes: {_tell_crowd(truth, crowded, len(truth.images))}"]
    if not detections:
        return [
            "There is no detection of its classes: the score threshold cuts everything off, or the model has "
            "learned nothing yet; evaluate with a score threshold next to 0."
        ]
    ids = {image.id for image in truth.images}
    strangers = [detection["image_id"] for detection in detections if detection["image_id"] not in ids]
    if len(strangers) < len(detections) / 2:
        return []
    return [
        f"{len(strangers):,} of {len(detections):,} detections are of images that are not in {truth.source} "
        f"(image_id {strangers[0]!r}, for example, where the validation set has {truth.images[0].id!r}); "
        "detections and annotations have to be of the same set."
    ]


def _check_finite(broken: int, total: int) -> list[str]:
    if not broken:
        return []
    return [
        f"{broken:,} of {total:,} detections have a box or score that is no finite number: the training "
        "diverged; lower the learning rate."
    ]


def _tell_crowd(truth: Dataset, crowded: Collection[int], images: int) -> str:
    return (
        f"in {len(crowded):,} of {images:,} images all detections that an image may have are of classes that "
        f"{truth.source} does not have; look for its classes alone (--classes), so that they have room."
    )


def _check_coverage(truth: Dataset, detections: Sequence[Result], crowded: Collection[int]) -> list[str]:
    annotated = {entry["image_id"] for entry in _objects(truth)}
    empty = annotated - {detection["image_id"] for detection in detections}
    if len(empty) <= len(annotated) / 2:
        return []
    said = f"{len(empty):,} of {len(annotated):,} images with objects have no detection"
    if len(full := empty & set(crowded)) > len(empty) / 2:
        return [f"{said} of its classes: {_tell_crowd(truth, full, len(empty))}"]
    return [f"{said}; evaluate all of them, with a score threshold next to 0."]


def _check_scores(detections: Sequence[Result], score_threshold: float) -> list[str]:
    best = max((detection["score"] for detection in detections), default=score_threshold)
    if best >= score_threshold:
        return []
    return [
        f"All {len(detections):,} scores are below the threshold {score_threshold:g} (the highest is "
        f"{best:.3g}), so nothing would be shown; train for longer, or lower the threshold."
    ]


def _is_decisive(before: float, after: float) -> bool:
    return after >= _CLEAR_AP50 and after >= _CLEAR_GAIN * before


def _check_boxes(scenes: list[Scene]) -> tuple[list[str], list[Scene]]:
    """What is wrong with the detections' boxes, and the scenes with that repaired."""
    before = compute_ap50(scenes, by_class=False)
    if not _is_decisive(before, 1):
        return [], scenes
    fault, after = find_box_fault(scenes)
    if fault == BoxFault() or not _is_decisive(before, after):
        return [], scenes
    return [
        f"The detections' boxes are {fault.text}: with that repaired, AP50 with classes left aside rises "
        f"from {before:.2f} to {after:.2f}; write bbox as x, y, width, height in pixels of the original "
        "image."
    ], repair_scenes(scenes, fault)


def _check_labels(scenes: list[Scene], names: Mapping[int, str]) -> list[str]:
    """Whether objects are found under other classes' names."""
    before = compute_ap50(scenes)
    if not _is_decisive(before, 1):
        return []
    exchange = find_exchange(scenes)
    if exchange.moved and _is_decisive(before, exchange.ap50):
        (true, said), count = exchange.moved.most_common(1)[0]
        total = sum(number for (class_, _), number in exchange.pairs.items() if class_ == true)
        pattern = explain_exchange(exchange.moved, names)
        return [
            f"Boxes fit but class names are exchanged{pattern and f' ({pattern})'}: of {total:,} "
            f"{_name(true, names)} objects found, {count:,} are detected as {_name(said, names)}; with "
            f"classes exchanged back, AP50 rises from {before:.2f} to {exchange.ap50:.2f}; give model and "
            "dataset the same class names in the same order."
        ]
    aside = compute_ap50(scenes, by_class=False)
    if not _is_decisive(before, aside):
        return []
    labels = Counter(label for scene in scenes for label in scene.classes.tolist())
    said, count = labels.most_common(1)[0]
    return [
        f"Boxes fit but classes are mixed up: AP50 is {before:.2f}, with classes left aside {aside:.2f}, and "
        f"{count:,} of {labels.total():,} detections are {_name(said, names)}; check the class names of the "
        "training set, or train for longer."
    ]


def _name(category: int, names: Mapping[int, str]) -> str:
    return repr(names[category]) if category in names else f"the unknown category {category}"


def _tell_nothing_found(scenes: Sequence[Scene], score_threshold: float) -> str:
    objects = sum(int((~scene.crowd).sum()) for scene in scenes)
    found = sum(int((match_scene(scene, by_class=False) >= 0).sum()) for scene in scenes)
    return (
        f"No fault was found: on {len(scenes):,} images AP50 is {compute_ap50(scenes):.2f}, and {found:,} "
        f"of {objects:,} objects have a detection at IoU .5, whatever its class; the annotations score 1 "
        f"against themselves, image ids agree, some scores are above {score_threshold:g}, and no other box "
        "format, scale or order of class names fits better. If AP is low, what is left is the training: too "
        "few steps, a learning rate that is too high or too low, too few images, or objects too small for "
        "the network's input."
    )


def find_causes(dataset: Dataset, measured: Evaluation, most: int | None = None) -> list[str]:
    """Why an AP next to nothing is so low; nothing for any other AP.

    Args:
        most: detections that an image may have; None where that is not known.
    """
    if measured.metrics.summary["AP"] >= NEXT_TO_NOTHING:
        return []
    crowded = {id_ for id_, count in measured.elsewhere.items() if most is not None and count >= most}
    return diagnose(dataset, measured.detections, crowded=crowded)
