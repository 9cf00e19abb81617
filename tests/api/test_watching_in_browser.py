"""The page of a training in headless Chromium: while it runs, in the end, and as the report it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from detector.api.run_report import leave_report
from detector.api.watching import watch
from detector.data.readers.coco import save_coco
from detector.training.run_folder import RunFolder
from tests.chromium import SCHEMES, WIDTHS, accessibility_faults
from tests.training.small_run import SPEC, begin_run, random_weights, validation_of, write_shapes

pytestmark = pytest.mark.slow
PLAN = [
    f"   dataset  {'/a/long/way/to/the/' * 5}pictures",
    "input size  96",
    "            (input size: 96, for <b>nothing</b> is small, and a long reason takes more than a line)",
]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")


def train_until(run: RunFolder, last: int) -> None:
    """The files of a run that has come so far."""
    done = max((entry["step"] for entry in run.load_history()), default=0)
    for step in range(done + 1, last + 1):
        run.append_history({"step": step, "loss": 9.0 / step, "seconds": float(step)})
        if step % 3 == 0:
            run.append_history({"step": step, "AP": step / 10, "AP50": step / 9, "seconds": float(step)})


def finish(run: RunFolder) -> None:
    validation = validation_of(run)
    validation(random_weights(SPEC), 9)
    save_coco(validation.dataset, run.validation)
    run.update_record(finished=True)
    leave_report(run, print)


def look_at(browser: Browser, url: str, width: int, scheme: str) -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page, complaints = context.new_page(), []

    def listen(told: ConsoleMessage) -> None:
        complaints.append(told.text)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", listen)
    page.goto(url)
    return page, complaints


def test_it_follows_the_training_without_taking_anything_away_and_ends_as_the_report(
    browser: Browser, shapes: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    with watch(tmp_path / "run", said.append):
        page, complaints = look_at(browser, said[0].split()[1], 320, "light")
        page.get_by_text("Images and labels are being read.").wait_for()
        run = begin_run(tmp_path / "run", shapes)
        run.update_record(plan=PLAN)
        train_until(run, 4)
        page.get_by_text("Step 4 of 9.").wait_for()
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        page.evaluate("document.querySelector('h1').dataset.kept = 'yes'; scrollTo(0, 150)")
        train_until(run, 7)
        page.get_by_text("Step 7 of 9.").wait_for()
        assert page.get_by_role("status").inner_text() == "Step 6: AP 60.0, AP50 66.7."
        kept = "[document.activeElement.tagName, document.querySelector('details').open, scrollY]"
        assert page.evaluate(kept) == ["SUMMARY", True, 150]
        assert page.locator("polyline").count() == 3
        finish(run)
    page.get_by_text("Finished after step").wait_for()
    assert page.locator("#photograph").count() == 1
    assert page.locator("figure img").count() > 0
    assert page.evaluate(kept)[:2] == ["SUMMARY", True]
    assert complaints == []
    page.context.close()


def test_a_training_that_is_gone_is_said_to_be_gone(browser: Browser, shapes: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run = begin_run(tmp_path / "run", shapes)
    with watch(run.root, said.append):
        page, _ = look_at(browser, said[0].split()[1], 1280, "dark")
        page.get_by_text("Begun").wait_for()
        page.route("**/news*", lambda route: route.abort())
        train_until(run, 1)
        page.get_by_text("The connection to the training is lost").wait_for()
        page.unroute("**/news*")
        page.get_by_text("Step 1 of 9.").wait_for()
    page.get_by_text("Not finished: step 1 of 9.").wait_for()
    page.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_at_any_width_nothing_is_cut_off_or_hard_to_read(
    browser: Browser, shapes: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    run = begin_run(tmp_path / ("run_of_a_long_name_" * 3), shapes)
    run.update_record(plan=PLAN, objects={"cat": 2})
    run.append_history({"step": 0, "trial": "heads", "AP": 0.1, "AP50": 0.2})
    train_until(run, 7)
    said: list[str] = []
    with watch(run.root, said.append):
        live, _ = look_at(browser, said[0].split()[1], width, scheme)
        live.locator("summary").click()
        train_until(run, 9)
        finish(run)
        report, _ = look_at(browser, (run.root / "report.html").as_uri(), width, scheme)
        report.locator("summary").click()
        for page in (live, report):
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert accessibility_faults(page) == []
            page.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_of_folds_follows_the_fold_and_is_for_everybody_too(
    browser: Browser, folded: RunFolder, scheme: str
) -> None:
    folded.update_record(folded=False, finished=False)
    folded.fold(2).update_record(finished=False)
    said: list[str] = []
    with watch(folded.root, said.append):
        live, complaints = look_at(browser, said[0].split()[1], 320, scheme)
        live.get_by_text("Fold 2 of 2. Step 6 of 9.").wait_for()
        folded.fold(2).append_history({"step": 7, "loss": 1.0})
        live.get_by_text("Fold 2 of 2. Step 7 of 9.").wait_for()
        assert live.locator("#folds tbody tr").count() == 1
        folded.fold(2).update_record(finished=True)
        folded.update_record(folded=True, finished=True)
        leave_report(folded, print)
        live.get_by_text("Finished: 2 folds, then 9 steps on all images.").wait_for()
        assert live.locator("#folds tbody tr").count() == 2
        assert live.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert accessibility_faults(live) == []
        assert complaints == []
        live.context.close()
