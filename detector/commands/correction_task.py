"""The pictures whose labels look wrong, written for a labelling tool as ``ssdlite label`` writes pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.commands.pictures_for_tool import refuse_names, stems_for, store_picture, tell_steps
from detector.system.files import free_folder, replacing_folder
from detector.system.terminal import counted, write_line

if TYPE_CHECKING:
    from detector.data.dataset import DatasetImage
    from detector.data.writers.proposals import Proposal, ProposedImage
    from detector.data.writers.tools import Tool

FOLDER = "to_correct"


def write_task(
    name: str,
    images: Sequence[DatasetImage],
    objects: Sequence[tuple[Proposal, ...]],
    classes: tuple[str, ...],
    output: Path,
) -> None:
    """Write pictures and objects into a new folder below the output, and say how the tool imports them.

    Args:
        name: of the tool.
        images: of a dataset.
        objects: of each image.
        classes: all names, in the order of the objects' labels.
        output: where the folder is made; with a number where there is one.

    Raises:
        DetectorError: a picture cannot be read or written, or a class has a name that the format cannot hold.
    """
    from detector.data.writers.proposals import Proposals
    from detector.data.writers.tools import TOOLS

    tool = TOOLS[name]
    refuse_names(classes, name, tool)
    target = free_folder(output / FOLDER)
    with replacing_folder(target) as folder:
        stored = _store(tool, folder, images, objects)
        tool.write(Proposals(stored, classes, "labels", target.absolute().name), folder)
    write_line(
        f"Wrote {target}: {counted(len(images), 'picture')} with their labels; what looks wrong is unsure."
    )
    tell_steps(tool, target)


def _store(
    tool: Tool, folder: Path, images: Sequence[DatasetImage], objects: Sequence[tuple[Proposal, ...]]
) -> list[ProposedImage]:
    from detector.commands.picture_names import names_below
    from detector.data.dataset import load_dataset_image, load_image_bytes
    from detector.data.writers.proposals import ProposedImage

    names = names_below([image.path if image.record is None else Path(image.name) for image in images])
    stems = stems_for(names, flat=tool.flat)
    stored = []
    for image, stem, own in zip(images, stems, objects, strict=True):
        pixels = load_dataset_image(image)
        name = store_picture(folder / tool.images, image.name, stem, load_image_bytes(image), pixels)
        stored.append(ProposedImage(name, (pixels.shape[1], pixels.shape[0]), own))
    return stored
