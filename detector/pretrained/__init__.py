"""Released weights: fetched, verified, read from their archives, cached."""
