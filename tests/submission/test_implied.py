"""Fields of an entry that contradict each other or its rows: each is refused, in words that name both."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories.entries import BACKEND, SUITE, failed, make_rows, write_entry

from dsrbench.prompts import read_suite
from dsrbench.store import BackendRecord
from dsrbench.submission import SubmissionError, check_entry, check_figures, find_repeated_videos
from dsrbench.types import FrameCounts, FrameState, Status


@pytest.fixture(scope="module")
def rows():
    return make_rows()


def check(folder):
    return check_entry(folder, lambda name, version: read_suite(SUITE))


def problems_of(folder, look=check):
    with pytest.raises(SubmissionError) as caught:
        look(folder)
    return caught.value.problems


def with_state(row, state):
    """A row whose boxes all came about in one way."""
    states = {f"{name}_state": np.full(len(row.tracks), state, np.uint8) for name in ("subject", "object")}
    return dataclasses.replace(row, tracks=dataclasses.replace(row.tracks, **states))


SAM2 = BackendRecord("sam2", **{**BACKEND, "options": {"inclusive": False}})
PROTOCOLS = [
    # facts of the entry, what it claims to be, what it is
    ({}, "spatialalign", "default"),
    ({"stride": 4}, "default", "fast"),
    ({"counts": FrameCounts(4, 3, 2, 1, 1)}, "default", "custom"),
    ({"detector": {"name": "nanodet", **BACKEND, "options": {"threshold": 0.9}}}, "default", "custom"),
    ({"detector": {"name": "somebodys", **BACKEND}}, "default", "custom"),
]


@pytest.mark.parametrize(("facts", "claimed", "made"), PROTOCOLS)
def test_a_protocol_is_what_the_settings_make_it(rows, tmp_path, facts, claimed, made):
    if facts.get("counts"):
        rows = make_rows(frames=17)
    problems = problems_of(write_entry(tmp_path / "claimed", rows=rows, entry={**facts, "protocol": claimed}))
    assert problems == (
        f"protocol is said to be {claimed}; its detector, tracker, options, counts and stride make it {made}",
    )
    assert check(write_entry(tmp_path / "made", rows=rows, entry={**facts, "protocol": made})).entry.protocol == made


def test_figures_without_boxes_are_held_to_it_too(rows, tmp_path):
    folder = write_entry(tmp_path, rows=rows, entry={"protocol": "spatialalign"})
    (problem,) = problems_of(folder, lambda folder: check_figures(folder, lambda *_: read_suite(SUITE)))
    assert problem.startswith("protocol is said to be spatialalign; ")


def test_one_video_for_many_prompts(rows, tmp_path):
    same = [dataclasses.replace(row, video_sha256="7" * 64) for row in rows]
    (problem,) = problems_of(write_entry(tmp_path / "all", rows=same))
    assert problem.startswith("one video, 777777777777..., is scored for 24 prompts (")
    two = [dataclasses.replace(row, video_sha256="7" * 64) if n in (0, 5) else row for n, row in enumerate(rows)]
    (problem,) = problems_of(write_entry(tmp_path / "two", rows=two))
    assert "is scored for 2 prompts" in problem
    unread = [dataclasses.replace(failed(row), video_sha256="") for row in rows]
    assert check(write_entry(tmp_path / "none", rows=unread)).summary.n_failed == len(rows)


def test_one_video_for_seeds_of_a_prompt_is_told_and_not_refused(rows, tmp_path):
    """A model may ignore its seed: that is a finding about it."""
    same = [dataclasses.replace(row, video_sha256="7" * 64) if n < 2 else row for n, row in enumerate(rows)]
    checked = check(write_entry(tmp_path, rows=same))
    assert find_repeated_videos(checked.samples) == [f"prompt {rows[0].prompt_id}: seeds 0, 1 have the same video"]
    assert find_repeated_videos(check(write_entry(tmp_path / "other", rows=rows)).samples) == []


def test_frames_that_the_tracker_does_not_make(rows, tmp_path):
    spread = [with_state(rows[0], FrameState.PROPAGATED), *rows[1:]]
    (problem,) = problems_of(write_entry(tmp_path / "a", rows=spread))
    assert problem == f"{rows[0].shown} has frames that are propagated; tracker assignment makes none"
    (problem,) = problems_of(write_entry(tmp_path / "b", rows=rows, entry={"tracker": SAM2}))
    assert problem == f"{rows[0].shown} has frames that are detected; tracker sam2 makes none"
    spread = [with_state(row, FrameState.PROPAGATED) for row in rows]
    assert check(write_entry(tmp_path / "c", rows=spread, entry={"tracker": SAM2})).entry.tracker == SAM2
    strided = {"tracker": SAM2, "stride": 4, "protocol": "fast"}
    problems = problems_of(write_entry(tmp_path / "d", rows=spread, entry=strided))
    assert problems == ("stride is 4; tracker sam2 needs every frame",)
    nothing = {"status": Status.INVALID, "score": float("nan"), "reason": "no anchor frame", "anchored": False}
    (problem,) = problems_of(write_entry(tmp_path / "e", rows=[dataclasses.replace(rows[0], **nothing), *rows[1:]]))
    assert problem == f"{rows[0].shown} has no anchor frame; tracker assignment needs none"
