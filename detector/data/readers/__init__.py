"""One reader for each kind of labels."""
