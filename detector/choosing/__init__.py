"""Which pictures are most worth labelling: those that the model is unsure of, and unlike each other."""
