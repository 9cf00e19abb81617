"""What mkdocs has to know of files outside docs/: README.md is the first page of the site, and so on."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(
    r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)|(!\[[^\]]*\])\((?!\w+:)([^)\s]+)\)"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of docs/, and the pages that are made of files of the project's folder."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page whose links lead to pages of the site; what is not in the site is named without a link."""
    folder = posixpath.dirname(SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}"))

    def place(link: str) -> str:
        source = posixpath.normpath(posixpath.join(folder, link))
        return PAGES.get(source, source.removeprefix("docs/"))

    def lead(match: re.Match[str]) -> str:
        text, link, part, picture, image = match.groups()
        if picture:
            return f"{picture}({place(image)})"
        target = files.get_file_from_path(place(link))
        in_site = target is not None and target.inclusion.is_included()
        return f"[{text}]({place(link)}{part or ''})" if in_site else text

    return _LINK.sub(lead, markdown)
