"""Workers of the Ray engine, and their work on rows of items."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import DSRBenchError
from dsrbench.evaluation.generation import find_video, finish_block
from dsrbench.evaluation.planning import Job
from dsrbench.evaluation.samples import Traced, fail_job, score_traced, trace_job
from dsrbench.evaluation.scorer import Scorer
from dsrbench.prompts import Suite
from dsrbench.store import Run, Sample, SampleKey, VideoRecord
from dsrbench.types import FrameCounts, VideoScore

if TYPE_CHECKING:
    import pyarrow

ROW = "items"
"""The only column of the tables that go between the scorer."""

PARTS = 4
"""In how many tables, at most, the first stage hands on what it makes of one: Ray remembers each. The same table is
always parted in the same way, for the parts that a worker handed on before it died are not asked for again."""


class JobRow(TypedDict):
    """A job as JSON values, with the id of its prompt in `key`."""

    key: list[Any]
    path: str | None
    name: str
    problem: str
    text_used: str
    made_by: str


class Item(TypedDict, total=False):
    """A message between workers: a block of jobs, a traced sample, the news that one is done, or a fatal error.

    Attributes:
        name: Name for progress and for counting attempts.
        jobs: Jobs of a block.
        sample: Row of a traced sample.
        file: Fields of the record of its video.
        tracks_key: Cache key of its tracks; empty where the sample is final.
        done: True for a sample that was scored.
        fatal: Type of an error that ends the run.
        message: Its message.
    """

    name: str
    jobs: list[JobRow]
    sample: dict[str, Any]
    file: dict[str, Any]
    tracks_key: str
    done: bool
    fatal: str
    message: str


@dataclasses.dataclass(frozen=True)
class Setup:
    """Settings of every worker, in values that can be sent to other processes.

    Attributes:
        run: The run folder.
        suite: The prompts of the plan.
        generator: Makes the generator.
        record: The record of the generator, without the generator itself.
        scorer: Makes detectors and tracker, and the fields of `Scorer` beside them.
        counts: Frame counts.
        refused: Prompts the generator cannot make.
        tries: Attempts at an item before it is given up.
        attempts: Counts them.
        threads: OMP_NUM_THREADS where the run was started; Ray sets its own, which would change a backend's rounding.
    """

    run: Run
    suite: Suite
    generator: Callable[[], Backend[Generator]] | None
    record: Backend[Generator] | None
    scorer: Callable[[], Scorer]
    counts: FrameCounts | None
    refused: Mapping[str, str]
    tries: int
    attempts: Attempts
    threads: str | None


class Worker:
    """A worker of one stage: reads rows, does what `do` says, and turns whatever goes wrong into a row."""

    stage = ""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        is_first = self.stage == ("detect" if setup.generator is None else "generate")
        self._parts = PARTS if is_first else 1
        os.environ.pop("OMP_NUM_THREADS", None)
        if setup.threads is not None:
            os.environ["OMP_NUM_THREADS"] = setup.threads

    def __call__(self, table: pyarrow.Table) -> Iterator[pyarrow.Table]:
        """Yield the items that a table of items becomes, in tables."""
        items = unpack_items(table)
        size = max(1, -(-len(items) // self._parts))
        for first in range(0, len(items), size):
            yield pack_items([result for item in items[first : first + size] for result in self._try(item)])

    def _try(self, item: Item) -> Iterator[Item]:
        if "fatal" in item:
            yield item
            return
        name = f"{self.stage} {item['name']}"
        before = self.setup.attempts.begin(name)
        try:
            if before >= self.setup.tries:
                yield from self.give_up(item, f"its worker died {before} times in a row while it was at {self.stage}")
            else:
                yield from self.do(item)
        except DSRBenchError as error:
            yield {"fatal": type(error).__name__, "message": str(error)}
        self.setup.attempts.end(name)

    def do(self, item: Item) -> Iterator[Item]:
        """Do one item."""
        raise NotImplementedError

    def give_up(self, item: Item, reason: str) -> Iterator[Item]:
        """Yield the rows for an item that killed its workers."""
        raise NotImplementedError


class GenerateWorker(Worker):
    """Makes the videos of a block."""

    stage = "generate"
    _generator: Backend[Generator] | None = None

    def do(self, item: Item) -> Iterator[Item]:
        """Turn a block into its jobs."""
        assert self.setup.generator is not None
        if self._generator is None:
            self._generator = self.setup.generator()
        block = [unpack_job(job, self.setup.suite) for job in item["jobs"]]
        yield from map(_item, finish_block(block, self._generator, self.setup.run, self.setup.refused))

    def give_up(self, item: Item, reason: str) -> Iterator[Item]:
        """Yield the videos of the block that are absent as failed."""
        assert self.setup.record is not None
        for row in item["jobs"]:
            job = unpack_job(row, self.setup.suite)
            job_done = find_video(job, self.setup.record, self.setup.run)
            yield _item(job_done or dataclasses.replace(job, problem=reason))


class DetectWorker(Worker):
    """Detects and tracks."""

    stage = "detect"
    _scorer: Scorer | None = None

    def do(self, item: Item) -> Iterator[Item]:
        """Turn a job into a traced sample."""
        (job,) = (unpack_job(row, self.setup.suite) for row in item["jobs"])
        if job.made_by:
            job = dataclasses.replace(job, path=self.setup.run.find_video(job.name))
        if self._scorer is None:
            self._scorer = self.setup.scorer()
        yield _pack_traced(trace_job(job, self._scorer, self.setup.run, self.setup.run.read_sample(job.key)))

    def give_up(self, item: Item, reason: str) -> Iterator[Item]:
        """Write the sample as failed, without a backend, which may be what killed the workers."""
        (job,) = (unpack_job(row, self.setup.suite) for row in item["jobs"])
        yield _pack_traced(fail_job(dataclasses.replace(job, problem=reason)))


class ScoreWorker(Worker):
    """Scores, and writes the sample."""

    stage = "score"

    def do(self, item: Item) -> Iterator[Item]:
        """Score a traced sample."""
        traced = Traced(Sample.from_row(item["sample"]), VideoRecord(**item["file"]), item["tracks_key"])
        score_traced(traced, self.setup.counts, self.setup.run)
        yield {"name": item["name"], "done": True}

    def give_up(self, item: Item, reason: str) -> Iterator[Item]:
        """Write the sample as failed."""
        sample = dataclasses.replace(Sample.from_row(item["sample"]), score=VideoScore.failed(reason), key="")
        score_traced(Traced(sample, VideoRecord(**item["file"])), self.setup.counts, self.setup.run)
        yield {"name": item["name"], "done": True}


@dataclasses.dataclass(frozen=True)
class Attempts:
    """Counts how often each item was begun and not ended on this machine, in files that outlive a worker.

    Attributes:
        folder: Where the files are; of one run alone.
    """

    folder: Path

    def begin(self, name: str) -> int:
        """Count how often the item was begun before, since it was last ended."""
        path = self._path(name)
        try:
            before = int(path.read_text())
        except FileNotFoundError:
            before = 0
        except ValueError:  # a worker that died while it wrote
            before = 1
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(before + 1))
        return before

    def end(self, name: str) -> None:
        """Note that the item is through."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / hashlib.sha256(name.encode()).hexdigest()[:32]


def pack_items(items: Sequence[Item]) -> pyarrow.Table:
    """Items as a table of one compressed row: they are much alike, and the process that starts a run holds all of them.

    >>> unpack_items(pack_items([{"name": "a"}, {"name": "b"}]))
    [{'name': 'a'}, {'name': 'b'}]
    """
    import pyarrow as pa

    return pa.table({ROW: [zlib.compress(json.dumps(items).encode())]})


def unpack_items(table: pyarrow.Table) -> list[Item]:
    """Return the items of a table, of one row or several."""
    return [item for row in table.column(ROW).to_pylist() for item in json.loads(zlib.decompress(row))]


def pack_block(block: Sequence[Job]) -> Item:
    """Return a block of jobs as an item."""
    return {"name": str(block[0].key), "jobs": [pack_job(job) for job in block]}


def _item(job: Job) -> Item:
    return pack_block([job])


def pack_job(job: Job) -> JobRow:
    """Return a job as JSON values; its prompt goes by its id.

    >>> from dsrbench.evaluation import plan_generation
    >>> from dsrbench.prompts import read_suite
    >>> suite = read_suite("sprites")
    >>> job = plan_generation(suite, model="m", seeds=[0]).jobs[0]
    >>> unpack_job(pack_job(job), suite) == job
    True
    """
    path = os.path.abspath(job.path) if job.path is not None else None
    return {
        "key": list(job.key),
        "path": path,
        "name": job.name,
        "problem": job.problem,
        "text_used": job.text_used,
        "made_by": job.made_by,
    }


def unpack_job(row: JobRow, suite: Suite) -> Job:
    """Restore the job that `pack_job` packed."""
    key = SampleKey(*row["key"])
    path = Path(row["path"]) if row["path"] is not None else None
    prompt = suite.get(key.prompt_id)
    return Job(key, prompt, path, row["name"], row["problem"], row["text_used"], row["made_by"])


def _pack_traced(traced: Traced) -> Item:
    sample = traced.sample
    name = sample.video or str(sample.id)
    return {
        "name": name,
        "sample": sample.row(),
        "file": dataclasses.asdict(traced.video),
        "tracks_key": traced.tracks_key,
    }
