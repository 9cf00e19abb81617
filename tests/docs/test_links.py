"""Links and pictures within README.md, docs/ and the notebook lead to what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import PAGES, ROOT

NOTEBOOKS = tuple(sorted((ROOT / "docs").glob("*.ipynb")))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def text_of(page: Path) -> str:
    """A page's text; a notebook's is that of its cells of text."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(page: Path) -> set[str]:
    """What a link may name behind a `#`, as GitHub and mkdocs make it of headings."""
    headings = _HEADING.findall(re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(text_of(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, part = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not part or part in anchors(target), link


def test_the_site_has_every_page() -> None:
    content = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = set(re.findall(r"[\w/]+\.(?:md|ipynb)\b", content[content.index("\nnav:") :]))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} | {n.name for n in NOTEBOOKS} <= named
    assert yaml.safe_load(content)["theme"]["font"] is False  # nothing is loaded from other hosts
