"""The parts of a page that are about the training."""

import re

import pytest

from detector.report.page import build_live_page
from detector.report.run import Evaluated, RunFacts, Series, build_plan, build_training
from tests.report.test_page import Tree

EVIL = "<script>alert('&')</script>"
EVALUATIONS = [
    Evaluated("trial, heads", None, 0.3, 0.5),
    Evaluated("step 10", 10, 0.4, 0.6),
    Evaluated("step 20", 20, 0.2, -1),
]


def parse(html):
    tree = Tree()
    tree.feed(html)
    tree.close()
    assert tree.open == []
    return tree


def facts(**changes):
    start = {
        "name": "run",
        "state": "Step 20 of 40.",
        "steps": 40,
        "losses": [Series("total", [5, 10, 20], [9.0, 3.0, 2.0])],
        "evaluations": EVALUATIONS,
    }
    return RunFacts(**{**start, **changes})


def test_curves_are_drawn_over_the_steps_of_the_whole_run():
    html = build_training(facts())
    points = re.findall(r'points="([^"]*)"', html)
    right = [float(pair.split(",")[0]) for pair in points[0].split()][-1]
    assert 200 < right < 220  # half of the way
    assert "Losses over steps, at the end total 2.00" in html
    assert "AP over steps, the best 40.0 at step 10" in html
    assert "best AP of the trials" in html
    table = parse(html).text
    assert table.index("trial, heads") < table.index("step 10") < table.index("step 20")
    assert "-1" in table


@pytest.mark.parametrize(("measure", "kept"), [("AP", 10), ("accuracy", 20)])
def test_of_equal_ones_the_mark_is_on_the_one_that_is_kept(measure, kept):
    equal = [Evaluated(f"step {step}", step, 0.4, 0.3) for step in (10, 20)]
    html = build_training(facts(evaluations=equal, measures=(measure, "the other")))
    assert f"the best 40.0 at step {kept}" in html
    assert re.findall(r"<th[^>]*>(step \d+)</th>[^/]*<b>40.0</b> best", html) == [f"step {kept}"]


def test_what_is_not_there_yet_is_said():
    assert "before the first steps" in build_training(facts(losses=[], evaluations=[]))
    assert "before the first evaluation" in build_training(facts(evaluations=[]))
    assert build_plan(facts()) == ""


@pytest.mark.parametrize("steps", [0, 1, 3, 100_000])
def test_any_number_of_steps_has_an_axis(steps):
    parse(build_training(facts(steps=steps)))
    parse(build_training(facts(steps=steps, losses=[Series("total", [0], [0.0])], evaluations=[])))


def test_the_plan_has_its_reasons():
    tree = parse(
        build_plan(facts(plan=["input size  512", f"   dataset  {EVIL}", "      (input: for & <b>)"]))
    )
    assert tree.text[-1] == "input: for & <b>"
    assert tree.text.index("input size") + 1 == tree.text.index("512")
    assert EVIL in "".join(tree.text)


def test_a_live_page_loads_nothing_but_its_script_and_obeys_no_name():
    page = build_live_page(
        facts(
            name=EVIL,
            about=EVIL,
            state=EVIL,
            news=EVIL,
            cards=[(EVIL,) * 3],
            plan=[f"a  {EVIL}", f"({EVIL})"],
            evaluations=[Evaluated(EVIL, 3, 0.1, 0.1)],
            losses=[Series(EVIL, [1, 2], [1, 2])],
            commands=[(EVIL, EVIL)],
        ),
        "watched.js",
    )
    tree = parse(page)
    assert tree.tags.count("script") == 1
    assert {each for each in tree.addresses if not each.startswith("#")} == {"watched.js", "data:,"}
