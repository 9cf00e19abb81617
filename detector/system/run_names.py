"""Names of the files in the folder of a training run."""

RUN_WEIGHTS = "model.npz"  # the best weights in the folder of a training run
