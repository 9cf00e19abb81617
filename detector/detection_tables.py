"""Detections as plain values, and as the tables of other packages."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detector.detection import PlainDetection
from detector.errors import DetectorError
from detector.system.invocation import install

if TYPE_CHECKING:
    import pandas
    import supervision

    from detector.detections import Detections


def plain_values(detections: Detections) -> list[PlainDetection]:
    """See ``Detections.to_dicts``."""
    found: list[PlainDetection] = [
        {"name": name, "score": round(score, 4), "box": [round(float(v), 2) for v in box]}
        for box, score, name in detections
    ]
    if detections.kinds is not None:
        for each, kind in zip(found, detections.kinds, strict=True):
            each["kind"] = kind.name if kind else None
            each["kind_score"] = round(kind.score, 4) if kind else None
    return found


def supervision_table(detections: Detections) -> supervision.Detections:
    """See ``Detections.to_supervision``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it has to say to its own developers
            import supervision
    except ImportError as error:
        raise DetectorError(
            f"to_supervision needs the package supervision ({error}): {install('supervision<0.30')}."
        ) from error
    return supervision.Detections(
        xyxy=detections.boxes,
        confidence=detections.scores,
        class_id=detections.labels,
        data={"class_name": np.array(detections.names, np.str_), **_kind_columns(detections)},
    )


def data_frame(detections: Detections) -> pandas.DataFrame:
    """See ``Detections.to_dataframe``."""
    try:
        import pandas
    except ImportError as error:
        raise DetectorError(
            f"to_dataframe needs the package pandas ({error}): {install('pandas')}."
        ) from error
    corners = {corner: detections.boxes[:, column] for column, corner in enumerate(("x1", "y1", "x2", "y2"))}
    own = {"name": detections.names, "score": detections.scores, **corners}
    return pandas.DataFrame({**own, **_kind_columns(detections)})


def _kind_columns(detections: Detections) -> dict[str, NDArray[Any]]:
    """``kind``, empty for one without, and ``kind_score``; nothing where there is no classifier."""
    if detections.kinds is None:
        return {}
    names = [kind.name if kind else "" for kind in detections.kinds]
    scores = [kind.score if kind else np.nan for kind in detections.kinds]
    return {"kind": np.array(names, np.str_), "kind_score": np.array(scores, np.float32)}
