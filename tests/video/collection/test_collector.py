import threading

import pytest

from detector.errors import DetectorError
from detector.video.collection import collector
from detector.video.collection.collector import Collector
from detector.video.collection.kept_folder import KeptFolder
from detector.video.pipeline import LivePipeline
from detector.video.settings import LiveSettings
from tests.video.collection.frames import live_frame, other_scene
from tests.video.conftest import FakeDetector, FakeSource
from tests.waiting import wait_until

UNSURE = ("person", 0.4, (10.0, 10.0, 60.0, 100.0))


class SlowFolder(KeptFolder):
    """A folder on a disk that writes nothing until it is let."""

    def __init__(self, path):
        super().__init__(path, most=500, most_bytes=10**9)
        self.may_write = threading.Event()

    def keep(self, live, reason):
        self.may_write.wait()
        return super().keep(live, reason)


def frames(number):
    return [live_frame(n, UNSURE, image=other_scene(n), period=1) for n in range(number)]


def start(folder, *, live, settings=None):
    said = []
    return Collector(folder, settings or LiveSettings(0.4), live=live, tell=said.append), said


def test_a_camera_is_never_kept_waiting_and_what_is_lost_is_counted(tmp_path):
    folder = SlowFolder(tmp_path)
    collecting, _ = start(folder, live=True)
    for live in frames(20):
        collecting.add(live)  # would hang here
    folder.may_write.set()
    collecting.close()
    kept = len(list(tmp_path.glob("*.jpg")))
    assert kept in (collector._WAITING, collector._WAITING + 1)
    assert f"Collected: {kept} pictures ({kept} unsure)" in collecting.summary()
    assert f"{20 - kept} lost because the disk is too slow" in collecting.summary()


def test_of_a_file_nothing_is_lost(tmp_path):
    folder = SlowFolder(tmp_path)
    collecting, _ = start(folder, live=False)
    adding = threading.Thread(target=lambda: [collecting.add(live) for live in frames(20)])
    adding.start()
    folder.may_write.set()
    adding.join()
    collecting.close()
    assert len(list(tmp_path.glob("*.jpg"))) == 20
    assert "Not kept" not in collecting.summary()


@pytest.mark.parametrize("live", [False, True])
def test_a_picture_that_cannot_be_written_ends_the_run(tmp_path, live):
    collecting, _ = start(KeptFolder(tmp_path / "kept", most=5, most_bytes=10**9), live=live)
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("a file in its place")

    def add_all():
        for number in range(2000):
            collecting.add(live_frame(number, UNSURE, image=other_scene(number), period=1))
        collecting.close()

    with pytest.raises(DetectorError, match="Cannot write"):
        add_all()
    collecting.close()


def test_a_folder_that_is_full_is_said_once(tmp_path):
    collecting, said = start(KeptFolder(tmp_path, most=2, most_bytes=10**9), live=False)
    for live in frames(6):
        collecting.add(live)
    collecting.close()
    assert said == [f"{tmp_path} is full; no more pictures are kept."]
    assert "2 of 2 now" in collecting.summary()
    assert "4 because the folder is full" in collecting.summary()


def test_what_became_of_a_frame_called_wrong(tmp_path):
    settings = LiveSettings(0.4)
    collecting, _ = start(KeptFolder(tmp_path, most=1, most_bytes=10**9), live=True, settings=settings)
    for image, answer in ((0, "kept as wrong, 1 picture"), (0, "kept already"), (1, "the folder is full")):
        settings.marked = ""
        settings.mark(live_frame(0, image=other_scene(image)))
        wait_until(lambda answer=answer: answer in settings.marked)
    collecting.close()
    assert settings.mark is None
    assert "1 called wrong" in collecting.summary()


def test_privacy_is_said_before_the_first_frame(tmp_path):
    collecting, _ = start(KeptFolder(tmp_path, most=30, most_bytes=10**7), live=True)
    assert "whoever is in view" in collecting.note
    assert str(tmp_path) in collecting.note
    assert "30 and 10 MB" in collecting.note
    collecting.close()


@pytest.mark.parametrize("collecting", [False, True])
def test_the_pipeline_gives_what_is_weak_to_those_who_collect(collecting):
    settings = LiveSettings(0.4)
    settings.mark = (lambda live: None) if collecting else None
    with LivePipeline(FakeSource(200, live=False), FakeDetector(), settings=settings) as pipeline:
        given = list(pipeline)
    for live in given:
        score = live.frame.number / 255
        assert len(live.detections) == (score >= 0.4)
        if collecting:
            assert len(live.weak) == (score < 0.4)  # the fake finds whatever it is asked for
        else:
            assert live.weak is None


def test_with_tracks_nothing_is_both_shown_and_weak():
    pytest.importorskip("trackers")
    from detector.video.tracking import Tracker

    settings = LiveSettings(0.4)
    settings.mark = lambda live: None
    source = FakeSource(200, live=False)
    with LivePipeline(source, FakeDetector(), settings=settings, tracker=Tracker()) as pipeline:
        given = list(pipeline)
    assert all(len(live.detections) + len(live.weak) == 1 for live in given)
    assert {len(live.weak) for live in given} == {0, 1}
