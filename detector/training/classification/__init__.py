"""Training a classifier: what differs from a detector, and nothing else."""
