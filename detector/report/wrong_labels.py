"""The page of labels that look wrong: each with its box and the model's, cut out of its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from detector.checks.suspect_facts import describe
from detector.checks.wrong_labels import KINDS, Suspect
from detector.evaluation.matching import Scene
from detector.report.cutout import encode_cutout
from detector.report.markup import header, paragraph, section
from detector.report.page import lay_out
from detector.report.parts import figure
from detector.report.pictures import Picture
from detector.system.files import replacing
from detector.system.parallel import map_threads

_MEANINGS = {
    "forgotten": (
        "Forgotten objects",
        "Blue: what the model finds where there is no label. An object without a label teaches the model "
        "that such a thing is background.",
    ),
    "badly placed": (
        "Badly placed boxes",
        "Dashed yellow: the label. Blue: what the model finds, which is further from it than is usual "
        "between the two. Which of them fits is for you to see.",
    ),
    "swapped": (
        "Swapped classes",
        "Dashed yellow: the label. Blue: what the model finds in its place, under another name.",
    ),
    "unsupported": (
        "Labels that nothing supports",
        "Dashed yellow: a label on which the model finds nothing, though it finds most of its class and "
        "size. Many are right, and hard to see; so this list is the least sure.",
    ),
}


def write_page(
    path: Path,
    title: str,
    about: tuple[str, Sequence[Suspect]],
    scenes: Sequence[Scene],
    suspects: Sequence[Suspect],
    names: Mapping[int, str],
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        title: what was looked through.
        about: a sentence that stands on top, and all suspects, to be counted.
        scenes: what the suspects are of.
        suspects: those that are shown, in their order.
        names: of the classes.

    Raises:
        DetectorError: it cannot be written.
    """
    counts = Counter(each.kind for each in about[1])
    draw = partial(_draw, scenes, names)
    pictures = list(map_threads(draw, suspects, desc="pictures", unit="picture"))
    sections = {kind.replace(" ", "-"): _section(kind, counts[kind], pictures) for kind in KINDS}
    head = header(f"Labels of {title}", "Those that look wrong, the surest first", paragraph(about[0]))
    with replacing(path) as temporary:
        page = lay_out(f"Labels of {title}", head, sections)
        temporary.write_text(page, "utf-8", "backslashreplace")  # names of files need not be UTF-8


def _section(kind: str, count: int, pictures: Sequence[Picture]) -> str:
    own = [picture for picture in pictures if picture.kind == kind]
    title, meaning = _MEANINGS[kind]
    figures = "".join(figure(picture) for picture in own if picture.jpeg is not None)
    more = paragraph(f"And {count - len(own):,} more, in findings.json.") if count > len(own) else ""
    body = f'<div class="pictures">{figures}</div>{more}' if own else paragraph("None.")
    return section(kind.replace(" ", "-"), f"{title}: {count:,}", paragraph(meaning, "soft"), body)


def _draw(scenes: Sequence[Scene], names: Mapping[int, str], suspect: Suspect) -> Picture:
    scene = scenes[suspect.scene]
    label = None if suspect.label is None else tuple(scene.objects_xywh[suspect.label].tolist())
    found = None if suspect.detection is None else tuple(scene.boxes_xywh[suspect.detection].tolist())
    jpeg = encode_cutout(scene.image, label, found)
    detail = f"{suspect.sure:.2f} sure"
    return Picture(suspect.kind, describe(scene, suspect, names), detail, scene.image.name, jpeg)
