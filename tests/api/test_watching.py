"""A training looked at while it runs, without a training: its files are written here."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from detector.api.watching import watch
from detector.errors import DetectorError
from tests.training.small_run import begin_run, write_shapes
from tests.waiting import wait_until

PATIENCE = 20.0


def get(url: str, headers: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=headers or {}), timeout=PATIENCE
    ) as answer:
        return answer.read().decode(), dict(answer.headers)


def test_the_page_follows_the_files_and_ends_with_the_training(tmp_path: Path) -> None:
    said: list[str] = []
    answers: list[tuple[str, dict[str, str]]] = []
    shapes = write_shapes(tmp_path / "shapes")

    def follow() -> None:
        """As a browser does: ask for what is newer than what is known, until it is told that all is over."""
        known = ""
        while not answers or answers[-1][1]["X-Over"] != "yes":
            answers.append(get(f"{url}news?known={known}"))
            known = answers[-1][1]["X-Now"]

    def shows(words: str) -> bool:
        return any(words in page for page, _ in answers)

    with watch(tmp_path / "run", said.append):
        url = said[0].split()[1]
        assert url.startswith("http://127.0.0.1:")
        assert "are being read" in get(url)[0]
        browser = threading.Thread(target=follow)
        browser.start()
        wait_until(lambda: shows("are being read"))
        run = begin_run(tmp_path / "run", shapes)
        wait_until(lambda: shows("Begun"))
        run.append_history({"step": 3, "loss": 1.0})
        wait_until(lambda: shows("Step 3 of 9."))
        assert {headers["X-Over"] for _, headers in answers} == {"no"}
    browser.join()
    assert answers[-1][1]["X-Over"] == "yes"
    assert "Not finished: step 3 of 9." in answers[-1][0]
    with pytest.raises(urllib.error.URLError):
        get(url)
    assert "web view" not in {thread.name for thread in threading.enumerate()}


def test_it_ends_with_a_training_that_is_interrupted(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), watch(tmp_path, said.append):
        raise KeyboardInterrupt
    with pytest.raises(urllib.error.URLError):
        get(said[0].split()[1])


def test_only_this_machine_may_look(tmp_path: Path) -> None:
    said: list[str] = []
    with watch(tmp_path, said.append):
        url = said[0].split()[1]
        for path in ("", "news", "watched.js"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                get(url + path, {"Host": "evil.example"})
        _, headers = get(url)
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        for path in ("run.json", "page/app.js", "..%2frun.json", "watched.py"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(url + path)


def test_others_need_the_token(tmp_path: Path) -> None:
    said: list[str] = []
    with watch(tmp_path, said.append, host="0.0.0.0"):
        url = said[0].split()[1]
        assert "?token=" in url
        assert "can watch." in said[0]
        port = url.split(":")[2].partition("/")[0]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"http://127.0.0.1:{port}/")
        token = url.partition("?")[2]
        assert "are being read" in get(f"http://127.0.0.1:{port}/?{token}")[0]


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    with watch(tmp_path, said.append):
        port = int(said[0].split()[1].rstrip("/").rpartition(":")[2])
        with pytest.raises(DetectorError, match="taken"), watch(tmp_path, said.append, port=port):
            pass
    assert len(said) == 1
