"""Makes docs/receptive_fields.svg, the drawing of docs/sizes.md: ``uv run docs/receptive_fields.py``.

For two input sizes the first cells of the second feature map: where their anchors are centred, and where the
cells look, as ``detector.any_size`` computes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detector.any_size import centre_offsets, receptive_fields, resize_spec
from detector.architecture import build_architecture
from detector.spec import ModelSpec

MAP, CELLS = 1, 5
SCALE, LEFT, ROW = 4.2, 70, 108  # pixels of the drawing for one of the input, and its margins
SIZES = (300, 512)
STYLE = (
    "text{font:13px sans-serif;fill:#444}.axis{stroke:#999}.anchor{stroke:#2a7de1;stroke-width:2}"
    ".look{fill:#e8590c}.shift{stroke:#e8590c;stroke-width:1.5}.strong{font-weight:600}"
    "@media (prefers-color-scheme: dark){text{fill:#ccc}}"
)


def draw_row(side: int, own: ModelSpec, top: int) -> list[str]:
    """The cells at one input size, as SVG."""
    spec = resize_spec(own, (side, side))
    architecture = build_architecture(spec)
    name = architecture.feature_maps[MAP]
    stride, first = receptive_fields(architecture, name)
    cells = architecture[name].out_hw[1]
    offset, learned = centre_offsets(spec)[MAP, 1], centre_offsets(own)[MAP, 1]
    y = top + 46
    lines = [
        f'<text class="strong" x="{LEFT}" y="{top + 14}">{side} x {side}: cells look {offset:.1f} pixels '
        f"beyond their anchors in the mean; learned are {learned:.1f}, so boxes move by "
        f"{offset - learned:g}</text>",
        f'<line class="axis" x1="{LEFT}" y1="{y}" x2="{LEFT + SCALE * stride * CELLS}" y2="{y}"/>',
    ]
    for cell in range(CELLS):
        anchor = LEFT + SCALE * (cell + 0.5) * side / cells
        look = LEFT + SCALE * (stride * cell + first[1])
        lines += [
            f'<line class="anchor" x1="{anchor:.1f}" y1="{y - 16}" x2="{anchor:.1f}" y2="{y + 16}"/>',
            f'<line class="shift" x1="{anchor:.1f}" y1="{y}" x2="{look:.1f}" y2="{y}"/>',
            f'<circle class="look" cx="{look:.1f}" cy="{y}" r="5"/>',
        ]
    for pixels in range(0, stride * CELLS + 1, 32):
        lines.append(f'<text x="{LEFT + SCALE * pixels - 6:.0f}" y="{y + 36}">{pixels}</text>')
    return lines


def main() -> None:
    own = ModelSpec("released", ("object",))
    height = ROW * len(SIZES) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {height}" width="800">',
        f"<style>{STYLE}</style>",
    ]
    for number, side in enumerate(SIZES):
        lines += draw_row(side, own, 8 + ROW * number)
    y = height - 18
    lines += [
        f'<line class="anchor" x1="{LEFT}" y1="{y - 12}" x2="{LEFT}" y2="{y + 8}"/>',
        f'<text x="{LEFT + 10}" y="{y + 3}">centre of an anchor</text>',
        f'<circle class="look" cx="{LEFT + 170}" cy="{y - 2}" r="5"/>',
        f'<text x="{LEFT + 182}" y="{y + 3}">where the cell looks; the second feature map, in pixels</text>',
        "</svg>",
    ]
    Path(__file__).with_name("receptive_fields.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(np.round(centre_offsets(own)[:, 0], 1))


if __name__ == "__main__":
    main()
