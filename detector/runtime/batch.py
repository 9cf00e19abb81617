"""Many things at once, in order: a thread for each worker."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from detector.errors import DetectorError

Item = TypeVar("Item")
Result = TypeVar("Result")
Worker = TypeVar("Worker")


def run_batch(
    items: Iterable[Item], process: Callable[[Worker, Item], Result], workers: Sequence[Worker]
) -> Iterator[Result]:
    """What ``process`` makes of each item, in order. Only a few items are held at a time.

    Args:
        items: may be endless.
        process: called in a thread that has one of the workers to itself.
        workers: what the threads work with.

    Raises:
        DetectorError: the process was forked in between.
    """
    process_id = os.getpid()
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for each in workers:
        free.put(each)
    own = threading.local()

    def start() -> None:
        own.worker = free.get()

    def call(item: Item) -> Result:
        return process(own.worker, item)

    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(len(workers), "detect", initializer=start)
    try:
        for item in items:
            _check_process(process_id)
            pending.append(pool.submit(call, item))
            if len(pending) > 2 * len(workers):
                yield pending.popleft().result()
        while pending:
            _check_process(process_id)
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_process(process_id: int) -> None:
    if os.getpid() != process_id:
        raise DetectorError("The batch was begun before the process was forked; begin one in the child.")
