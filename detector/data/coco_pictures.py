"""Pictures of a COCO dataset, fetched one by one, a few at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice

from tqdm import tqdm

from detector.data.dataset import DatasetImage
from detector.errors import ImageError
from detector.image_header import read_header
from detector.images import MOST_BYTES
from detector.system.download import DownloadError, read_url
from detector.system.files import replacing
from detector.system.progress import bars_hidden
from detector.system.reading import read_whole

_AT_ONCE = 8
_ROUNDS = 3  # in which those are tried again that failed
_MOST_IN_A_ROW = 3 * _AT_ONCE  # that fail: then it is the network
_MOST_PICTURE = 1 << 24  # bytes; COCO's largest has one million
_SHOWN = 5


def fetch_pictures(images: Sequence[DatasetImage], address: str, *, say: Callable[[str], None]) -> None:
    """Fetch what is not there, or is not a whole picture of its size, from ``address``/NAME.

    Raises:
        DownloadError: pictures cannot be fetched, or are not what the annotations say, after several tries.
        DetectorError: the disk is full or the folder cannot be written to.
    """
    missing = [image for image in images if not _is_here(image)]
    if not missing:
        return
    count = len(missing)
    say(f"Fetching {count:,} of {len(images):,} images into {missing[0].path.parent}.")
    reason: Exception | None = None
    with tqdm(total=count, desc="fetching", unit="image", disable=bars_hidden()) as bar:
        for _ in range(_ROUNDS):
            in_a_row, done = 0, set()
            with closing(_fetch(missing, address)) as fetched:
                for image, error in fetched:
                    if error is None:
                        in_a_row = 0
                        done.add(image.id)
                        bar.update()
                        continue
                    in_a_row, reason = in_a_row + 1, error
                    if in_a_row == _MOST_IN_A_ROW:
                        break
            missing = [image for image in missing if image.id not in done]
            if not missing or in_a_row == _MOST_IN_A_ROW:
                break
    if missing:
        names = ", ".join(image.name for image in missing[:_SHOWN])
        raise DownloadError(
            f"{len(missing):,} of {count:,} images could not be fetched ({names}"
            f"{', ...' * (len(missing) > _SHOWN)}): {str(reason).rstrip('.')}. Run the command again to "
            "fetch these alone."
        )


def _fetch(
    images: Sequence[DatasetImage], address: str
) -> Generator[tuple[DatasetImage, Exception | None], None, None]:
    """Each image when it is written, or why it is not.

    The threads only fetch: files are written by the one thread that Ctrl-C stops, and are whole or gone.
    """
    waiting = iter(images)
    running: dict[Future[bytes], DatasetImage] = {}
    pool = ThreadPoolExecutor(_AT_ONCE, "fetch")
    try:
        while True:
            for image in islice(waiting, 2 * _AT_ONCE - len(running)):
                url = f"{address}/{image.name}"
                running[pool.submit(read_url, url, most_bytes=_MOST_PICTURE)] = image
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                image = running.pop(future)
                try:
                    content = future.result()
                    _check(image, content, f"{address}/{image.name}")
                except (DownloadError, ImageError) as error:
                    yield image, error
                    continue
                with replacing(image.path) as temporary:
                    temporary.write_bytes(content)
                yield image, None
    finally:
        pool.shutdown(cancel_futures=True)


def _is_here(image: DatasetImage) -> bool:
    try:
        _check(image, read_whole(image.path, MOST_BYTES, ImageError), image.name)
    except ImageError:
        return False
    return True


def _check(image: DatasetImage, content: bytes, name: str) -> None:
    """Raise ImageError unless this is a whole picture of the size that the annotations say, turned or not."""
    header = read_header(content, name)
    if header.is_cut_short:
        raise ImageError(f"{name} is cut short.")
    if image.size_wh is not None and sorted((header.width, header.height)) != sorted(image.size_wh):
        width, height = image.size_wh
        raise ImageError(
            f"{name} has {header.width}x{header.height} pixels and should have {width}x{height}."
        )
