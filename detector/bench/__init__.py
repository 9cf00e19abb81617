"""Speed: ``ssdlite bench``."""
