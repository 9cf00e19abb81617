"""Viewers of a stream, for measuring what they cost: `python viewers.py URL COUNT`.

They read until standard input ends. A line is printed once each of them has got its first picture, and one
with the pictures that each has got at the end. On its own the file needs nothing but Python, so that it
starts quickly.
"""

from __future__ import annotations

import sys
import threading
import urllib.request


def _watch(url: str, started: threading.Barrier, pictures: list[int], index: int) -> None:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as stream:
            while line := stream.readline():
                name, _, value = line.partition(b": ")
                if name == b"Content-Length":
                    stream.readline()
                    stream.read(int(value))
                    pictures[index] += 1
                    if pictures[index] == 1:
                        started.wait()
    finally:
        started.abort()  # so that nobody waits for a viewer that is gone


def main() -> None:
    url, count = sys.argv[1], int(sys.argv[2])
    started = threading.Barrier(count + 1)
    pictures = [0] * count
    for index in range(count):
        threading.Thread(target=_watch, args=(url, started, pictures, index), daemon=True).start()
    started.wait()
    print("watching", flush=True)
    sys.stdin.read()
    print(*pictures, flush=True)


if __name__ == "__main__":
    main()
