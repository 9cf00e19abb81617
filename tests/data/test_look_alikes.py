import cv2
import numpy as np
import pytest

from detector.data.duplicates import look_at
from detector.data.look_alikes import join_look_alikes, looking_like
from detector.data.sample import SAMPLE_FOLDER
from detector.images import load_image

PHOTOS = [load_image(path) for path in sorted(SAMPLE_FOLDER.glob("*.jpg"))]


def versions(photo):
    """A photograph, the same brighter, smaller, and with something white in a corner."""
    spotted = photo.copy()
    spotted[: photo.shape[0] // 3, : photo.shape[1] // 3] = 255
    return [photo, cv2.convertScaleAbs(photo, beta=10), cv2.resize(photo, None, fx=0.7, fy=0.7), spotted]


def test_one_looks_like_those_that_it_is_joined_with():
    facts = [look_at(np.asarray(each)) for photo in PHOTOS for each in versions(photo)]
    hashes = np.array([each.difference_hash for each in facts], np.uint64)
    thumbnails = np.stack([each.thumbnail for each in facts])
    alike_pairs = 0
    for one in range(len(facts)):
        found = looking_like((facts[one].difference_hash, facts[one].thumbnail), hashes, thumbnails)
        assert found[one]
        for other in range(len(facts)):
            pair = [one, other]
            joined = join_look_alikes(hashes[pair], thumbnails[pair], np.arange(2))
            assert found[other] == (joined[0] == joined[1])
            alike_pairs += found[other] and one != other
    assert 0 < alike_pairs < len(facts) * (len(facts) - 1)


@pytest.mark.parametrize(("most_grey", "alike"), [(24, True), (3, False)])
def test_fewer_levels_tell_a_small_object_apart(most_grey, alike):
    scene = cv2.resize(PHOTOS[0], (320, 240))
    spotted = scene.copy()
    spotted[100:106, 200:206] = 255 - spotted[100:106, 200:206]
    first, second = look_at(np.asarray(scene)), look_at(np.asarray(spotted))
    found = looking_like(
        (second.difference_hash, second.thumbnail),
        np.array([first.difference_hash], np.uint64),
        first.thumbnail[None],
        most_grey,
    )
    assert found.tolist() == [alike]
