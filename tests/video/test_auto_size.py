"""The size that keeps a frame rate, on machines whose speed is a number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from detector.input_sizes import describe_sizes, read_sizes
from detector.video.auto_size import SizeControl, Sizes, choose_sizes, pixels, size_candidates
from tests.video.conftest import Clock

OWN = ((300, 300),)
CANDIDATES = size_candidates((300, 300))
NAMES = ["224", "256", "300", "300,384", "300,448", "300,512", "300,576", "300,640"]
PATIENT = 6.0  # seconds, more than the first patience


class Machine:
    """Takes so many seconds for a million pixels, and some for every frame."""

    def __init__(self, clock: Clock, seconds: float, always: float = 0.0) -> None:
        self.clock, self.seconds, self.always = clock, seconds, always
        self.measured: list[Sizes] = []

    def frame(self, sizes: Sizes) -> float:
        took = self.always + self.seconds * pixels(sizes) / 1e6
        self.clock.now += took
        return took

    def time_of(self, sizes: Sizes) -> float:
        self.measured.append(sizes)
        return self.frame(sizes)


def named(name: str) -> Sizes:
    return read_sizes(name)


def test_candidates_are_the_models_own_size_smaller_squares_and_larger_ones_beside_it() -> None:
    assert list(map(describe_sizes, CANDIDATES)) == NAMES
    others = list(map(describe_sizes, size_candidates((448, 512))))
    assert others == ["224", "256", "384", "448", "448x512", "448x512,512", "448x512,576", "448x512,640"]
    assert list(map(describe_sizes, size_candidates((96, 96))))[:2] == ["96", "96,224"]
    assert list(map(describe_sizes, size_candidates((1024, 1024))))[-2:] == ["640", "1024"]
    assert list(map(pixels, CANDIDATES)) == sorted(map(pixels, CANDIDATES))


@pytest.mark.parametrize(
    ("seconds", "fps", "expected"),
    [
        (0.01, 15, "300,640"),
        (0.1, 15, "300,640"),
        (0.12, 15, "300,512"),
        (0.15, 15, "300,448"),
        (0.15, 30, "300"),
        (0.2, 15, "300,384"),
        (0.5, 15, "300"),
        (0.7, 15, "256"),
        (0.9, 15, "224"),
        (9.0, 15, "224"),
        (2.0, 1, "300,512"),
    ],
)
@pytest.mark.parametrize("always", [0.0, 0.002])
def test_the_largest_that_leaves_a_quarter_of_the_time(
    seconds: float, fps: float, expected: str, always: float
) -> None:
    machine = Machine(Clock(), seconds, always)
    choice = choose_sizes(CANDIDATES, OWN, machine.time_of, fps, clock=machine.clock)
    fits = [each for each in CANDIDATES if always + seconds * pixels(each) / 1e6 <= 0.75 / fps]
    assert choice.sizes == (fits[-1] if fits else CANDIDATES[0])
    if not always:
        assert describe_sizes(choice.sizes) == expected
    assert choice.seconds == pytest.approx(always + seconds * pixels(choice.sizes) / 1e6, rel=0.01)
    assert len(machine.measured) == len(set(machine.measured)) <= 5


def test_no_more_is_measured_after_a_second() -> None:
    machine = Machine(Clock(), 20.0)  # 300 takes 1.8 s
    choice = choose_sizes(CANDIDATES, OWN, machine.time_of, 15, clock=machine.clock)
    assert machine.measured == [OWN]
    assert choice.sizes == named("224")
    assert choice.seconds == pytest.approx(20 * 0.224**2)
    assert not choice.measured

    def time_of(sizes: Sizes) -> float:  # quick frames of networks that are slow to load
        machine.clock.now += 0.6
        return 0.001

    assert choose_sizes(CANDIDATES, OWN, time_of, 15, clock=machine.clock).sizes == CANDIDATES[-1]
    machine.clock.now = 0

    def slow_to_load(sizes: Sizes) -> float:
        machine.clock.now += 2
        return 0.001

    assert choose_sizes(CANDIDATES, OWN, slow_to_load, 15, clock=machine.clock).sizes == OWN
    machine.clock.now = 0

    def slow_first_frames(sizes: Sizes) -> float:  # a little too slow; 256 should do
        machine.clock.now += 2
        return 0.06

    choice = choose_sizes(CANDIDATES, OWN, slow_first_frames, 15, clock=machine.clock)
    assert choice.sizes == named("256")
    assert "about " in str(choice)


@pytest.mark.parametrize(
    ("seconds", "fps", "said"),
    [
        (0.1, 15, "300,640 for 15 frames a second: 50 ms a frame of 67"),
        (1.0, 15, "224 for 15 frames a second: 50 ms a frame of 67"),
        (3.0, 15, "224, and no size is quick enough for 15 frames a second: 151 ms a frame of 67"),
    ],
)
def test_it_says_what_it_took_and_why(seconds: float, fps: float, said: str) -> None:
    machine = Machine(Clock(), seconds)
    assert str(choose_sizes(CANDIDATES, OWN, machine.time_of, fps, clock=machine.clock)) == said


class Run:
    """Frames of a machine, with the sizes that the control wants."""

    def __init__(self, machine: Machine, sizes: Sizes, fps: float = 15) -> None:
        self.machine, self.sizes = machine, sizes
        self.control = SizeControl(CANDIDATES, fps, clock=machine.clock)
        self.said: list[str] = []
        self.period = 1 / fps

    def go_on(self, seconds: float, frame: Callable[[], float] | None = None) -> list[str]:
        """What was changed to."""
        changes = []
        end = self.machine.clock.now + seconds
        while self.machine.clock.now < end:
            took = frame() if frame else self.machine.frame(self.sizes)
            self.machine.clock.now += max(0.0, self.period - took)
            if change := self.control.add(self.sizes, took):
                self.sizes, why = change
                self.said.append(why)
                changes.append(describe_sizes(self.sizes))
        return changes


def test_it_lowers_the_size_when_frames_get_late_and_says_so() -> None:
    run = Run(Machine(Clock(), 0.12), named("300,512"))
    assert run.go_on(60) == []
    run.machine.seconds = 0.2  # something else runs as well
    assert run.go_on(4) == ["300,384"]
    assert run.said == ["300,384 now: 300,512 takes 70 ms a frame, and 15 frames a second leave 67"]
    assert run.go_on(60) == []


def test_it_takes_a_larger_one_when_there_is_room_for_long() -> None:
    run = Run(Machine(Clock(), 0.09), named("300"))
    assert run.go_on(4) == []
    assert run.go_on(PATIENT) == ["300,576"]  # 300,640 would take .045 s of .067: more than it rises to
    assert run.said == ["300,576 now: 300 takes 8 ms a frame of 67"]
    assert run.go_on(600) == []


def test_it_is_back_soon_when_the_machine_is_its_own_again() -> None:
    run = Run(Machine(Clock(), 0.12), named("300"))
    run.machine.seconds = 1.2
    assert run.go_on(30) == ["224"]
    run.machine.seconds = 0.08
    assert run.go_on(PATIENT) == ["300,640"]


def test_late_frames_now_and_then_are_no_reason() -> None:
    run = Run(Machine(Clock(), 0.12), named("300,512"))
    frames = 0

    def frame() -> float:
        nonlocal frames
        frames += 1
        return 0.2 if frames % 4 == 0 else 0.04

    assert run.go_on(120, frame) == []


def test_the_first_frames_of_a_size_are_no_reason() -> None:
    run = Run(Machine(Clock(), 0.12), named("300,512"))
    for _ in range(2):
        assert run.control.add(run.sizes, 5.0) is None
    assert run.go_on(60) == []


@pytest.mark.parametrize("seconds", [0.02 * 1.25**step for step in range(25)])
def test_it_settles_whatever_the_machine(seconds: float) -> None:
    run = Run(Machine(Clock(), seconds, always=0.004), OWN)
    run.go_on(60)
    assert run.go_on(600) == []
    took = 0.004 + seconds * pixels(run.sizes) / 1e6
    assert took <= 1 / 15 or run.sizes == CANDIDATES[0]
    larger = [each for each in CANDIDATES if pixels(each) > pixels(run.sizes)]
    assert not larger or 0.004 + seconds * pixels(larger[0]) / 1e6 > 0.5 / 15


def test_a_machine_that_cannot_decide_is_asked_less_and_less() -> None:
    clock = Clock()
    run = Run(Machine(clock, 0.1), named("300,576"))

    def frame() -> float:  # as if something came with every larger size
        took = 0.08 if pixels(run.sizes) > pixels(named("300,448")) else 0.01
        clock.now += took
        return took

    run.go_on(1800, frame)
    assert 5 < len(run.said) < 30


def test_nothing_is_lower_than_the_smallest() -> None:
    run = Run(Machine(Clock(), 50.0), named("224"))
    assert run.go_on(60) == []


def test_sizes_that_are_no_candidates_give_way_to_one() -> None:
    control = SizeControl(CANDIDATES, 15, clock=Clock())
    changes = [control.add(named("640"), 0.1) for _ in range(12)]
    assert changes[:-1] == [None] * 11
    assert changes[-1] is not None
    assert changes[-1][0] == OWN
