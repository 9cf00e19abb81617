"""Training on your own data."""
