"""What ``ssdlite bench`` prints and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from detector.bench.fingerprint import Machine
from detector.bench.plot import draw_plot
from detector.bench.rows import Figures, Row
from detector.bench.throughput import Throughput
from detector.system.files import replacing

FRAME_WH = (640, 480)
_HEAD = (
    ("threads", 8), ("network p50", 12), ("p95", 8), ("frame p50", 10), ("p95", 8), ("frame/net", 10),
    ("official", 9), ("start s", 8), ("MB", 6), ("file MB", 8), ("AP", 6),
)  # fmt: skip


def format_machine(machine: Machine) -> str:
    """The machine in two lines."""
    memory = "" if machine["memory_gb"] is None else f", {machine['memory_gb']:g} GB"
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']} ({machine['architecture']}: {', '.join(machine['instructions'])}), "
        f"{machine['processors_available']} processors{memory}; {machine['system']}\n"
        f"Python {machine['python']}, {packages}"
    )


def format_rows(figures: Mapping[Row, Figures], answer: str = "detections") -> str:
    """The table, one line for each row; baselines carry a star.

    Args:
        figures: what was measured.
        answer: what the models give.
    """
    names = {row: _name(row, figures) for row in figures}
    width = max(map(len, names.values())) + 1
    lines = ["".join([" " * width, *(f"{title:>{space}}" for title, space in _HEAD)])]
    for row, found in figures.items():
        cells = _cells(row, found)
        lines.append(
            "".join(
                [f"{names[row]:{width}}"]
                + [f"{cell:>{space}}" for cell, (_, space) in zip(cells, _HEAD, strict=True)]
            )
        )
    lines += [
        f"Times in ms; frame: {FRAME_WH[0]}x{FRAME_WH[1]} BGR to {answer}; frame/net: the frame's time by "
        f"the network's;\nstart, MB: a new process up to its first {answer}, and its most memory.",
    ]
    if any(row.is_baseline for row in figures):
        lines.append("* baseline; official: how many times quicker than the released graph a frame is.")
    return "\n".join(lines)


def _name(row: Row, figures: Mapping[Row, Figures]) -> str:
    star = "*" if row.is_baseline else ""
    several = len({each.title for each in figures if not each.is_baseline}) > 1
    return (
        f"{row.title} {row.backend}{star}"
        if several or row.backend == "opencv dnn"
        else f"{row.backend}{star}"
    )


def _cells(row: Row, found: Figures) -> list[str]:
    start = min(found.start_seconds, default=math.nan)
    return [
        str(row.threads),
        *(_number(value, ".2f") for value in (*found.network, *found.frame)),
        _number(found.to_network, ".3f"),
        _number(found.to_official, ".2f", "x"),
        _number(start, ".2f"),
        _number(found.memory_mb, ".0f"),
        _number(found.file_mb, ".1f"),
        _number(100 * found.ap, ".2f"),
    ]


def _number(value: float, form: str, unit: str = "") -> str:
    return "" if math.isnan(value) else f"{value:{form}}{unit}"


def format_throughput(row: Row, throughput: Throughput) -> str:
    """The lines about the evaluation's throughput."""
    return (
        f"evaluation {throughput.evaluation:.1f} images/s, bare network {throughput.network:.1f} images/s: "
        f"{throughput.evaluation / throughput.network:.1%} ({row.title} on {row.backend}, {row.threads} "
        f"threads)\nmemory {throughput.memory_before:.0f} MB before, {throughput.memory_after:.0f} MB after"
    )


def to_record(
    machine: Machine,
    settings: Mapping[str, object],
    figures: Mapping[Row, Figures],
    throughput: Throughput | None,
) -> dict[str, object]:
    """Everything as plain values; null is what was not measured."""
    record: dict[str, object] = {
        "machine": dict(machine),
        "settings": dict(settings),
        "rows": list(map(_row_record, figures, figures.values())),
    }
    if throughput is not None:
        record["evaluation"] = {
            "images_per_second": throughput.evaluation,
            "network_images_per_second": throughput.network,
            "memory_before_mb": _known(throughput.memory_before),
            "memory_after_mb": _known(throughput.memory_after),
        }
    return record


def _row_record(row: Row, found: Figures) -> dict[str, object]:
    return {
        "model": row.title,
        "format": found.file_format or None,
        "file_mb": _known(found.file_mb),
        "backend": row.backend,
        "baseline": row.is_baseline,
        "threads": row.threads,
        "network_ms": _percentiles(found.network),
        "frame_ms": _percentiles(found.frame),
        "frame_to_network": _known(found.to_network),
        "times_quicker_than_official_graph": _known(found.to_official),
        "start_seconds": [round(seconds, 4) for seconds in found.start_seconds],
        "peak_memory_mb": _known(found.memory_mb),
        "AP": _known(found.ap),
    }


def _percentiles(values: tuple[float, float]) -> dict[str, float] | None:
    return None if math.isnan(values[0]) else {"p50": round(values[0], 4), "p95": round(values[1], 4)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 5)


def points(figures: Mapping[Row, Figures]) -> Iterator[tuple[str, float, float, bool]]:
    """Name, milliseconds of a frame, AP and whether it is a baseline, of each row."""
    for row, found in figures.items():
        threads = f"{row.threads} thread{'s' * (row.threads > 1)}"
        yield f"{_name(row, figures).rstrip('*')}, {threads}", found.frame[0], found.ap, row.is_baseline


def save_record(
    folder: Path, record: Mapping[str, object], figures: Mapping[Row, Figures], machine: Machine
) -> None:
    """Write the plot and then the record, each whole or not at all."""
    subtitle = f"{machine['cpu']}, {', '.join(machine['instructions'][-2:])}, {machine['date']}"
    with replacing(folder / "bench.svg") as temporary:
        temporary.write_text(draw_plot(list(points(figures)), subtitle), encoding="utf-8")
    with replacing(folder / "bench.json") as path:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
