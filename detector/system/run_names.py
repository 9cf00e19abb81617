"""Names of files in the folder of a training run that are looked for without training itself."""

RUN_WEIGHTS = "model.npz"  # the best weights
RUN_RECORD = "run.json"  # what was trained on
RUN_VALIDATION = "validation.json"  # the validation images and their objects, as COCO JSON
