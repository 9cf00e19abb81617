"""An option that several commands have is the same in all of them, or says why not."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from detector.commands.cli import cli

# Options that share a name with those of other commands and are something else.
OWN = {
    "output": "each command writes something of its own",
    "score_threshold": "the default is a part of what it means, and differs with the purpose",
    "bench classes": "has no room for the note on quotes",
    "bench dataset": "what it adds is a column and a plot",
    "bench images": "a number, not a folder",
    "bench input_size": "several times, each with rows of its own",
    "bench rounds": "rounds of timing, not resamplings",
    "bench threads": "several numbers, each with rows of its own",
    "classify input_size": "one: a classifier looks once",
    "classify model": "a classifier, and another default",
    "demo input_size": "may be auto as well",
    "data check input_size": "sizes are counted for it; nothing is built",
    "data check tool": "writes what --with-model has found, and need not be given",
    "data coco split": "COCO's own splits alone",
    "train input_size": "becomes that of the network that is trained; may be auto",
    "data coco limit": "a part that is like the whole, not the first images",
    "data coco clean": "decides what is fetched",
    "data example server": "another server",
    "export input_size": "is written into the file",
    "export classes": "cuts the others out of the file",
    "export dataset": "decides whether the export is kept",
    "train train": "joined by commas, as the config says it",
    "train port": "any free one: several trainings may be watched at the same time",
    "train val": "the default is the config's",
}


def _options(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Option]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _options(command, (*path, name))
        else:
            own = [each for each in command.params if isinstance(each, click.Option)]
            yield from ((" ".join((*path, name)), option) for option in own)


ALL = list(_options(cli))
SHARED = sorted({str(option.name) for _, option in ALL} - set(OWN))


def _looks(option: click.Option) -> tuple[object, ...]:
    kind = option.type.to_info_dict()
    return (kind, option.opts, option.help, option.default, option.metavar, option.multiple, option.is_flag)


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_option_is_the_same_everywhere(name: str) -> None:
    common = [
        (command, _looks(option))
        for command, option in ALL
        if option.name == name and f"{command} {name}" not in OWN
    ]
    assert all(looks == common[0][1] for _, looks in common), [command for command, _ in common]


@pytest.mark.parametrize("name", OWN)
def test_no_reason_is_given_for_what_is_the_same(name: str) -> None:
    command, _, option_name = name.rpartition(" ")
    looks = [(each, _looks(option)) for each, option in ALL if option.name == option_name]
    own = [look for each, look in looks if each == command or not command]
    others = [look for each, look in looks if each != command]
    assert own
    assert any(look != own[0] for look in others)
