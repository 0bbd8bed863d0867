"""How a dataset is written, and what its curation came to."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Form:
    """How a dataset is written.

    Attributes:
        inside: Whether tables hold the videos; otherwise they are files beside the tables.
        shard_bytes: Largest number of bytes of video in a shard.
        name: Name of the dataset in its card.
        licence: Identifier of a license, as the Hub has them.
    """

    inside: bool = True
    shard_bytes: float = 256e6
    name: str = "dataset"
    licence: str = "unknown"


@dataclasses.dataclass(frozen=True)
class Curation:
    """The result of a curation.

    Attributes:
        n_samples: Number of samples of all runs.
        rows: Number of rows, by split.
        dropped: Number of samples that are no rows, by reason.
    """

    n_samples: int
    rows: dict[str, int]
    dropped: dict[str, int]
