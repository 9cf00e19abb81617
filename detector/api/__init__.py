"""What the commands do, as functions: ``detector`` has their names."""
