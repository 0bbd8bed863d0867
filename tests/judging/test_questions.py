"""The questions of claims of every kind, and the frames they are about."""

from __future__ import annotations

import itertools

import pytest

from dsrbench.errors import VideoError
from dsrbench.judging.frames import MAX_SIDE, read_pictures, select_frames
from dsrbench.judging.questions import LETTERS, ask_claim, list_alternatives
from dsrbench.types import Clause, Direction, Relation
from dsrbench.video import write_mp4

CLAIMS = {
    "LR": ["LR", "RL", "L", "R"],
    "TU": ["TU", "UT", "T", "U"],
    "LTR": ["LTR", "RTL", "L", "R"],
    "LTL": ["LTL", "L", "T", "LT"],
    "LTLT": ["LTLT", "TLTL", "L", "T"],
    "L": ["L", "R", "T", "U"],
    "U": ["U", "T", "L", "R"],
    "FB": ["FB", "BF", "F", "B"],
    "B": ["B", "F", "L", "R"],
    "LL": ["L", "R", "T", "U"],
}


@pytest.mark.parametrize(("chain", "expected"), CLAIMS.items())
def test_four_descriptions_of_relations(chain, expected):
    clause = Clause("cat", "box", Relation.chain(chain))
    assert [other.type for other in list_alternatives(clause)] == expected


def test_every_chain_has_four_descriptions():
    for n in (1, 2, 3, 4):
        for chain in itertools.product(Relation, repeat=n):
            types = [other.type for other in list_alternatives(Clause("cat", "box", chain))]
            assert len(set(types)) == len(LETTERS), chain


@pytest.mark.parametrize("direction", Direction)
def test_motions(direction):
    motion, choice = ask_claim(Clause("drone", direction=direction))
    assert (motion.name, motion.part, choice.name) == ("motion", "whole", "choice")
    assert choice.answers[:2] == (direction.value, direction.opposite.value)
    assert set(choice.answers) == {other.value for other in Direction}


def test_the_text_of_questions():
    start, end, choice = ask_claim(Clause("cat", "box", Relation.chain("LTR")))
    assert [question.part for question in (start, end, choice)] == ["beginning", "end", "whole"]
    assert "is the cat on the left of the box?" in start.wordings[0].text
    assert "is the cat on the right of the box?" in end.wordings[0].text
    assert start.wordings[0].text.endswith("Answer with one word, Yes or No.")
    assert start.wordings[1].text.endswith("Answer with one word, No or Yes.")
    assert "A. The cat is first on the left of the box, then on the top of the box, then on" in choice.wordings[0].text
    assert len({wording.text for wording in choice.wordings}) == 4


@pytest.mark.parametrize("n_frames", [1, 2, 3, 16, 81, 500])
@pytest.mark.parametrize("n", [1, 4, 9])
def test_frames(n_frames, n):
    for part in ("beginning", "end", "whole"):
        frames = select_frames(n_frames, part, n)
        assert frames == sorted(set(frames))
        assert 1 <= len(frames) <= (2 * n if part == "whole" else n)
        assert 0 <= frames[0] <= frames[-1] < n_frames
    assert select_frames(n_frames, "beginning", n) == [
        n_frames - 1 - i for i in select_frames(n_frames, "end", n)[::-1]
    ]
    assert select_frames(n_frames, "whole", n)[0] == 0


def test_pictures_of_a_video(tmp_path):
    import numpy as np

    frames = np.zeros((20, 100, 2 * MAX_SIDE, 3), np.uint8)
    frames[:] = np.linspace(0, 250, 20).astype(np.uint8)[:, None, None, None]
    write_mp4(tmp_path / "x.mp4", frames, fps=8)
    pictures = read_pictures(tmp_path / "x.mp4", 20, 3)
    assert pictures["whole"][0].size == (MAX_SIDE, 50)
    shades = {part: [np.asarray(picture).mean() for picture in some] for part, some in pictures.items()}
    assert max(shades["beginning"]) < 60 < 190 < min(shades["end"])
    assert shades["whole"] == sorted(shades["whole"])
    with pytest.raises(VideoError, match="expected the 21 frames that were scored, got 20"):
        read_pictures(tmp_path / "x.mp4", 21, 3)
    with pytest.raises(VideoError, match="frames were counted"):
        read_pictures(tmp_path / "x.mp4", 0, 3)
