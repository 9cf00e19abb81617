import threading

from detector.video.channel import Channel, ChannelClosedError


def drain(channel):
    taken = []
    while True:
        try:
            taken.append(channel.take(timeout=5))
        except ChannelClosedError:
            return taken


def test_the_newest_item_replaces_those_before_it():
    channel = Channel(newest_only=True)
    assert all(channel.put(item) for item in range(5))
    assert channel.take() == 4
    assert channel.take(timeout=0.01) is None


def test_every_item_arrives_in_order_and_put_waits_for_room():
    channel = Channel(newest_only=False, capacity=2)
    most_waiting = []

    def produce():
        for item in range(100):
            assert channel.put(item)
            most_waiting.append(len(channel._items))
        channel.finish()

    thread = threading.Thread(target=produce)
    thread.start()
    assert drain(channel) == list(range(100))
    thread.join()
    assert max(most_waiting) <= 2


def test_what_waits_can_be_taken_after_the_end_but_not_after_abandoning():
    for end, left in (("finish", [1]), ("abandon", [])):
        channel = Channel(newest_only=False, capacity=2)
        channel.put(1)
        getattr(channel, end)()
        assert not channel.put(2)
        assert drain(channel) == left


def test_abandoning_frees_a_producer_that_waits():
    channel = Channel(newest_only=False, capacity=1)
    channel.put(1)
    result = []
    thread = threading.Thread(target=lambda: result.append(channel.put(2)))
    thread.start()
    channel.abandon()
    thread.join(timeout=5)
    assert result == [False]
