"""That the study runs and prints its figures; the figures are for people."""

import re

import pytest

from detector.commands.cli import main
from studies.auto_size import study


@pytest.mark.slow
@pytest.mark.usefixtures("released_weights")
def test_figures(capsys):
    main(["--seconds", "2", "--busy", "1"], command=study)
    printed = capsys.readouterr().out
    assert re.search(r"^Input size [\d,]+.* 15 frames a second: ", printed)
    rows = re.findall(r"^\| ([01]) \| [\d,]+: .* \| [\d.]+ \| \d+ ms \| \d+ ms \|$", printed, re.MULTILINE)
    assert rows == ["0", "1", "0"]
