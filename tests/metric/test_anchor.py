"""The one-subject-one-object criterion, a rule at a time; parity is in test_parity.py."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import anchor_frame

from dsrbench.metric import find_anchor_frame
from dsrbench.types import FrameCounts

IN_ITS_TIME = settings(deadline=None)  # a busy machine is no error
LETTERS = {
    "v": ["cat", "box"],
    "w": ["box", "cat"],
    "m": [],
    "1": ["cat"],
    "r": ["cat", "box", "cat"],
    "x": ["cat", "cat"],
}


def find(pattern, counts=None):
    return find_anchor_frame([LETTERS[c] for c in pattern], subject="cat", object="box", counts=counts)


PATTERNS = [
    # no frames; never anything; always too much
    ("", None),
    ("m" * 81, None),
    ("r" * 81, None),
    # valid from the start, in either order of labels
    ("v" * 81, 0),
    ("w" * 81, 0),
    # one box is missing, two of one kind are redundant
    ("1" * 10 + "v" * 71, 10),
    ("x" * 16 + "v" * 65, 16),
    ("x" * 17 + "v" * 64, None),
    # 16 redundant frames may be, 17 may not
    ("r" * 16 + "v" * 65, 16),
    ("r" * 17 + "v" * 64, None),
    # 20 valid ones must be
    ("m" * 61 + "v" * 20, 61),
    ("m" * 62 + "v" * 19, None),
    # four in a row: the first such run, not the longest
    ("vvvm" * 20 + "m", None),
    ("vvvm" + "vvvv" + "m" + "v" * 72, 4),
    # a run that is interrupted by too much
    ("vvrv" + "v" * 77, 3),
    # a run at the very end
    ("vvvm" * 19 + "m" + "vvvv", 77),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_published_rule(pattern, expected):
    assert find(pattern) == expected


SCALED = [
    # 16 frames ask for 4 valid ones, 2 in a row, 3 redundant at most
    ("m" * 12 + "vvvv", None, 12),
    ("m" * 13 + "vvv", None, None),
    ("vmvmvmvm" + "m" * 8, None, None),
    ("rrr" + "v" * 13, None, 3),
    ("rrrr" + "v" * 12, None, None),
    # the published counts stay what they are where they are asked for
    ("v" * 16, FrameCounts.published(), None),
    ("v" * 20, FrameCounts.published(), 0),
    # a clip shorter than the run
    ("v", FrameCounts(scored=1, run=2), None),
    ("v", FrameCounts(scored=1, run=1), 0),
]


@pytest.mark.parametrize(("pattern", "counts", "expected"), SCALED)
def test_other_lengths_and_counts(pattern, counts, expected):
    assert find(pattern, counts) == expected


def test_labels_must_be_exact():
    for wrong in (["cat", "box cat"], ["Cat", "box"], ["cat ", "box"], ["cat", ""]):
        assert find_anchor_frame([wrong] * 81, subject="cat", object="box") is None


@IN_ITS_TIME
@given(st.text("vwm1rx", max_size=90))
def test_it_is_as_defined(pattern):
    labels = [LETTERS[c] for c in pattern]
    counts = FrameCounts.for_frames(len(labels))
    slow = anchor_frame(
        labels, subject="cat", object="box", redundant=counts.redundant, valid=counts.scored, run=counts.run
    )
    assert find(pattern) == slow
