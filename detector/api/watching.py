"""A training looked at while it runs: its page in the browser, made from the files of the run alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from detector.api.inputs import Say
from detector.api.run_page import render_page
from detector.report.page import HTML
from detector.training.cluster import is_chief
from detector.training.run_folder import RunFolder


@contextmanager
def watch(folder: Path, say: Say, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[None]:
    """A block in which browsers can look at what is trained into a folder; in the end they keep the report.

    The training knows nothing of it: the page is made from what is in the folder, while somebody looks.

    Args:
        folder: of the run; it need not be there yet. Of several workers the first shows it.
        say: is told where the page is.
        host: where to listen; anything but loopback makes the page ask for a token.
        port: 0 for any free one.

    Raises:
        DetectorError: the port is taken, or the address is not this machine's.
    """
    from detector.video.web.watched import SCRIPT, WatchedPage  # aiohttp takes long to import

    if not is_chief():
        yield
        return
    run = RunFolder(folder)
    page = WatchedPage(
        lambda running: render_page(run, SCRIPT, running=running),
        lambda: page_version(run),
        host=host,
        port=port,
    )
    with closing(page):
        say(f"{page.invitation} It shows the training until that ends.")
        yield


def page_version(run: RunFolder) -> Hashable:
    """Something that is another one when what the page of a run tells may be."""
    versions, folds = [], sorted(run.root.glob("folds/*"))
    parts = (path for each in (run, *map(RunFolder, folds)) for path in (each.record, each.history))
    for path in (*parts, run.fold_numbers, run.root / HTML):
        try:
            facts = path.stat()
            versions.append((facts.st_mtime_ns, facts.st_size))
        except OSError:
            versions.append((0, 0))
    return tuple(versions)
