"""Options that there are not, and those that do not go together, in all functions of the public face."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from detector import Detector, compare, evaluate, export, train


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(evaluate, ()), (compare, ("a.json", "b.json")), (train, ("photos",)), (export, ())],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_option_that_there_is_not_is_a_type_error_before_anything_is_done(
    function, arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) .* 'stesp'"):
        function(*arguments, stesp=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected a folder"),
        ({"resume": "run", "steps": 3}, "leave out output and options"),
        ({"resume": "run", "output": "other"}, "leave out output and options"),
    ],
)
def test_training_says_what_it_expects_without_speaking_of_a_command(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        train(**arguments)
    assert "--" not in str(caught.value)


def test_what_no_image_has_is_not_a_number_in_the_table(released_weights: Path) -> None:
    comparison = compare("ssdlite_mobilenet_v2_coco", "ssdlite_mobilenet_v2_coco", rounds=20)
    table = comparison._repr_html_()
    assert "no such object" in table
    assert "nan" not in table + repr(comparison)


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", True])
def test_numbers_that_are_none_are_refused_by_name(number: object) -> None:
    for function, arguments, name in (
        (evaluate, (), "limit"),
        (compare, ("a.json", "b.json"), "rounds"),
        (train, ("photos",), "steps"),
    ):
        with pytest.raises(ValueError, match=f"Expected {name} to be a whole number from 1 on"):
            function(*arguments, **{name: number})


def test_threads_evaluate_without_taking_one_anothers_output(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = Detector.load(model, score_threshold=None)

    def work(number: int) -> float:
        ap = evaluate(model=detector, limit=2).ap
        print(f"thread {number}")
        return ap

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(work, range(9)))) == 1
    assert sorted(capsys.readouterr().out.splitlines()) == [f"thread {number}" for number in range(9)]
