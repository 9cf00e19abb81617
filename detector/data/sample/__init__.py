"""Four annotated photographs that come with the package, to show that everything works."""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
