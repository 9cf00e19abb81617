"""How many labels that are wrong on purpose are found: ``python -m studies.wrong_labels FOLDER --work DIR``.

Faults are put into a copy of the dataset, three folds are trained on it as by ``ssdlite data check
--with-model``, and what the check ranks first is compared with the faults. With ``--cleanlab PYTHON``, a
Python that has cleanlab, the same detections and labels are ranked by its scores, too. Finds that are no
planted fault count as wrong, though datasets have faults of their own: the page of the finds is written into
DIR, to be looked at.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from detector.boxes import intersection_over_union, xywh_to_xyxy
from detector.checks.wrong_labels import Suspect, find_suspects, shortlist
from detector.commands.cli import main
from detector.commands.command_line import echo
from detector.evaluation.matching import Scene, build_scenes
from detector.report.wrong_labels import write_page
from detector.system.terminal import ignore
from detector.training.division import Division
from detector.training.run_folder import RunFolder
from detector.training.unseen import is_trained, plan_unseen, train_unseen
from detector.training.unseen_results import Unseen, read_unseen
from studies.planted_faults import Fault, plant_faults

_TOP = 20
_SAME_OBJECT = 0.5  # IoU of a forgotten object with what is found in its place
_KINDS = ("forgotten", "badly placed", "swapped")
Find = tuple[int, tuple[float, ...]]  # number of the scene, and the box that is meant


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--work", type=click.Path(path_type=Path), required=True, help="Folder; trained folds in it stay."
)
@click.option("--share", default=0.05, show_default=True, help="Of the objects, that get a fault of a kind.")
@click.option("--seed", default=0, show_default=True, help="Which objects.")
@click.option("--cleanlab", type=click.Path(path_type=Path), help="A Python that has cleanlab.")
def study(folder: Path, work: Path, share: float, seed: int, cleanlab: Path | None) -> None:
    """Plant faults, train, look for them; precision and recall among the first of each kind."""
    dataset, record = work / "dataset", work / "faults.json"
    if not record.exists():
        planted = plant_faults(folder, dataset, share, seed)
        record.write_text(json.dumps([asdict(fault) for fault in planted]))
    faults = [Fault(**each) for each in json.loads(record.read_text())]
    unseen = _judge(dataset, RunFolder(work / "run"))
    scenes = build_scenes(unseen.dataset, unseen.detections)
    suspects = find_suspects(scenes)
    about = (f"{share:.0%} of the objects have planted faults of each kind, by seed {seed}.", suspects)
    shown = shortlist(suspects, _TOP)
    write_page(work / "wrong_labels.html", folder.name, about, scenes, shown, unseen.dataset.categories)
    rankings = {"this check": _ranked(scenes, suspects)}
    if cleanlab is not None:
        rankings |= _ranked_by_cleanlab(scenes, cleanlab, work)
    echo(f"{folder.name}, seed {seed}\n\n| ranked by | kind | planted | found in as many | found in {_TOP} |")
    echo("|---|---|---|---|---|")
    for name, ranking in rankings.items():
        for kind in _KINDS:
            wanted = [fault for fault in faults if fault.kind == kind]
            if wanted and kind in ranking:
                right = _hits(ranking[kind][: max(_TOP, len(wanted))], wanted, scenes)
                few, many = int(right[: len(wanted)].sum()), int(right[:_TOP].sum())
                echo(f"| {name} | {kind} | {len(wanted)} | {few} | {many} |")


def _judge(dataset: Path, run: RunFolder) -> Unseen:
    plan = plan_unseen(dataset, Division(folds=3))
    if not is_trained(run, plan):
        echo(f"Training three folds: about {plan.minutes:.0f} minutes.")
        train_unseen(plan, run, echo, ignore)
    return read_unseen(run.root, plan.whole)


def _ranked(scenes: Sequence[Scene], suspects: Sequence[Suspect]) -> dict[str, list[Find]]:
    ranking: dict[str, list[Find]] = {kind: [] for kind in _KINDS}
    for each in suspects:
        scene = scenes[each.scene]
        box = scene.boxes_xywh[each.detection] if each.label is None else scene.objects_xywh[each.label]
        ranking.setdefault(each.kind, []).append((each.scene, tuple(box.tolist())))
    return ranking


def _ranked_by_cleanlab(
    scenes: Sequence[Scene], python: Path, work: Path
) -> dict[str, dict[str, list[Find]]]:
    """The same by cleanlab's scores, with its own thresholds and with lower ones."""
    classes = sorted({int(id_) for scene in scenes for id_ in (*scene.object_classes, *scene.classes)})
    place = {id_: number for number, id_ in enumerate(classes)}
    content = [
        {
            "label_boxes": xywh_to_xyxy(scene.objects_xywh).tolist(),
            "label_classes": [place[id_] for id_ in scene.object_classes.tolist()],
            "found": np.column_stack([xywh_to_xyxy(scene.boxes_xywh), scene.scores]).tolist(),
            "found_classes": [place[id_] for id_ in scene.classes.tolist()],
        }
        for scene in scenes
    ]
    given, scored = work / "for_cleanlab.json", work / "cleanlab.json"
    given.write_text(json.dumps({"classes": len(classes), "scenes": content}))
    script = Path(__file__).with_name("cleanlab_scores.py")
    subprocess.run([python, script, given, scored], check=True)
    scores = json.loads(scored.read_text())
    found: dict[str, dict[str, list[Find]]] = {}
    for name, ends in (("cleanlab", dict.fromkeys(_KINDS, "")), ("cleanlab, lower thresholds", _LOWER)):
        found[name] = {
            kind: _lowest(scores[f"{kind}{ends[kind]}"], _box_of(kind, scenes, scores["order"]))
            for kind in _KINDS
        }
    return found


_LOWER = {"forgotten": " .5", "badly placed": " .2", "swapped": " .5"}


def _box_of(
    kind: str, scenes: Sequence[Scene], order: Sequence[Sequence[int]]
) -> Callable[[int, int], Sequence[float]]:
    """The box that a score of cleanlab is of: those of forgotten ones are of detections, ordered by class."""
    if kind == "forgotten":
        return lambda scene, index: scenes[scene].boxes_xywh[order[scene][index]].tolist()
    return lambda scene, index: scenes[scene].objects_xywh[index].tolist()


def _lowest(
    scores: Sequence[Sequence[float | None]], box_of: Callable[[int, int], Sequence[float]]
) -> list[Find]:
    listed = [
        (score, scene, index)
        for scene, own in enumerate(scores)
        for index, score in enumerate(own)
        if score is not None
    ]
    return [(scene, tuple(box_of(scene, index))) for _, scene, index in sorted(listed)]


def _hits(ranking: Sequence[Find], faults: Sequence[Fault], scenes: Sequence[Scene]) -> np.ndarray:
    """Which finds (N,) are of a planted fault; each fault is found once."""
    by_image: dict[str, list[Fault]] = {}
    for fault in faults:
        by_image.setdefault(fault.image, []).append(fault)
    right = np.zeros(len(ranking), bool)
    for number, (scene, box) in enumerate(ranking):
        left = by_image.get(scenes[scene].image.name, [])
        if not left:
            continue
        boxes = xywh_to_xyxy(np.array([box, *(fault.bbox for fault in left)], np.float32))
        overlaps = intersection_over_union(boxes[:1], boxes[1:])[0]
        least = _SAME_OBJECT if left[0].kind == "forgotten" else 0.99
        if overlaps.max() >= least:
            right[number] = True
            del left[int(overlaps.argmax())]
    return right


if __name__ == "__main__":
    main(prog_name="python -m studies.wrong_labels", command=study)
