"""The base of the closed-vocabulary detectors, and checks of options and hashes of weights for all detectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from dsrbench.backends.base import Detector
from dsrbench.backends.detectors.nouns import Vocabulary, resolve_nouns
from dsrbench.errors import OptionError
from dsrbench.video import sha256_file


@dataclasses.dataclass(kw_only=True, eq=False)
class ClosedVocabulary(Detector):
    """Base of detectors that know a fixed list of classes.

    Args:
        any_animal: Let any animal class stand for a subject that has no class (recorded with the sample).

    Attributes:
        name: Registered name, for messages.
        class_names: The classes, in the order of the network's outputs.
    """

    name: ClassVar[str]
    class_names: Sequence[str] = dataclasses.field(init=False, repr=False)

    any_animal: bool = False

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Say which liberties are taken with the labels.

        Raises:
            BackendError: No class stands for one of them.
        """
        return self.vocabulary(labels).liberties

    def vocabulary(self, labels: Sequence[str]) -> Vocabulary:
        """Return the classes that stand for the labels."""
        return resolve_nouns(labels, self.class_names, detector=self.name, any_animal=self.any_animal)


def check_share(name: str, value: float, *, above_zero: bool = False) -> float:
    """Check a number in 0..1, and return it.

    Raises:
        OptionError: It is not.
    """
    if not (0 < value <= 1 if above_zero else 0 <= value <= 1):
        raise OptionError(f"{name} must lie in 0..1, got {value}")
    return value


def check_threads(threads: int) -> int:
    """Check a number of threads, at least 1, and return it.

    Raises:
        OptionError: It is not.
    """
    if threads < 1:
        raise OptionError(f"threads must be at least 1, got {threads}")
    return threads


def hash_weights(paths: Sequence[Path]) -> dict[str, str]:
    """Map the names of files to their sha256."""
    return {path.name: sha256_file(path) for path in paths}
