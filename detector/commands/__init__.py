"""The ``ssdlite`` command: the one package that knows click."""
