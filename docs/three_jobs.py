"""The three jobs in fifteen lines: ``python docs/three_jobs.py PHOTOS OUTPUT``; PHOTOS has labels."""

import sys

from detector import Detector, evaluate, export, load_dataset, train

photos, output = sys.argv[1:]
print("released weights on the sample:", evaluate())

once = {"training.evaluate_every": 10}
run = train(photos, steps=10, settings=once, output=f"{output}/run", say=print)
validation = load_dataset(run.folder / "validation.json")
print("after ten steps:", evaluate(validation, model=run.folder))

exported = export(run.folder, "tflite", output=f"{output}/mine.tflite")
print("exported:", exported)
detections = Detector.load(exported.path, score_threshold=None).detect(validation.images[0].path)
print(detections)
