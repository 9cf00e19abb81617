"""A file on a server as one that is read from anywhere in it: only the bytes that are wanted are fetched."""

from __future__ import annotations

import io
import os
import re
from http.client import HTTPException

from detector.system.address import shown_address
from detector.system.download import DownloadError, open_url

_TRIES = 5  # without a byte
_BLOCK = 1 << 20


class NoPartsError(DownloadError):
    """The server gives whole files alone."""


def open_remote(url: str, *, block: int = _BLOCK) -> io.BufferedReader:
    """The file at an address, open for reading; so many bytes are fetched at once.

    Raises:
        NoPartsError: the server knows no parts of files.
        DownloadError: as ``download`` does; also later, by whatever reads.
    """
    return io.BufferedReader(_RemoteFile(url), block)


class _RemoteFile(io.RawIOBase):
    """Each read is a request of its own, with the header Range (RFC 9110, section 14)."""

    def __init__(self, url: str) -> None:
        self._url, self._position = url, 0
        self._shown = shown_address(url)
        self._size: int | None = None
        self._size = self._fetch(0, memoryview(bytearray(1)))[1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size or 0}[whence]
        if start + offset < 0:
            raise ValueError(f"there is no position {start + offset} in a file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = memoryview(buffer)[: max(0, (self._size or 0) - self._position)]
        done = tries = 0
        while done < len(wanted):
            count, _ = self._fetch(self._position + done, wanted[done:])
            done += count
            tries = 0 if count else tries + 1
            if tries == _TRIES:
                raise DownloadError(f"The connection to {self._shown} broke off; run the command again.")
        self._position += done
        return done

    def readall(self) -> bytes:
        rest = bytearray(max(0, (self._size or 0) - self._position))
        self.readinto(memoryview(rest))
        return bytes(rest)

    def _fetch(self, start: int, wanted: memoryview) -> tuple[int, int]:
        """Fill the buffer from a position on; how many bytes came, and the size of the file."""
        last = start + len(wanted) - 1
        with open_url(self._url, {"Range": f"bytes={start}-{last}"}) as response:
            if response.status != 206:
                raise NoPartsError(f"{self._shown} cannot be fetched in parts.")
            said = response.headers.get("Content-Range") or ""
            match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", said)
            if match is None or (int(match[1]), int(match[2])) != (start, last):
                raise DownloadError(f"{self._shown} answers with other bytes than it was asked for.")
            if self._size not in (None, int(match[3])):
                raise DownloadError(f"{self._shown} has changed meanwhile; run the command again.")
            return _read_into(response, wanted), int(match[3])


def _read_into(response: io.BufferedIOBase, wanted: memoryview) -> int:
    """How many bytes came before the buffer was full or the connection broke."""
    done = 0
    try:
        while done < len(wanted) and (count := response.readinto(wanted[done:])):
            done += count
    except (HTTPException, OSError):
        pass
    return done
