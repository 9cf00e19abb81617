"""Sections about parts of the data: by size, by everything else that is known, and the pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from itertools import groupby

from detector.evaluation.analysis import Analysis
from detector.evaluation.slices import Slice
from detector.report.charts import interval_bar
from detector.report.markup import paragraph, section, table, with_bounds
from detector.report.pictures import Picture
from detector.system.terminal import counted

_TONES = {-1: "bad", 0: "", 1: "good"}
_WORDS = {
    -1: '<small class="bad">below the whole</small>',
    0: "",
    1: '<small class="good">above the whole</small>',
}
_KINDS = {
    "missed": (
        "Missed objects",
        "The largest objects that no detection over the threshold finds. Dashed yellow: the object. Blue: "
        "the detection that comes nearest.",
    ),
    "confusion": (
        "Confusions",
        "Detections with the highest scores that lie on an object of another class. Dashed yellow: the "
        "object. Blue: the detection.",
    ),
    "ghost": (
        "Ghosts",
        "Detections with the highest scores that find nothing. Some may be right, and the label is missing: "
        "look. Blue: the detection. Dashed yellow: the object that it overlaps most.",
    ),
}


def build_sizes(analysis: Analysis) -> str:
    """AP by bins of size that hold about equally many objects."""
    if not analysis.sizes:
        return ""
    return section(
        "sizes",
        "Sizes that fit these data",
        paragraph(
            "Objects ordered by size and divided into parts of about as many objects; the side is that of a "
            "square of their area, in pixels of the original image. COCO's own three sizes are above."
        ),
        _slice_table("size", analysis.sizes, analysis),
    )


def build_slices(analysis: Analysis) -> str:
    """AP by everything that is known of an image or a box."""
    if not analysis.slices:
        return ""
    parts = [
        f"<h3>{escape(dimension)}</h3>" + _slice_table(dimension, list(group), analysis)
        for dimension, group in groupby(analysis.slices, key=lambda each: each.dimension)
    ]
    return section(
        "slices",
        "Slices",
        paragraph(
            "The same numbers on parts of the data. Orange is below the whole and green above it, by more "
            f"than chance (95 %, {analysis.slice_rounds:,} resamplings); of twenty slices, one will be so by "
            "luck. Parts may hold other classes and sizes than the whole; look for that before you blame "
            "what names them."
        ),
        *parts,
        paragraph(
            "Where a label belongs to the object (object: ...), a detection that finds nothing belongs to "
            "no part; there is recall for those, and no AP. Tags, attributes and other keys of images and "
            "annotations in the COCO file become slices by themselves.",
            "note",
        ),
    )


def _slice_table(dimension: str, slices: Sequence[Slice], analysis: Analysis) -> str:
    rows = []
    for part in slices:
        size = f"{counted(part.objects, 'object')}, {counted(part.images, 'image')}"
        shown, name = (part.ar, "AR100") if part.ap is None else (part.ap, "AP")
        whole = analysis.summary[name].value
        rows.append(
            (
                f"{escape(part.name)}<small>{size}</small>{_WORDS[part.beyond_chance]}",
                interval_bar(shown.value, shown.low, shown.high, whole, _TONES[part.beyond_chance]),
                "" if part.ap is None else with_bounds(part.ap),
                with_bounds(part.ar),
            )
        )
    return table(f"AP and AR by {dimension}", (dimension, "", "AP", "AR"), rows)


def build_pictures(pictures: Sequence[Picture], images: int) -> str:
    """The galleries, or why there are none."""
    if not pictures:
        return section("pictures", "Worst errors", paragraph("There is no error to show."))
    readable = [picture for picture in pictures if picture.jpeg is not None]
    if not readable:
        return section(
            "pictures",
            "Worst errors",
            paragraph(
                f"{counted(images, 'image file is', 'image files are')} not here, so that nothing can be "
                "shown; name their folder with --images."
            ),
        )
    parts = []
    for kind, (title, meaning) in _KINDS.items():
        own = [picture for picture in readable if picture.kind == kind]
        figures = "".join(map(figure, own))
        body = f'<div class="pictures">{figures}</div>' if own else paragraph("None.")
        parts.append(f"<h3>{title}</h3>{paragraph(meaning, 'soft')}{body}")
    return section("pictures", "Worst errors", *parts)


def figure(picture: Picture) -> str:
    """A picture that could be read, with its caption."""
    assert picture.jpeg is not None
    data = base64.b64encode(picture.jpeg).decode()
    about = f"{picture.detail + '; ' if picture.detail else ''}{picture.image}"
    return (
        f'<figure><img alt="{escape(f"{picture.kind}: {picture.title}")}" '
        f'src="data:image/jpeg;base64,{data}">'
        f"<figcaption><b>{escape(picture.title)}</b>{escape(about)}</figcaption></figure>"
    )
