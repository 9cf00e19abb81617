"""What came of an export: its files, and how they compare with the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.evaluation.comparison import Difference
from detector.exports.parity import Parity, Verdict
from detector.system.html_table import html_table


@dataclass(frozen=True)
class Comparison:
    """One way of running one model file, beside the network.

    Attributes:
        name: of the file.
        way: what is special about the way in which it was run; empty where nothing is.
        origin: where the images come from, in words.
        parity: what both found.
        verdict: whether the file may be used.
    """

    name: str
    way: str
    origin: str
    parity: Parity
    verdict: Verdict


@dataclass(frozen=True, repr=False)
class Export:
    """What ``export`` wrote, and what the gate measured of it.

    Attributes:
        path: the file or the folder.
        files: all files that were written.
        size: theirs, in bytes.
        comparisons: of each model file with the network, in each of the ways in which it is run.
    """

    path: Path
    files: tuple[Path, ...]
    size: int
    comparisons: tuple[Comparison, ...]

    @property
    def ap(self) -> Difference | None:
        """AP of the network and of the first model file, and the difference, in [0, 1] with 95 % intervals;
        None where nothing was annotated.
        """
        return self.comparisons[0].parity.ap

    def __repr__(self) -> str:
        parity = self.comparisons[0].parity
        ap = "" if parity.ap is None else f"AP {_points(parity.ap)}, "
        megabytes = f"{self.size / 1e6:.2f} MB"
        return f"<Export {self.path.name}: {megabytes}, {ap}{_found(parity)} detections found again>"

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.path}, {self.size / 1e6:.2f} MB, beside the network",
            ("", "images", "AP, 95 % interval", "found again", "others"),
            (
                (
                    f"{each.name}{each.way}",
                    f"{each.parity.images} of {each.origin}",
                    "" if each.parity.ap is None else _points(each.parity.ap),
                    _found(each.parity),
                    str(each.parity.added),
                )
                for each in self.comparisons
            ),
        )


class ExportError(DetectorError):
    """An export that is not the same detector as its network, and was not written.

    Attributes:
        comparisons: what was measured, the fault last.
    """

    def __init__(self, name: str, fault: str, comparisons: tuple[Comparison, ...]) -> None:
        super().__init__(f"Not written: {name} is not the same detector: {fault}.")
        self.comparisons = comparisons


def _points(ap: Difference) -> str:
    """AP before and after, in points."""
    first, second, gap = (100 * side.value for side in (ap.first, ap.second, ap.difference))
    low, high = 100 * ap.difference.low, 100 * ap.difference.high
    interval = f", {low:+.2f} to {high:+.2f}" if low == low else ""
    return f"{first:.2f} -> {second:.2f} ({gap:+.2f}{interval})"


def _found(parity: Parity) -> str:
    return f"{parity.found_again} of {parity.detections}"
