"""What file and folder names say: prompt, model and seed."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from dsrbench.errors import InputError
from dsrbench.evaluation.names import NameReader, Reading, number_seeds
from dsrbench.types import Prompt

TEXT = "In a café, a cat is on the left of a chair, then the cat walks to the right of the chair."
LONGER = TEXT[:-1] + " slowly."
CHINESE = "一只猫在椅子的左边,然后走到右边"


def make(*ids, texts=()):
    texts = dict(zip(ids, texts, strict=False))
    return NameReader([Prompt(i, texts.get(i, f"text of {i}!"), "cat", "chair", "LR") for i in ids])


PAPER = ("1000_LR", "1000_LR_B", "1000_L", "1001_LT", "cat-chair")
NUMBERS = ("1", "12", "2", "0007")

NAMES = [
    # the form of the paper; an id alone; upper-case suffix; words around it
    (PAPER, "1000_LR_F81_seed03.mp4", "1000_LR", "", 3),
    (PAPER, "1001_LT.mp4", "1001_LT", "", None),
    (PAPER, "1001_LT.WEBM", "1001_LT", "", None),
    (PAPER, "wan 2.1 - 1001_LT final.mp4", "1001_LT", "", None),
    # of ids that begin alike the longest wins; but no part of a longer word
    (PAPER, "1000_LR_B_seed1.mp4", "1000_LR_B", "", 1),
    (PAPER, "1000_LRB.mp4", None, "", None),
    (PAPER, "11000_LR.mp4", None, "", None),
    (PAPER, "é1000_LR.mp4", None, "", None),
    (PAPER, "1000_L.mp4", "1000_L", "", None),
    # of several, the first
    (PAPER, "1001_LT_versus_1000_LR.mp4", "1001_LT", "", None),
    # another wording is another prompt; what only looks like one is not
    (PAPER, "1001_LT~definite_seed1.mp4", None, "", None),
    (PAPER, "1001_LT~final_seed1.mp4", "1001_LT", "", 1),
    ((*PAPER, "1001_LT~definite"), "1001_LT~definite_seed1.mp4", "1001_LT~definite", "", 1),
    # other case is another id
    (PAPER, "1001_lt.mp4", None, "", None),
    # folders are models, joined; but not those of the prompt or the seed
    (PAPER, "wan/1001_LT.mp4", "1001_LT", "wan", None),
    (PAPER, "wan/14B/1001_LT_2.mp4", "1001_LT", "wan/14B", 2),
    (PAPER, "1001_LT/0003.mp4", "1001_LT", "", 3),
    (PAPER, "wan/1001_LT/video_4.mp4", "1001_LT", "wan", 4),
    (PAPER, "1001_LT/wan/4.mp4", "1001_LT", "wan", 4),
    (PAPER, "1001_LT/1001_LT_seed2.mp4", "1001_LT", "", 2),
    (PAPER, "wan/seed05/1001_LT.mp4", "1001_LT", "wan", 5),
    (PAPER, "seed_5/1001_LT.mp4", "1001_LT", "", 5),
    # the deepest name that says a prompt counts
    (PAPER, "1000_LR results/1001_LT.mp4", "1001_LT", "1000_LR results", None),
    # no prompt
    (PAPER, "intro.mp4", None, "", None),
    # numbers as ids: no part of other numbers, not after "seed", not in a version
    (NUMBERS, "12_seed1.mp4", "12", "", 1),
    (NUMBERS, "seed_1_12.mp4", "12", "", 1),
    (NUMBERS, "seed-2-1.mp4", "1", "", 2),
    (NUMBERS, "123.mp4", None, "", None),
    (NUMBERS, "0007.mp4", "0007", "", None),
    (NUMBERS, "wan2.1/12.mp4", "12", "wan2.1", None),
    (NUMBERS, "12/0.mp4", "12", "", 0),
    (NUMBERS, "12/12.mp4", "12", "", None),
]


@pytest.mark.parametrize(("ids", "name", "prompt", "model", "seed"), NAMES)
def test_ids_in_names(ids, name, prompt, model, seed):
    found = make(*ids).read(PurePath(name))
    assert (found and found.prompt.id) == prompt
    if found:
        assert (found.model, found.seed) == (model, seed)


TEXTS = [
    # VBench: the whole text and the number of the sample
    (f"{TEXT}-0.mp4", "pa", 0),
    (f"{TEXT}-13.mp4", "pa", 13),
    (f"{TEXT}.mp4", "pa", None),
    # without its punctuation, in other case, followed by something else
    ("in_a_café__a_cat_is_on_the_left_of_a_chair_then_the_cat_walks_to_the_right_of_the_chair_seed7.mp4", "pa", 7),
    (f"{TEXT} 480p seed=9.mp4", "pa", 9),
    # an accent in two characters, as macOS writes it
    (f"{TEXT.replace('é', 'e' + chr(0x301))}-1.mp4", "pa", 1),
    # of texts that begin alike the longest
    (f"{LONGER}-2.mp4", "pb", 2),
    # a folder of that name
    (f"{TEXT}/3.mp4", "pa", 3),
    # a text counts more than the number behind it, though that is an id
    (f"{TEXT}-0001.mp4", "pa", 1),
    # letters that are not Latin are letters
    (f"{CHINESE}-4.mp4", "0001", 4),
    ("另一只猫-4.mp4", None, None),
    # only part of a text
    (f"{TEXT[:40]}-0.mp4", None, None),
    # "!!!" has no words, and no text begins with nothing
    ("!!!.mp4", None, None),
]


@pytest.mark.parametrize(("name", "prompt", "seed"), TEXTS)
def test_texts_in_names(name, prompt, seed):
    found = make("pa", "pb", "0001", texts=(TEXT, LONGER, CHINESE)).read(PurePath(name))
    assert (found and found.prompt.id) == prompt
    if found:
        assert (found.model, found.seed) == ("", seed)


def test_a_text_of_two_prompts_names_neither():
    assert make("pa", "pb", texts=(TEXT, TEXT)).read(PurePath(f"{TEXT}-0.mp4")) is None


SEEDS = [
    # every way to write one
    ("_seed3", 3), ("_seed03", 3), ("-seed-3", 3), ("_Seed_3", 3), ("_seed 3", 3), ("_seed=3", 3), ("_SEED3_x", 3),
    # a number at the end; "seed" counts more
    ("_3", 3), ("-3", 3), (" 3", 3), ("-0003", 3), ("_seed3_9", 3), ("_9_seed3", 3),
    # random ones are large
    ("_seed4294967295", 4294967295), ("_seed123456789012345678", 123456789012345678),
    # no seed
    ("", None), ("_480p", None), ("_F81", None), ("_v2.0", None), ("_final", None), ("(2)", None),
]  # fmt: skip


@pytest.mark.parametrize(("end", "seed"), SEEDS)
def test_seeds(end, seed):
    found = make("1000_LR").read(PurePath(f"1000_LR{end}.mp4"))
    assert found.seed == seed


@pytest.mark.parametrize("name", ["12/2.mp4", "2/wan/1.mp4"])
def test_numbers_that_may_be_prompt_or_seed_are_refused(name):
    with pytest.raises(InputError, match=r"both '\d+' and '\d+' are ids of prompts; a video list"):
        make(*NUMBERS).read(PurePath(name))


@pytest.mark.parametrize("id", ["a.b", "a+b", "(x", "[1]", "x y", "ü"])
def test_any_characters_in_ids(id):
    found = make(id, "zz").read(PurePath(f"m/{id}_seed2.mp4"))
    assert (found.prompt.id, found.model, found.seed) == (id, "m", 2)


def test_files_without_a_seed_get_the_lowest_that_are_free():
    p, q = (Prompt(i, "t", "cat", "chair", "LR") for i in "pq")
    given = [("m", p, None), ("m", p, 1), ("m", p, None), ("n", p, None), ("m", q, None), ("m", p, 7), ("m", p, None)]
    readings = [Reading(prompt, model, seed) for model, prompt, seed in given]
    assert number_seeds(readings) == [0, 1, 2, 0, 0, 7, 3]
    assert number_seeds([]) == []
