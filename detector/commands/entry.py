"""Where the ``ssdlite`` program begins: Ctrl-C ends it without a traceback while it still imports, too."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line and exit; see ``detector.commands.cli.main``."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # a parent may have it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from detector.commands.cli import main as run

    signal.signal(signal.SIGINT, handler)
    run()
