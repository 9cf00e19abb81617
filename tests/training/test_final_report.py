"""What a run says at its end."""

import json
from pathlib import Path

import click
import pytest

from detector.commands.cli import cli
from detector.training import final_report
from detector.training.run_folder import RunFolder
from detector.training.run_record import CLASSIFIER


@pytest.mark.parametrize("kind", ["detector", CLASSIFIER])
def test_what_it_says_to_type_next_can_be_typed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed: list[list[str]] = []
    monkeypatch.setattr(final_report, "command", lambda *words: typed.append([str(word) for word in words]))
    run = RunFolder(tmp_path)
    run.record.write_text(json.dumps({"kind": kind}))
    final_report.next_commands(run)
    assert len(typed) >= 2
    for verb, *arguments in typed:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        command.make_context(verb, arguments)
