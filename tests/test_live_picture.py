"""The README's live picture: its text is read at the width at which a README is shown."""

from pathlib import Path

import cv2

README_WIDTH = 830  # pixels, on GitHub


def test_it_is_as_wide_as_a_readme_and_not_too_heavy() -> None:
    path = Path(__file__).parents[1] / "docs/live.webp"
    frames = cv2.imreadanimation(str(path))[1].frames
    assert frames[0].shape[1] >= README_WIDTH
    assert len(frames) > 50
    assert path.stat().st_size < 1.5e6
