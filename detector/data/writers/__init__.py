"""One writer for each kind of labels that a model proposes and a tool corrects."""
