"""Model files: what is in them, and how each format is written and read."""
