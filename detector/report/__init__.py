"""Reports of an evaluation and of a training: one HTML page, and its facts as JSON."""
