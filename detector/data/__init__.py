"""Datasets: read in place, in the formats in which people have them."""
