"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.file_server import CONTENT, FileServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of this machine that has /file.bin."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        server.files["/file.bin"] = CONTENT
        yield server
