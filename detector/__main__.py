"""``python -m detector``: the ``ssdlite`` command, where that is not on the path."""

from detector.commands.entry import main

if __name__ == "__main__":
    main()
