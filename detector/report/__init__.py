"""The report of an evaluation: one HTML page that needs nothing else, and the same facts as JSON."""
