"""Live detection: sources, the pipeline, and what shows and records it."""
