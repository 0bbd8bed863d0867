from __future__ import annotations

import json

import pytest
from factories.entries import write_entry
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrbench.errors import OptionError
from dsrbench.submission import SubmissionError, read_entry
from dsrbench.submission.entry import MAX_PROBLEMS, check_name, check_text, parse_entry


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return (write_entry(tmp_path_factory.mktemp("e")) / "entry.json").read_bytes()


def changed(good, path, value):
    row = json.loads(good)
    *parents, last = path.split(".")
    inner = row
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return json.dumps(row).encode()


def problems_of(data):
    with pytest.raises(SubmissionError) as caught:
        parse_entry(data)
    return caught.value.problems


def test_a_good_one_comes_back_equal(good):
    entry = parse_entry(good)
    assert (entry.name, entry.model.id, entry.seeds) == ("wan", "lab/model", (0, 1, 2, 3, 4))
    assert {**entry.record(), "claim": None} == {**json.loads(good), "claim": None}


NAMES = [
    "", ".", "..", "../wan", "a/b", "a\\b", ".hidden", "-o", "a b", "wan\n", "wan\u0000", "wän", "w\u0430n", "ｗａｎ",
    "wan\u202e", "wan\u200b", "<b>wan</b>", "=1+1", "@cmd", "C:", "a" * 97, 7, None, ["wan"], {"a": 1}, True,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_are_plain(good, name):
    (problem,) = problems_of(changed(good, "name", name))
    assert problem.startswith("name must be letters")
    assert problem.isprintable()


def test_the_command_line_refuses_the_same_names():
    assert check_name("wan-2.1_b") == "wan-2.1_b"
    for name in NAMES[:-5]:
        with pytest.raises(OptionError, match="must be letters"):
            check_name(name)


FIELDS = {
    "seeds": [[], [0, 0], [-1], [0.5], ["0"], [True], "0", None, list(range(101)), [2**31]],
    "stride": [0, -1, 1.5, True, "1", None, 10**9],
    "base": ["../a", "a b", None, 3],
    "notes": ["x" * 501, "a\u202eb", "a\x1b[31m", "\ud800", None, 1],
    "dsrbench": ["x" * 501, None],
    "protocol": ["", "a b", None],
    "counts": ["published", None, 3, [], {}, {"scored": 1}, "counts",
               {"scored": 1, "redundant": 1, "run": 1, "window": True, "gap": 0},
               {"scored": 0, "redundant": 1, "run": 1, "window": 1, "gap": 0},
               {"scored": 10**30, "redundant": 1, "run": 1, "window": 1, "gap": 0}],
    "detector": [None, "nanodet", {}, {"name": "nanodet"},
                 {"name": "<b>", "version": "", "options": {}, "fingerprint": {}},
                 {"name": "a", "version": "", "options": {"x": "a\u202e"}, "fingerprint": {}},
                 {"name": "a", "version": "", "options": {"x": 1e999}, "fingerprint": {}},
                 {"name": "a", "version": "", "options": {"x": "y" * 501}, "fingerprint": {}},
                 {"name": "a", "version": "", "options": {str(n): n for n in range(501)}, "fingerprint": {}},
                 {"name": "a", "version": "", "options": [[[[[[[1]]]]]]], "fingerprint": {}}],
    "claim": [None, [], 0.7, {"accuracy": [[[[[[[[1]]]]]]]]}],
    "model.id": ["", "a/b/c", "../a", "a b", "a\u200b", None],
    "model.parameters": [0, -1, 1.5, True, "7B", 10**15],
    "model.license": ["<b>", "a" * 65, None, "=x"],
    "model.open": [None, 1, "yes"],
    "model.url": ["http://a.b", "javascript:alert(1)", "https://", "https:// a", "https://me@host/", "https://a/<x>",
                  "https://\u0430.org", 'https://a/"onclick', "ftp://a", None, 5, "https://[::1", "data:text/html,x"],
    "model.revision": ["a b", None],
    "suite.sha256": ["", "A" * 64, "7" * 63, None],
    "suite.name": ["../x", None],
    "suite.version": ["1 0", None],
}  # fmt: skip


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in FIELDS.items() for value in values])
def test_a_bad_field_is_named(good, path, value):
    data = changed(good, path, value)
    (problem,) = problems_of(data)
    assert "no JSON" in problem or problem.startswith(f"{path} ")
    assert problem.isprintable()
    assert len(problem) < 400


def test_every_problem_is_told_at_once(good):
    row = json.loads(good)
    row["name"], row["stride"], row["model"]["url"], row["extra"] = "..", 0, "http://x", 1
    del row["seeds"]
    problems = problems_of(json.dumps(row).encode())
    assert [problem.split()[0] for problem in problems] == ["'extra'", "model.url", "name", "seeds", "stride"]


def test_objects_that_are_none(good):
    row = json.loads(good)
    assert problems_of(json.dumps({**row, "model": 3}).encode()) == (
        "model must be an object with id, revision, parameters, license, open, url",
    )
    assert len(problems_of(json.dumps({**row, **{f"x{n}": 1 for n in range(9000)}}).encode())) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON in UTF-8"),
        (b'{"schema": NaN}', "NaN is no number of JSON"),
        (b'{"schema": -Infinity}', "-Infinity is no number of JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "nested too deeply"),
        (b'{"schema": ' + b"1" * 5000 + b"}", "no JSON"),
        (b"[]", "must hold an object, got list"),
        (b"{}", "has schema 'None'"),
        (b'{"schema": true}', "has schema 'True'"),
        (b'{"schema": 2}', "has schema '2'; this dsrbench reads 1"),
    ],
)
def test_what_is_no_entry(data, problem):
    assert problem in problems_of(data)[0]


def test_files_that_are_not_there_or_too_large(tmp_path):
    with pytest.raises(SubmissionError, match="cannot be read"):
        read_entry(tmp_path)
    (tmp_path / "entry.json").write_bytes(b" " * (256 * 1024 + 1))
    with pytest.raises(SubmissionError, match=r"larger than the 262,144 bytes"):
        read_entry(tmp_path)


def test_check_text_knows_what_is_not_shown():
    assert check_text("Wan 2.1 – ü 漢字 e\u0301") == ""
    for hidden in "\u202e\u200b\u2066\ufeff\u0000\n\u2028\ue000\u00ad":
        assert "is not shown" in check_text(f"a{hidden}b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
PLACES = [
    "name",
    "model",
    "model.id",
    "suite",
    "suite.name",
    "seeds",
    "detector",
    "detector.options",
    "counts",
    "claim",
]


@given(st.sampled_from(PLACES), JSON)
@settings(max_examples=300, deadline=None)
def test_anything_anywhere_is_an_entry_or_a_refusal(good, place, value):
    try:
        entry = parse_entry(changed(good, place, value))
    except SubmissionError:
        return
    assert parse_entry(json.dumps(entry.record()).encode()) == entry
