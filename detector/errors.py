"""What can go wrong for a user, as exceptions that carry one clear sentence each.

A message says what was expected, what came and what to do. Commands print it without a traceback
and exit with code 2. Everything else that is raised is a defect of this package.
"""


class DetectorError(Exception):
    """A mistake or a missing thing that the user can act on; the base of all the others.

    Attributes:
        found: what had been found when it was raised, a line each, to be shown before it.
    """

    found: tuple[str, ...] = ()


class ImageError(DetectorError):
    """An image that is absent, not an image, or cut short."""


class DatasetError(DetectorError):
    """A dataset that is absent, incomplete or not in the format it claims."""


class WeightsError(DetectorError):
    """Weights that cannot be had, or that are not what they should be."""


class ModelError(DetectorError):
    """A model file that cannot be used, or classes that it does not have."""


class BackendError(DetectorError):
    """A runtime that is not installed or does not run here."""


class SourceError(DetectorError):
    """A camera, stream or video that gives no picture."""


class ArgumentError(DetectorError, ValueError):
    """A value that a function does not take."""
