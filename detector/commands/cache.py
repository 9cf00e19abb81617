"""``ssdlite cache``: the models that were made ready to run, and how much room they take."""

from __future__ import annotations

import time

import click

from detector.commands.command_line import OneValueCommand, echo


@click.command("cache", cls=OneValueCommand)
@click.option("--clear", is_flag=True, help="Remove them; each is made anew when it is needed.")
def cache_command(clear: bool) -> None:
    """List the models that were made ready to run and are kept, or remove them.

    Each set of weights, classes and input size has one. When one is made and all take more than 1 GB, those
    that were not used for longest go. The released weights stay: see `ssdlite weights`.
    """
    from detector.system.cache import cache_folder
    from detector.system.conversions import MOST_KEPT, list_conversions, remove_conversion
    from detector.system.terminal import counted

    found = list_conversions()
    total = f"{counted(len(found), 'model')}, {sum(each.size for each in found) / 1e6:.0f} MB"
    if clear:
        for each in found:
            remove_conversion(each.path)
        echo(f"Removed {total} from {cache_folder()}.")
        return
    for each in found:
        used = time.strftime("%Y-%m-%d", time.localtime(each.used))
        echo(f"{each.size / 1e6:8.1f} MB  used {used}  {each.path.name}")
    echo(f"{total} of at most {MOST_KEPT / 1e6:,.0f} MB, in {cache_folder()}")
