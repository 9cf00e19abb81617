"""``ssdlite label --choose``: which of the pictures are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detector.commands.option_kinds import PATH
from detector.commands.options import joined
from detector.errors import DetectorError
from detector.labels import listing
from detector.system.reading import parsing
from detector.system.terminal import counted, write_line

if TYPE_CHECKING:
    from detector.choosing.choice import Chosen
    from detector.choosing.labelled import LabelledPictures
    from detector.choosing.looks import Look, Looker
    from detector.data.dataset import DatasetImage
    from detector.data.folder import LabelledFolder
    from detector.runtime import Detector

choice_options = joined(
    click.option(
        "--choose",
        "count",
        type=click.IntRange(1),
        metavar="N",
        help="Label only the N pictures that are most worth it: the model is unsure of them, and they are "
        "unlike each other and what is labelled already.",
    ),
    click.option(
        "--labelled",
        type=PATH,
        metavar="FOLDER",
        help="With --choose: what is labelled already.  [default: what the run of --model was trained on]",
    ),
)


@dataclass(frozen=True)
class ChoiceOptions:
    """How many pictures are chosen, or None for all; and what is labelled already."""

    count: int | None
    labelled: Path | None

    def check(self) -> None:
        """Raise UsageError where one is of no use without the other."""
        if self.count is None and self.labelled is not None:
            raise click.UsageError("--labelled says what --choose N need not choose; give --choose, too.")


def choose_pictures(
    sources: Sequence[Path | str], detector: Detector, model: str, options: ChoiceOptions, failures: list[str]
) -> list[Path | str]:
    """The pictures most worth labelling, in the order of the sources; says which, and why.

    Args:
        sources: all pictures, files and addresses.
        detector: looks at them.
        model: what the user has called it.
        options: with a count.
        failures: takes a sentence for each picture that cannot be read.

    Raises:
        DetectorError: the folder that is given is no dataset; or all pictures are labelled already.
    """
    from detector.choosing.choice import choose
    from detector.choosing.labelled import LabelledPictures
    from detector.choosing.looks import Looker
    from detector.commands.picture_names import names_below

    assert options.count is not None
    images, origin = _find_labelled(options.labelled, model)
    looker = Looker(detector)
    if looker.other_hw is None:
        write_line(f"{model} has one input size alone, so looks at another one play no part in the choice.")
    known = LabelledPictures.look_at(images, looker)
    for failure in known.failures:
        write_line(f"Labelled already, and cannot be read: {failure}", to_errors=True)
    named = dict(zip(names_below(sources), sources, strict=True))
    pictures = _Pictures.look_at(named, looker, known, failures)
    if not pictures.looks and not pictures.known:
        return []
    if not pictures.looks:
        raise DetectorError(f"All pictures are labelled already, in {origin}.")
    _tell_numbers(len(pictures.looks), options.count, len(images), origin, pictures.known)
    names = list(pictures.looks)
    chosen = choose(list(pictures.looks.values()), known.descriptions, options.count)
    _tell_reasons(chosen, names, looker)
    taken = {names[each.position] for each in chosen}
    return [source for name, source in named.items() if name in taken]


@dataclass
class _Pictures:
    """Looks at those that may be chosen, by name and in that order; and how many are labelled already."""

    looks: dict[str, Look]
    known: int = 0

    @classmethod
    def look_at(
        cls,
        sources: dict[str, Path | str],
        looker: Looker,
        labelled: LabelledPictures,
        failures: list[str],
    ) -> _Pictures:
        from tqdm import tqdm

        from detector.commands.detect_sources import read_picture

        pictures = cls({})
        bar = tqdm(sorted(sources), desc="choosing", unit="image", disable=None, leave=False)
        for name in bar:
            try:
                _, image = read_picture(sources[name], name)
                if image in labelled:
                    pictures.known += 1
                else:
                    pictures.looks[name] = looker.look(image)
            except DetectorError as error:
                failures.append(str(error))
            except MemoryError:
                failures.append(f"{name} is too large for this machine's memory.")
        return pictures


def _find_labelled(folder: Path | None, model: str) -> tuple[Sequence[DatasetImage], str]:
    """The pictures that are labelled already, and where they are, in words; none where nothing says so."""
    from detector.data.folder import load_labelled_folder
    from detector.data.named_pictures import refuse_named_pictures
    from detector.training.run_folder import RunFolder
    from detector.training.run_record import data_of

    if folder is not None:
        labelled = load_labelled_folder(folder)
        refuse_named_pictures(labelled.train, "--labelled")
        return _all_images(labelled), str(folder)
    run = RunFolder(Path(model))
    if not run.record.is_file():
        write_line(f"{model} does not say what it was trained on; --labelled FOLDER does.")
        return (), ""
    with parsing(f"{run.record} is damaged; name what is labelled already with --labelled FOLDER"):
        sources = data_of(run.load_record())
    images: dict[tuple[str, int], DatasetImage] = {}
    for dataset, train, val in sources:
        try:
            found = load_labelled_folder(Path(dataset), train=train, val=val)
        except DetectorError as error:
            write_line(
                f"{dataset}, which {model} was trained on, cannot be read, so that nothing of it counts as "
                f"labelled already, unless --labelled FOLDER says what: {error}"
            )
            continue
        images |= {(dataset, image.id): image for image in _all_images(found)}
    read = listing(list(dict.fromkeys(dataset for dataset, _ in images)), len(sources))
    return list(images.values()), f"{read}, which {model} was trained on"


def _all_images(folder: LabelledFolder) -> list[DatasetImage]:
    parts = (folder.train, folder.val, folder.test)
    return list({image.id: image for part in parts if part is not None for image in part.images}.values())


def _tell_numbers(there: int, wanted: int, labelled: int, origin: str, known: int) -> None:
    """Say among how many pictures is chosen, and how many are labelled already."""
    line = f"Choosing {wanted:,} of {counted(there, 'picture')}"
    if there <= wanted:
        line = f"All are taken, for there are {counted(there, 'picture')} to choose {wanted:,} from"
    if labelled:
        line += f"; labelled already: {counted(labelled, 'picture')}, in {origin}"
        line += f", among them {known:,} of those given here" if known else ""
    write_line(f"{line}.")


def _tell_reasons(chosen: Sequence[Chosen], names: Sequence[str], looker: Looker) -> None:
    """Say which pictures are chosen, in the order of the choice, and why."""
    from detector.choosing.choice import MIRROR, SIZE, UNLIKE, UNSURE
    from detector.input_sizes import describe_size

    other = "" if looker.other_hw is None else describe_size(looker.other_hw)
    words = {
        UNSURE: "unsure",
        MIRROR: "other objects in its mirror image",
        SIZE: f"other objects at input size {other}",
        UNLIKE: "unlike the others",
    }
    for number, each in enumerate(chosen, start=1):
        why = ", ".join(words[reason] for reason in each.reasons)
        write_line(f"{number:5}  {names[each.position]}: {why}")
