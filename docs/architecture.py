"""Draws ``docs/architecture.svg`` from the imports: ``uv run --group dev docs/architecture.py``.

Rows are the floors of ``.importlinter``, boxes the rooms, with the number of their modules. An arrow goes
from a room to one that it imports, unless it reaches that one through others, too.
"""

from __future__ import annotations

from configparser import ConfigParser
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = Path(__file__).with_name("architecture.svg")
NOUNS, GROUND = "the nouns", "errors, version"
DOOR = "__main__"  # ``python -m detector``, above the floors

_WIDTH, _ROW, _BOX = 960, 92, (136, 44)
_LETTERS = "font-family='system-ui, sans-serif' text-anchor='middle'"
_COLOURS = ("#1f4e79", "#2e6ca4", "#3d7f6f", "#55803b", "#7a7a2e", "#8f6a2a", "#8a4b38", "#6b4a6b", "#555555")

Rooms = dict[str, list[str]]


def read_floors() -> list[list[str]]:
    """The rooms of each floor, the highest floor first; the modules of one floor that are no packages of
    their own are one room each time.
    """
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    lines = config["importlinter:contract:floors"]["layers"].split("\n")
    floors = [[word.strip("() ") for word in line.replace(":", "|").split("|")] for line in lines if line]
    floors = [floor for floor in floors if floor != [DOOR]]
    return [*([NOUNS] if len(floor) > 6 else floor for floor in floors[:-1]), [GROUND]]


def read_rooms(floors: list[list[str]]) -> tuple[dict[str, int], dict[str, set[str]]]:
    """How many modules each room has, and the rooms that each imports."""
    known = {room for floor in floors for room in floor}
    graph = grimp.build_graph("detector", cache_dir=None)

    def room_of(module: str) -> str:
        name = module.split(".")[1]
        return name if name in known else GROUND if name in GROUND.split(", ") else NOUNS

    modules = sorted(module for module in graph.modules if module not in ("detector", f"detector.{DOOR}"))
    sizes = dict.fromkeys(known, 0)
    imports: dict[str, set[str]] = {room: set() for room in known}
    for module in modules:
        room = room_of(module)
        sizes[room] += graph.find_children(module) == set()
        for imported in graph.find_modules_directly_imported_by(module) - {"detector"}:
            imports[room].add(room_of(imported))
        imports[room].discard(room)
    return sizes, imports


def thin(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports without those that lead to where others lead, too."""

    def reach(room: str) -> set[str]:
        return imports[room].union(*map(reach, imports[room]))

    return {room: below - set().union(*map(reach, below)) for room, below in imports.items()}


def draw() -> str:
    """The drawing, SVG."""
    floors = read_floors()
    sizes, imports = read_rooms(floors)
    width, height = _BOX
    centre = {}
    for row, floor in enumerate(floors):
        for column, room in enumerate(floor):
            centre[room] = (_WIDTH * (2 * column + 1) / (2 * len(floor)), 40 + row * _ROW)
    parts = []
    for room, below in sorted(thin(imports).items()):
        for other in sorted(below):
            (x, y), (to_x, to_y) = centre[room], centre[other]
            y, to_y = y + height / 2, to_y - height / 2 - 5
            bend = (to_y - y) * 0.5
            parts.append(
                f"<path d='M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} "
                f"{to_x:.0f} {to_y:.0f}' marker-end='url(#tip)'/>"
            )
    lines = "".join(parts)
    boxes = []
    for colour, floor in zip(_COLOURS, floors, strict=True):
        for room in floor:
            x, y = centre[room]
            boxes.append(
                f"<rect x='{x - width / 2:.0f}' y='{y - height / 2:.0f}' width='{width}' height='{height}' "
                f"rx='6' fill='{colour}'/>"
                f"<text x='{x:.0f}' y='{y - 1:.0f}' font-size='15'>{escape(room)}</text>"
                f"<text x='{x:.0f}' y='{y + 15:.0f}' font-size='11'>{_count(sizes[room])}</text>"
            )
    bottom = 80 + (len(floors) - 1) * _ROW
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {bottom}' role='img'>"
        "<title>The rooms of the package and what they import</title>"
        f"<rect width='{_WIDTH}' height='{bottom}' fill='#ffffff'/>"
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' "
        "orient='auto'><path d='M0 0L8 4L0 8z' fill='#8896a5'/></marker></defs>"
        f"<g fill='none' stroke='#8896a5' stroke-width='1.3'>{lines}</g>"
        f"<g fill='#ffffff' {_LETTERS}>{''.join(boxes)}</g></svg>\n"
    )


def _count(modules: int) -> str:
    return "1 module" if modules == 1 else f"{modules} modules"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"Wrote {PICTURE}.")
