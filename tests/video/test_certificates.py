import shutil
import ssl

import pytest

from detector.errors import SourceError
from detector.video import certificates
from detector.video.sources import open_source
from tests.test_files import NO_SUCH  # noqa: F401
