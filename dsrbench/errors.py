"""Every error dsrbench raises on purpose, and the exit code its commands end with.

::

    DSRBenchError                     1   anything below; `except DSRBenchError` catches them all
     +- InputError (ValueError)       3   a value, file or line that is not what was asked for
     |   +- PromptError               3   text or a suite the grammar cannot read
     |   +- OptionError               3   an option a backend does not have, or a bad value for it
     |   +- BoxError                  3   boxes of a wrong shape, NaN inside a box, negative size
     +- VideoError                    4   a video that is absent, damaged, empty, or no video
     +- BackendError                  5   a detector, tracker or generator that cannot be used
     |   +- UnknownBackendError       5   no backend of that name
     |   +- MissingExtraError         5   its optional packages are not installed (also an ImportError)
     |   +- UnsupportedVersionError   5   a package is installed in a version outside the declared range
     |   +- WeightsError              5   weights absent, altered, or of another model
     +- StoreError                    6   a run folder that cannot be read or written, disk full
     |   +- RunLockedError            6   another process works on this run folder
     |   +- RunMismatchError          6   the folder holds a run with other settings
     +- DownloadError                 7   no network, or an answer that is not the file asked for
     +- HubError                      7   a repository on the Hub that is not there, or may not be read or written
     +- IncompleteError               8   the run ended, some samples failed
     +- TrainingError                 9   a training whose loss is no number any more

Usage errors of the command line end with 2 (click), an interrupt with 130.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DSRBenchError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(DSRBenchError, ValueError):
    """A value, file or line that is not what was asked for."""

    exit_code = 3


class PromptError(InputError):
    """Text or a suite the prompt grammar cannot read."""


class OptionError(InputError):
    """An option the backend does not have, or a bad value for one it has."""


class BoxError(InputError):
    """Boxes of a wrong shape, with NaN inside, or of negative size."""


class VideoError(DSRBenchError):
    """A video that is absent, damaged, empty, or no video at all."""

    exit_code = 4


class BackendError(DSRBenchError):
    """A detector, tracker or generator that cannot be used."""

    exit_code = 5


class UnknownBackendError(BackendError):
    """No backend has that name."""


class MissingExtraError(BackendError, ImportError):
    """Optional packages are not installed; the message gives the pip command."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}. Install it with: pip install 'dsrbench[{extra}]' "
            f'(from a clone: pip install ".[{extra}]")'
        )
        self.extra = extra


class UnsupportedVersionError(BackendError):
    """A package is installed in a version outside the declared range; the message gives the pip command."""


class WeightsError(BackendError):
    """Weights that are absent, altered, or of another model."""


class StoreError(DSRBenchError):
    """A run folder that cannot be read or written."""

    exit_code = 6


class RunLockedError(StoreError):
    """Another process works on this run folder."""


class RunMismatchError(StoreError):
    """The folder holds a run made with other settings."""


class DownloadError(DSRBenchError):
    """No network, or an answer that is not the file asked for."""

    exit_code = 7


class HubError(DSRBenchError):
    """A repository on the Hub that is not there, or for which a token or a permission is missing."""

    exit_code = 7


class IncompleteError(DSRBenchError):
    """The work ended, but some samples failed."""

    exit_code = 8


class TrainingError(DSRBenchError):
    """A training that cannot go on; its last good checkpoint is kept."""

    exit_code = 9


def first_line(error: BaseException) -> str:
    r"""Return the first line of another package's error; its type where it has no message.

    >>> first_line(ValueError("no such thing\nand much more")), first_line(MemoryError())
    ('no such thing', 'MemoryError')
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def last_line(error: BaseException) -> str:
    r"""Return the last line of another package's error, where a traceback has its message; its type without one.

    >>> last_line(ValueError("the server failed:\nTraceback\nTimeoutError: after 30 s\n"))
    'TimeoutError: after 30 s'
    """
    return next(reversed(str(error).strip().splitlines()), type(error).__name__)


def near_matches(name: str, names: Iterable[str]) -> str:
    """Say which known names resemble `name`, as the end of an error message.

    Args:
        name: The name that is not known.
        names: The known names; of more than 20 the first 20 are listed.

    >>> near_matches("nanodt", ["nanodet", "picodet"])
    "; did you mean 'nanodet'? Known: nanodet, picodet"
    """
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=2)
    hint = f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else "."
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"{hint} Known: {', '.join(names[:20]) or 'none'}{more}"
