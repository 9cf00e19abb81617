"""Blocks of calls that take turns."""

from __future__ import annotations

from itertools import groupby

from detector.system.timing import Blocks, resident_memory_mb, time_in_blocks, time_interleaved


class Machine:
    """A clock, and calls that take so long by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called: list[str] = []

    def clock(self) -> float:
        return self.now

    def call(self, name: str, seconds: float) -> None:
        self.called.append(name)
        self.now += seconds


def test_calls_take_turns_in_blocks_and_the_first_ones_do_not_count() -> None:
    machine = Machine()
    slow_at_first = {"left": 3}

    def network() -> None:
        slow_at_first["left"] -= 1
        machine.call("network", 1.0 if slow_at_first["left"] >= 0 else 0.125)

    rows = {
        "a": {"frame": lambda: machine.call("frame", 0.125), "network": network},
        "b": {"frame": lambda: machine.call("b", 0.25)},
    }
    found = time_in_blocks(rows, rounds=4, block_seconds=1.0, clock=machine.clock)
    assert found["a"]["network"].timing.p50 == 125
    assert found["a"]["network"].timing.p95 == 125
    assert found["b"]["frame"].timing.p50 == 250
    assert found["a"]["frame"].ratio(found["b"]["frame"]) == 0.5
    assert [len(block) for block in found["b"]["frame"].seconds] == [4] * 4
    # 3 + 8 calls of 125 ms are a block, and 3 + 4 of 250 ms; the two of a row are neighbours in every round.
    blocks = [name for name, calls in groupby(machine.called) for _ in range(round(len(list(calls)) / 10))]
    assert all({"frame", "network"} & set(blocks[i : i + 3]) for i in range(0, 12, 3))
    pairs = "".join(name[0] for name in blocks).replace("b", " ").split()
    assert all(len(pair) % 2 == 0 for pair in pairs)


def test_the_order_is_drawn_anew_each_round() -> None:
    machine = Machine()
    rows = {name: {"frame": lambda name=name: machine.call(name, 1.0)} for name in "abc"}
    time_in_blocks(rows, rounds=20, block_seconds=0, clock=machine.clock)
    rounds = ["".join(machine.called[i : i + 18 : 6]) for i in range(0, len(machine.called), 18)]
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert len(set(rounds)) > 3


def test_it_ends_when_its_time_is_over_but_not_before_three_rounds() -> None:
    for seconds, expected in ((0.0, 3), (100.0, 10)):
        machine = Machine()
        rows = {"a": {"frame": lambda machine=machine: machine.call("a", 0.625)}}
        found = time_in_blocks(rows, seconds=seconds, block_seconds=8.0, clock=machine.clock)
        assert len(found["a"]["frame"].seconds) == expected


def test_a_ratio_is_that_of_rounds_not_of_the_whole() -> None:
    # The machine is three times slower in the second round, for both.
    one, other = Blocks(((1.0,), (3.0,), (1.0,))), Blocks(((2.0,), (6.0,), (2.0,)))
    assert one.ratio(other) == 0.5


def test_single_calls_take_turns() -> None:
    order: list[str] = []
    timings = time_interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3)
    assert order[-6:] == ["a", "b"] * 3
    assert set(timings) == {"a", "b"}
    assert 0 < timings["a"].p50 <= timings["a"].p95


def test_this_process_has_memory() -> None:
    memory = resident_memory_mb()
    assert memory != memory or memory > 10
