"""What came of an export: its files, and how they compare with the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detector.errors import DetectorError
from detector.evaluation.comparison import Difference
from detector.exports.classifier_parity import ClassifierParity
from detector.exports.parity import Parity, Verdict
from detector.system.html_table import html_table


@dataclass(frozen=True)
class Comparison:
    """One way of running one model file, beside the network.

    Attributes:
        name: of the file.
        way: what is special about the way in which it was run; empty where nothing is.
        origin: where the images come from, in words.
        parity: what both answered.
        verdict: whether the file may be used.
    """

    name: str
    way: str
    origin: str
    parity: Parity | ClassifierParity
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
        None where nothing was annotated, and of a classifier.
        """
        parity = self.comparisons[0].parity
        return parity.ap if isinstance(parity, Parity) else None

    @property
    def accuracy(self) -> Difference | None:
        """The same of a classifier's accuracy; None where no picture was named, and of a detector."""
        parity = self.comparisons[0].parity
        return parity.accuracy if isinstance(parity, ClassifierParity) else None

    def __repr__(self) -> str:
        return f"<Export {self.path.name}: {self.size / 1e6:.2f} MB, {self.comparisons[0].parity.brief}>"

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.path}, {self.size / 1e6:.2f} MB, beside the network",
            ("", "images", *self.comparisons[0].parity.columns),
            (
                (
                    f"{each.name}{each.way}",
                    f"{each.parity.images} of {each.origin}",
                    *each.parity.cells(),
                )
                for each in self.comparisons
            ),
        )


class ExportError(DetectorError):
    """An export that does not answer what its network answers, and was not written.

    Attributes:
        comparisons: what was measured, the fault last.
    """

    def __init__(self, name: str, fault: str, comparisons: tuple[Comparison, ...]) -> None:
        kind = "detector" if isinstance(comparisons[-1].parity, Parity) else "classifier"
        super().__init__(f"Not written: {name} is not the same {kind}: {fault}.")
        self.comparisons = comparisons
