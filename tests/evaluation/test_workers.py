"""The workers of the Ray engine, without Ray."""

from __future__ import annotations

import pytest
from fakes.backends import SUITE, plan

from dsrbench.errors import BackendError
from dsrbench.evaluation.engines.workers import Attempts, DetectWorker, Setup, pack_block, pack_items, unpack_items
from dsrbench.store import Run


def no_stages():
    raise BackendError("the detector kills whoever makes it")


@pytest.fixture
def detects(tmp_path):
    attempts = Attempts(tmp_path / "attempts")
    return DetectWorker(Setup(Run(tmp_path / "run"), SUITE, None, None, no_stages, None, {}, 2, attempts, None))


def do(worker, *items):
    return [item for table in worker(pack_items(items)) for item in unpack_items(table)]


def test_an_item_is_given_up_without_the_detector_that_killed_the_workers(detects):
    """Otherwise giving up would kill the next worker, and no item would ever be through."""
    block = pack_block(plan().jobs[:1])
    name = f"detect {block['name']}"
    for _ in range(2):
        detects.setup.attempts.begin(name)  # and the worker dies
    (item,) = do(detects, block)
    assert item["sample"]["status"] == "failed"
    assert item["sample"]["reason"] == "its worker died 2 times in a row while it was at detect"
    assert item["tracks_key"] == ""
    assert detects.setup.attempts.begin(name) == 0


def test_a_detector_that_cannot_be_made_ends_the_run(detects):
    job = plan().jobs[0]
    assert do(detects, pack_block([job])) == [
        {"fatal": "BackendError", "message": "the detector kills whoever makes it"}
    ]


@pytest.mark.parametrize(("count", "tables"), [(1, 1), (4, 4), (5, 3), (16, 4), (98, 4)])
def test_items_are_handed_on_in_few_tables(detects, count, tables):
    block = pack_block(plan().jobs[:1])
    made = list(detects(pack_items([block] * count)))
    assert len(made) == tables
    assert sum(len(unpack_items(table)) for table in made) == count
