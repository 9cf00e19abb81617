"""``ssdlite licenses``: what is installed, under which licence."""

from __future__ import annotations

import json
from pathlib import Path

import click

from detector.commands.command_line import OneValueCommand, echo
from detector.commands.option_kinds import PATH
from detector.system.files import replacing
from detector.system.terminal import counted


@click.command("licenses", cls=OneValueCommand)
@click.option("--sbom", type=PATH, help="Also write a CycloneDX file, for programs.")
def licenses_command(sbom: Path | None) -> None:
    """List all that is installed, for the base install and each extra, with its licence.

    Packages that are or carry along something under the GPL are marked.
    """
    from detector.doctor.licenses import build_sbom, find_parts

    parts = find_parts()
    if sbom is not None:
        with replacing(sbom) as temporary:
            temporary.write_text(json.dumps(build_sbom(parts), indent=2) + "\n", encoding="utf-8")
    width = max(len(f"{part.name} {part.version}") for part in parts)
    for part in parts:
        bundled = "".join(f"; carries {name} ({licence})" for name, licence in part.bundled.items())
        mark = "GPL " if part.reciprocal else ""
        echo(
            f"{mark:4}{part.name + ' ' + part.version:{width}}  {part.licence}{bundled}  "
            f"[{', '.join(part.groups)}]"
        )
    marked = [part for part in parts if part.reciprocal]
    under_gpl = (
        f"{len(marked)} with parts under the GPL, marked GPL" if marked else "none with parts under the GPL"
    )
    echo(f"\n{counted(len(parts), 'package')}; {under_gpl}.")
    if sbom is not None:
        echo(f"Wrote {sbom} (CycloneDX 1.6).")
