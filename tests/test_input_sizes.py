import pytest

from detector.errors import ArgumentError
from detector.input_sizes import accurate_sizes, describe_size, describe_sizes, read_size, read_sizes


@pytest.mark.parametrize(
    ("written", "sizes"),
    [
        (300, [(300, 300)]),
        ("300", [(300, 300)]),
        (" 512 ", [(512, 512)]),
        ("384x512", [(384, 512)]),
        ("384X512", [(384, 512)]),
        ("32x4096", [(32, 4096)]),
        ("512,300", [(300, 300), (512, 512)]),
        ("300, 384x512", [(300, 300), (384, 512)]),
        ([512, "300"], [(300, 300), (512, 512)]),
        ([640, 300, 448], [(300, 300), (448, 448), (640, 640)]),
    ],
)
def test_a_size_is_written_as_people_write_it(written, sizes):
    found = read_sizes(written)
    assert list(found) == sizes
    assert read_sizes(describe_sizes(found)) == found


@pytest.mark.parametrize(
    "nonsense",
    [
        *("", "0", 0, -300, "-300", 31, "31", 5000, "5000", "300x", "x300", "300x31", "300x300x3"),
        *("big", "3e2", "300 x 300", "\u0663\u0660\u0660", "9" * 40, "300;512", "4096x4096", "auto"),
        *("300,", ",", "300,300", [], [300, 300], [[300]], (300, 512), list(range(32, 320, 32))),
        *(300.0, float("nan"), True, None, b"300"),
    ],
)
def test_what_is_no_size_is_refused_in_a_sentence(nonsense):
    with pytest.raises(ArgumentError, match=r"^Expected ") as refused:
        read_sizes(nonsense)
    assert "\n" not in str(refused.value)


def test_two_numbers_that_may_be_a_size_or_two_are_not_guessed():
    with pytest.raises(ArgumentError, match=r'write "384x512" for height and width, or \[384, 512\]'):
        read_sizes((384, 512))


@pytest.mark.parametrize("own", [(300, 300), (320, 320), (512, 512), (288, 512), (64, 64)])
def test_the_accurate_sizes_are_the_own_one_and_a_larger_one_of_its_shape(own):
    first, second = accurate_sizes(own)
    assert first == own
    assert all(side % 32 == 0 for side in second)
    for small, large in zip(own, second, strict=True):
        assert 1.4 < large / small < 2
    assert read_size(describe_size(second)) == second
