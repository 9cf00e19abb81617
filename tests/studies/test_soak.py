"""The short form of ``python -m studies.live soak``: what grows with every fault shows here, too."""

import numpy as np

from studies import soak as soak_module
from studies.soak import soak
from tests.video.conftest import FakeDetector, write_video


def test_faults_cost_no_memory_threads_or_files(tmp_path, monkeypatch):
    monkeypatch.setattr(soak_module, "_LOST", 60)
    monkeypatch.setattr(soak_module, "_CAMERA_RATE", 500)
    video = write_video(tmp_path / "video.mp4", 30, size_wh=(96, 64))
    image = np.full((64, 96, 3), 120, np.uint8)
    runs = soak(FakeDetector(), video, image, 300, track=False)
    assert set(runs) == {"file", "camera"}
    for samples in runs.values():
        least, most = samples.second_half("memory")
        assert most - least < 30
        for name in ("threads", "files"):
            least, most = samples.second_half(name)
            assert most - least <= 4  # a connection that ends while the next one begins
        # MB a second: some kB with so small a picture, and a hundred times more if hours that are not there
        # were recorded. How much of it is on the disk at a moment hangs on what else the machine does.
        assert samples.recorded[-1] < 0.05
