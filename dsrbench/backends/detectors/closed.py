"""What the closed-vocabulary detectors have in common: their nouns, their options' ranges, their record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsrbench.backends.detectors.nouns import Vocabulary, resolve_nouns
from dsrbench.errors import OptionError
from dsrbench.video import sha256_file


class ClosedVocabulary:
    """Base of detectors that know a fixed list of classes.

    Attributes:
        name: The registered name, for messages.
        extra: The extra of dsrbench that installs what it needs.
        class_names: The classes, in the order of the network's outputs.
        any_animal: Whether any animal class may stand for a subject without a class.
        fingerprint: Hashes of the weights and versions of the libraries, for the record.
    """

    name: str
    extra: str
    class_names: Sequence[str]
    any_animal: bool
    fingerprint: dict[str, Any]

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Say which liberties are taken with the labels.

        Raises:
            BackendError: No class stands for one of them.
        """
        return self.vocabulary(labels).liberties

    def vocabulary(self, labels: Sequence[str]) -> Vocabulary:
        """The classes that stand for the labels."""
        return resolve_nouns(labels, self.class_names, detector=self.name, any_animal=self.any_animal)


def check_share(name: str, value: float, *, above_zero: bool = False) -> float:
    """A number in 0..1.

    Raises:
        OptionError: It is not.
    """
    if not (0 < value <= 1 if above_zero else 0 <= value <= 1):
        raise OptionError(f"{name} must lie in 0..1, got {value}")
    return value


def check_threads(threads: int) -> int:
    """A number of threads, at least 1.

    Raises:
        OptionError: It is not.
    """
    if threads < 1:
        raise OptionError(f"threads must be at least 1, got {threads}")
    return threads


def hash_weights(paths: Sequence[Path]) -> dict[str, str]:
    """File name to sha256."""
    return {path.name: sha256_file(path) for path in paths}
