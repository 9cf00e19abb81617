"""The folder that the documentation's commands run in, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.workplace import add_models, build_workplace


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, released_weights: Path) -> Path:
    """What the placeholders of the documentation name; copy it before something is written."""
    root = build_workplace(tmp_path_factory.mktemp("workplace"), released_weights)
    add_models(root)
    return root
