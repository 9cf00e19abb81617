"""``ssdlite doctor``: what works on this machine."""

from __future__ import annotations

import click

from detector.commands.command_line import OneValueCommand, echo


@click.command("doctor", cls=OneValueCommand)
def doctor_command() -> None:
    """Show what works on this machine, what does not, and what to do about it.

    Looks at Python, packages, OpenCV, processor, screen, cameras, cache, weights and disk, and tries out the
    backends that are installed. Exits with 0 when everything that the base install promises works and with
    2 when something of it does not; extras, GPU, screen and cameras may be absent.
    """
    from detector.doctor.examination import examine

    examine(echo)
