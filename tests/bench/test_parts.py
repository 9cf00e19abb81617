"""Rows, the fingerprint, the table and the plot."""

from __future__ import annotations

import itertools
import json
import math
import platform
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from detector.bench.fingerprint import find_instructions, take_fingerprint
from detector.bench.plot import draw_plot
from detector.bench.report import format_machine, format_rows, points, to_record
from detector.bench.rows import Figures, Row, describe_file, open_rows, plan_rows
from detector.errors import BackendError
from detector.runtime.backend import check_name

FIGURES = {
    Row("/home/someone/a.tflite", "litert", 2): Figures(
        network=(10.0, 12.0), frame=(10.5, 13.0), to_network=1.04, to_official=3.0, start_seconds=[0.6, 0.5],
        memory_mb=120.4, file_mb=17.7, file_format="tflite", ap=0.25,
    ),
    Row("/home/someone/a.tflite", "official graph", 2): Figures(frame=(31.5, 40.0), to_official=1.0),
}  # fmt: skip


def test_every_model_runs_everywhere_and_baselines_once() -> None:
    rows = list(plan_rows(dict.fromkeys("ab", ("litert", "tensorflow")), [2, 1], ["cat"], 0.3))
    assert [(row.model, row.backend, row.threads) for row in rows] == [
        ("a", "litert", 2), ("a", "litert", 1), ("a", "tensorflow", 2),
        ("b", "litert", 2), ("b", "litert", 1), ("b", "tensorflow", 2),
        ("a", "official graph", 2), ("a", "opencv dnn", 2),
    ]  # fmt: skip
    assert not any(row.is_baseline for row in plan_rows({"a": ["litert"]}, [2], None, 0.3, baselines=False))
    assert len({row.key for row in rows}) == len(rows)
    assert [row.is_baseline for row in rows] == [False] * 6 + [True] * 2


def test_models_are_called_by_what_tells_them_apart() -> None:
    models = ["/home/someone/red/model.npz", "/home/someone/blue/model.npz", "/home/someone/else.npz", "a/b"]
    rows = plan_rows(dict.fromkeys(models, ("litert",)), [2], None, 0.4, baselines=False)
    titles = [row.title for row in rows]
    assert titles == [str(Path("red/model.npz")), str(Path("blue/model.npz")), "else.npz", "b"]
    rows = plan_rows({"model.npz": ["litert"], "./model.npz": ["litert"]}, [2], None, 0.4, baselines=False)
    assert [row.title for row in rows] == ["model.npz"] * 2


def test_a_backend_that_does_not_read_a_model_is_left_out_with_a_sentence(model: Path) -> None:
    said: list[str] = []
    rows = list(plan_rows({str(model): ["litert"]}, [1], None, 0.4, baselines=False))
    rows += [replace(rows[0], backend="tensorflow", threads=threads) for threads in (1, 2)]
    assert list(open_rows(rows, said.append)) == rows[:1]
    assert len(said) == 1
    assert said[0].startswith(f"Left out: model.tflite on tensorflow: {model} is a TFLite file")
    with pytest.raises(BackendError, match="No backend is left"):
        open_rows(rows[1:], said.append)
    check_name("litert")
    with pytest.raises(BackendError, match="no backend 'tpu'; there are litert"):
        check_name("tpu")


def test_a_file_a_pair_and_a_folder_have_a_size(tmp_path: Path) -> None:
    for name, size in (
        ("a.onnx", 1),
        ("b.xml", 2),
        ("b.bin", 4),
        ("folder.xml/c/d", 8),
        ("folder.xml/e", 16),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    assert describe_file(tmp_path / "a.onnx") == ("onnx", 1e-6)
    assert describe_file(tmp_path / "b.xml") == ("xml", 6e-6)
    assert describe_file(tmp_path / "folder.xml") == ("folder", 24e-6)


def test_the_fingerprint_says_what_speed_depends_on_and_nothing_of_whose_it_is() -> None:
    machine = take_fingerprint()
    assert machine["processors_available"] >= 1
    assert machine["packages"]["numpy"]
    text = json.dumps(machine) + format_machine(machine)
    assert platform.node() not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t: avx avx2 fma avx512f avx512_vnni", ["AVX", "FMA", "AVX2", "AVX-512", "AVX-512 VNNI"]),
        ("Features\t: fp asimd asimdhp asimddp", ["NEON", "FP16", "dot product"]),
        ("Hardware\t: none", []),
    ],
)  # fmt: skip
def test_instruction_sets_by_their_names(tmp_path: Path, line: str, expected: list[str]) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\nprocessor\t: 1\n{line}\n")
    assert find_instructions(cpuinfo) == expected


def test_instruction_sets_where_there_is_no_cpuinfo(tmp_path: Path) -> None:
    assert all(name and not name.startswith("*") for name in find_instructions(tmp_path / "absent"))


def test_the_table_marks_baselines() -> None:
    head, own, baseline, *rest = format_rows(FIGURES).splitlines()
    assert own.split() == [
        "litert", "2", "10.00", "12.00", "10.50", "13.00", "1.040", "3.00x", "0.50", "120", "17.7", "25.00",
    ]  # fmt: skip
    assert baseline.split() == ["official", "graph*", "2", "31.50", "40.00", "1.00x"]
    assert len(own) == len(head)
    assert any(line.startswith("* baseline") for line in rest)


def test_the_record_has_no_folders_and_null_where_nothing_was_measured() -> None:
    record = to_record({}, {}, FIGURES, None)
    assert "someone" not in json.dumps(record, allow_nan=False)
    own, baseline = record["rows"]
    assert own["frame_ms"] == {"p50": 10.5, "p95": 13.0}
    assert (own["baseline"], baseline["baseline"]) == (False, True)
    assert baseline["AP"] is None
    assert baseline["network_ms"] is None


def test_the_plot_is_an_svg_that_names_every_row() -> None:
    for figures in (FIGURES, {row: Figures(frame=found.frame) for row, found in FIGURES.items()}):
        svg = draw_plot(list(points(figures)), "a <machine>")
        texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
        assert "a <machine>" in texts
        for row in figures:
            assert any(str(text).startswith(f"{row.backend}, 2 threads") for text in texts)
        assert any("AP 25.00" in str(text) for text in texts) == any(
            not math.isnan(found.ap) for found in figures.values()
        )


def test_numbers_of_near_points_stand_apart() -> None:
    svg = draw_plot([(f"model {k}", 10 + k / 1000, 0.3, False) for k in range(20)], "")
    plot_bottom = max(
        float(line.get("y2", 0)) for line in ElementTree.fromstring(svg).iter() if line.get("class") == "grid"
    )
    circles = [
        (float(circle.get("cx", 0)), float(circle.get("cy", 0)))
        for circle in ElementTree.fromstring(svg).iter()
        if circle.get("r") == "10"
    ]
    numbers = [place for place in circles if place[1] < plot_bottom]
    assert len(numbers) == 20
    assert min(math.dist(one, other) for one, other in itertools.combinations(numbers, 2)) >= 19.9
