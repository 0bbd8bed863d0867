"""The manifest of a run, `run.json`: all that makes its figures comparable with those of other runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dsrbench.records import from_json, to_json
from dsrbench.types import FrameCounts

SCHEMA = 1

SCALED = "scaled"
"""Frame counts in JSON where the published ones are scaled to the length of each clip."""


def describe_counts(counts: FrameCounts | None) -> Any:
    """Return frame counts as JSON; `SCALED` for None.

    >>> describe_counts(None), describe_counts(FrameCounts(run=5))["run"]
    ('scaled', 5)
    """
    return to_json(counts) if counts is not None else SCALED


def with_counts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values in which `counts` is None for `SCALED`, which it also is where it is missing."""
    counts = values.get("counts", SCALED)
    return {**values, "counts": None if counts == SCALED else counts}


@dataclasses.dataclass(frozen=True)
class SuiteRecord:
    """The suite of a run.

    Attributes:
        name: Name of the suite.
        version: Version of its data; empty where it has none.
        sha256: Hash of its prompts.
        n_prompts: Number of prompts; None where it is not recorded.
    """

    name: str = ""
    version: str = ""
    sha256: str = ""
    n_prompts: int | None = None


@dataclasses.dataclass(frozen=True)
class BackendRecord:
    """A generator, detector or tracker of a run.

    Attributes:
        name: The registered name.
        version: Version of the package that provides the backend.
        options: Every option in force, defaults included.
        fingerprint: Weights and libraries of the backend, as it states them itself.
    """

    name: str = ""
    version: str = ""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fingerprint: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ShardRecord:
    """The part of a run that a folder holds.

    Attributes:
        number: Number of the part, from 1.
        of: Number of parts.
        n_samples: Number of samples in the part.
    """

    number: int
    of: int
    n_samples: int


@dataclasses.dataclass(frozen=True)
class DeviceRecord:
    """The place where a backend computed.

    Attributes:
        device: Device as torch names it.
        name: Name of the card, or the architecture of the CPU.
        dtype: Precision of the computation.
    """

    device: str = "cpu"
    name: str = ""
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True)
class RuntimeRecord:
    """The machine that computed a run; a run that was continued on another machine has several.

    Attributes:
        detector: Device of the detector.
        tracker: Device of the tracker.
        generator: Device of the generator; None where videos were given.
        second_detector: Device of the second detector; None for none.
        depth: Device of the depth estimator; None for none.
        libraries: Version of each library that computes.
        driver: Version of the driver of the GPU; None where no GPU was used.
    """

    detector: DeviceRecord | None = None
    tracker: DeviceRecord | None = None
    generator: DeviceRecord | None = None
    second_detector: DeviceRecord | None = None
    depth: DeviceRecord | None = None
    libraries: Mapping[str, str] = dataclasses.field(default_factory=dict)
    driver: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record as in run.json, without what it does not know."""
        return {name: value for name, value in to_json(self).items() if value is not None}


@dataclasses.dataclass(frozen=True)
class RunManifest:
    """The contents of `run.json`. It holds no times, hosts or paths.

    Attributes:
        dsrbench: Version of dsrbench.
        commit: Commit of the checkout that dsrbench ran from; None for an installed package.
        suite: The prompts.
        models: Names of the models.
        seeds: Seeds of the samples, sorted.
        n_samples: Number of samples.
        generator: The generator; None where videos were given.
        protocol: Name of the protocol.
        detector: The detector.
        tracker: The tracker.
        second_detector: The detector whose disagreement with the first is part of the certainty; None for none.
        depth: The depth estimator; None where no prompt needs one.
        nouns: Nouns that the detector reads as something else, with what it reads.
        stride: Step between the frames that the detector sees.
        counts: Frame counts; None scales the published ones to the length of each clip.
        packages: Version of each installed package that can change a figure.
        python: Version of Python.
        threads: Number of CPU threads.
        shard: The part of the run that the folder holds; None for a whole run.
        missing_shards: Numbers of the parts that a merged run lacks.
        runtime: Machines that computed the run, in the order in which they did.
    """

    dsrbench: str = ""
    commit: str | None = None
    suite: SuiteRecord = SuiteRecord()
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    n_samples: int = 0
    generator: BackendRecord | None = None
    protocol: str = ""
    detector: BackendRecord = BackendRecord()
    tracker: BackendRecord = BackendRecord()
    second_detector: BackendRecord | None = None
    depth: BackendRecord | None = None
    nouns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stride: int = 1
    counts: FrameCounts | None = None
    packages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    python: str = ""
    threads: int | None = None
    shard: ShardRecord | None = None
    missing_shards: tuple[int, ...] = ()
    runtime: tuple[RuntimeRecord, ...] = ()

    @property
    def part(self) -> ShardRecord:
        """The shard of a run that is split; the whole run as the only shard otherwise."""
        return self.shard or ShardRecord(1, 1, self.n_samples)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `run.json`."""
        runtime = [record.to_json() for record in self.runtime]
        values = {**to_json(self), "schema": SCHEMA, "counts": describe_counts(self.counts), "runtime": runtime}
        if self.shard is None:
            del values["shard"]
        if not self.missing_shards:
            del values["missing_shards"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunManifest:
        """Read the JSON object of `run.json`; what an older version did not record has its default.

        Raises:
            InputError: A value of another type.
        """
        return from_json(cls, with_counts(values))
