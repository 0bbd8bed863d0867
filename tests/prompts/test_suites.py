"""Suites in both file formats, read back, hashed, and refused with file and line."""

# ruff: noqa: E501 (one case, one line)

from __future__ import annotations

import json

import pytest

from dsrbench.errors import PromptError, StoreError
from dsrbench.prompts import Suite, list_suites, parse_prompt, read_suite, suites, write_suite
from dsrbench.types import Prompt, Relation

LR, RT = (Relation.LEFT, Relation.RIGHT), (Relation.RIGHT, Relation.TOP)
PROMPTS = (
    Prompt("p1", "In a den, a cat is on the left of a box, then the cat walks to the right of the box.", "cat", "box", LR, "In a den"),
    Prompt("p2", "Ein Hund springt auf die Bank — „hopp“.", "Hund", "Bank", RT, split="test", tags=("hard", "de")),
)  # fmt: skip
HEADER = "type,prompt_id,animal,object,scene,initial_SR,final_SR,prompt\n"
ROW = 'LR,p1,cat,box,"In a den,",on the left of,to the right of,"In a den, a cat is on the left of a box, then the cat walks to the right of the box."\n'
TEXT = "A cat is left of a box, then it jumps on it."


def test_what_is_written_reads_back(tmp_path):
    suite = Suite("toy", "1.2", PROMPTS)
    path = tmp_path / "other-name.jsonl"
    write_suite(suite, path)
    again = read_suite(path)
    assert again == suite
    assert (again.name, again.version, len(again), again.sha256) == ("toy", "1.2", 2, suite.sha256)
    assert [p.name for p in tmp_path.iterdir()] == ["other-name.jsonl"]
    write_suite(again, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


CSVS = [
    pytest.param(HEADER + ROW, id="the-paper"),
    pytest.param("\ufeff" + HEADER + ROW, id="byte-order-mark"),
    pytest.param((HEADER + ROW).replace("\n", "\r\n"), id="windows"),
    pytest.param(HEADER + "\n" + ROW + "\n\n", id="empty-lines"),
    pytest.param(
        f'note,prompt,object,animal,prompt_id,type\nx,"{PROMPTS[0].text}",box,cat,p1,LR\n', id="other-order-and-columns"
    ),
    pytest.param(f'prompt_id,prompt\np1,"{PROMPTS[0].text}"\n', id="grammar"),
]


LISTS = [
    # a file's name and content: the same two prompts
    ("list.txt", "{0}\n{1}\n"),
    ("list.txt", "\ufeff{0}\r\n\r\n  {1}"),
    ("list.csv", "prompt\n{0}\n{1}\n"),
    ("list.csv", 'prompt\n"{0}"\n{1}\n'),
    ("list.csv", " prompt \r\n{0}\r\n\r\n{1}\r\n"),
]


@pytest.mark.parametrize(("name", "content"), LISTS)
def test_lists_of_prompts(tmp_path, name, content):
    texts = (PROMPTS[0].text, TEXT)
    (tmp_path / name).write_bytes(content.format(*texts).encode())
    suite = read_suite(tmp_path / name)
    assert suite.prompts == tuple(parse_prompt(text) for text in texts)
    assert suite.name == "list"


def test_a_line_that_is_no_prompt_is_named(tmp_path):
    (tmp_path / "list.txt").write_text(f"{TEXT}\n\nMake it nice.\n")
    with pytest.raises(PromptError, match=r"list\.txt, line 3: cannot read the claim in 'Make it nice"):
        read_suite(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(PromptError, match="the suite has no prompts"):
        read_suite(tmp_path / "list.txt")


@pytest.mark.parametrize("content", CSVS)
def test_tables(tmp_path, content):
    path = tmp_path / "toy.csv"
    path.write_bytes(content.encode())
    suite = read_suite(str(path))
    (prompt,) = suite.prompts
    assert (suite.name, suite.version) == ("toy", "")
    assert (prompt.id, prompt.text, prompt.subject, prompt.object, prompt.relations) == (
        "p1", PROMPTS[0].text, "cat", "box", LR,
    )  # fmt: skip
    assert prompt.scene in ("In a den", "")


def test_a_table_of_texts_alone(tmp_path):
    path = tmp_path / "toy.csv"
    path.write_text(f'prompt\n"{TEXT}"\n')
    assert read_suite(path).prompts == (parse_prompt(TEXT),)


JSONLS = [
    # text alone: the grammar reads it, and makes an id
    pytest.param([{"text": TEXT}], parse_prompt(TEXT), id="text"),
    pytest.param([{"text": TEXT, "id": "a"}], parse_prompt(TEXT, id="a"), id="text-and-id"),
    pytest.param(
        [{"suite": "s", "version": "2"}, {"text": TEXT, "id": "a", "split": "test", "tags": ["t"]}],
        Prompt("a", TEXT, "cat", "box", (Relation.LEFT, Relation.TOP), split="test", tags=("t",)),
        id="header-and-labels",
    ),
    # all fields: the text may be in words the grammar does not read
    pytest.param(
        [{"id": "a", "text": "Miau.", "subject": "cat", "object": "box", "relations": ["L", "R"]}],
        Prompt("a", "Miau.", "cat", "box", LR),
        id="fields",
    ),
]


@pytest.mark.parametrize(("lines", "prompt"), JSONLS)
def test_json_lines(tmp_path, lines, prompt):
    path = tmp_path / "toy.jsonl"
    path.write_text("\n\n".join(json.dumps(line) for line in lines))
    assert read_suite(path).prompts == (prompt,)


def test_hash_is_of_the_prompts_alone(tmp_path):
    suite = Suite("toy", "1", PROMPTS[:1])
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    (tmp_path / "b.jsonl").write_text(
        json.dumps(
            {"relations": ["L", "R"], "scene": "In a den", "text": PROMPTS[0].text, "object": "box", "subject": "cat", "id": "p1"},
            indent=None, separators=(" , ", " : "),
        )
    )  # fmt: skip
    assert read_suite(tmp_path / "a.csv").sha256 == read_suite(tmp_path / "b.jsonl").sha256 == suite.sha256
    assert Suite("x", "2", PROMPTS).sha256 == Suite("y", "3", PROMPTS[::-1]).sha256 != suite.sha256
    changed = Prompt("p1", PROMPTS[0].text, "cat", "box", RT, "In a den")
    assert Suite("toy", "1", (changed,)).sha256 != suite.sha256


FIELDS = {"id": "a", "text": TEXT, "subject": "cat", "object": "box", "relations": "LT"}
BAD_JSONL = [
    pytest.param("", r"no prompts", id="empty"),
    pytest.param('{"suite": "s"}\n', r"no prompts", id="header-alone"),
    pytest.param("\n{oops\n", r"line 2: not JSON", id="no-json"),
    pytest.param('"text"\n', r"line 1: expected a JSON object", id="no-object"),
    pytest.param('{"txet": "x"}\n', r"line 1: unknown key 'txet'; did you mean 'text'", id="unknown-key"),
    pytest.param('{"suite": "s", "versoin": "1"}\n', r"did you mean 'version'", id="unknown-header-key"),
    pytest.param(json.dumps({"id": "a"}), r"line 1: 'text' is missing", id="no-text"),
    pytest.param(json.dumps({"text": "x", "subject": "cat"}), r"missing: id, object, relations", id="some-fields"),
    pytest.param(json.dumps({**FIELDS, "relations": "LX"}), r"line 1: unknown relation in 'LX'", id="code"),
    pytest.param(json.dumps({**FIELDS, "relations": 3}), r"'relations' must be codes", id="no-code"),
    pytest.param(json.dumps({**FIELDS, "tags": "hard"}), r"'tags' must be a list", id="tags"),
    pytest.param(json.dumps({**FIELDS, "subject": None}), r"'subject' must be a text", id="null"),
    pytest.param(json.dumps({**FIELDS, "text": "\ud800"}), r"half a surrogate pair", id="surrogate"),
    pytest.param(json.dumps({"text": "A cat naps."}), r"line 1: cannot read the claim", id="grammar"),
    pytest.param(f"{json.dumps(FIELDS)}\n\n{json.dumps(FIELDS)}", r"line 3: the id 'a' was used on line 1", id="twice"),
]
BAD_CSV = [
    pytest.param("", r"no prompts", id="empty"),
    pytest.param(HEADER, r"no prompts", id="columns-alone"),
    pytest.param("animal,prompt\ncat,x\n", r"line 1: missing columns: type, prompt_id, object", id="columns"),
    pytest.param("text\nx\n", r"line 1: missing columns: prompt;", id="no-prompt-column"),
    pytest.param("prompt,prompt\nx,x\n", r"named twice: prompt", id="column-twice"),
    pytest.param(HEADER + "LR,p1,cat\n", r"line 2: expected 8 cells, one a column, got 3", id="short-row"),
    pytest.param(HEADER + ROW.replace("LR", "LX"), r"line 2: unknown relation in 'LX'", id="code"),
    pytest.param(HEADER + ROW.replace("LR", "RR"), r"line 2: initial_SR 'on the left of' says left, the type says right", id="initial"),
    pytest.param(HEADER + ROW.replace("LR", "LT"), r"line 2: final_SR 'to the right of' says right, the type says top", id="final"),
    pytest.param(HEADER + ROW.replace("on the left of,", "nearby,"), r"initial_SR 'nearby' is no relation", id="no-relation"),
    pytest.param(HEADER + ROW + "\n" + ROW, r"line 4: the id 'p1' was used on line 2", id="twice"),
    pytest.param(HEADER + ROW.replace("p1", ""), r"line 2: missing: id", id="no-id"),
    pytest.param('prompt\n"open\n', r"line 2: not a table", id="quote"),
    pytest.param('prompt_id,prompt\n"a\nb","A cat naps."\n', r"line 2: cannot read", id="cell-of-two-lines"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [pytest.param("a.jsonl", *p.values, id=f"jsonl-{p.id}") for p in BAD_JSONL]
    + [pytest.param("a.csv", *p.values, id=f"csv-{p.id}") for p in BAD_CSV],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(PromptError, match=message) as caught:
        read_suite(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"prompt\nA caf\xe9\n")
    with pytest.raises(PromptError, match="line 2: not UTF-8"):
        read_suite(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.jsonl", "cannot be read"),
        ("notes.md", "must be a .jsonl, .csv or .txt"),
        ("folder/absent", "must be a .jsonl, .csv or .txt"),
    ],
)
def test_bad_paths(tmp_path, source, message):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(PromptError, match=message):
        read_suite(tmp_path / source)


def test_built_in_names(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "DATA_FOLDER", tmp_path)
    write_suite(Suite("toy-1.0", "1.0", PROMPTS), tmp_path / "toy-1.0.jsonl")
    assert list_suites() == ["toy-1.0"]
    assert read_suite("toy-1.0").prompts == PROMPTS
    with pytest.raises(PromptError, match=r"no suite named 'toy-1'; did you mean 'toy-1\.0'\? Known: toy-1\.0"):
        read_suite("toy-1")


def test_every_suite_of_the_package_reads():
    for name in list_suites():
        assert read_suite(name).name == name


def test_get():
    suite = Suite("toy", "1", PROMPTS)
    assert suite.get("p2") is PROMPTS[1]
    assert list(suite) == list(PROMPTS)
    with pytest.raises(PromptError, match="no prompt 'p22' among its 2; did you mean"):
        suite.get("p22")


@pytest.mark.parametrize(("prompts", "message"), [((), "no prompts"), ((PROMPTS[0], PROMPTS[0]), "not: p1")])
def test_a_suite_checks_itself(prompts, message):
    with pytest.raises(PromptError, match=message):
        Suite("toy", "1", prompts)


def test_where_a_suite_cannot_be_written(tmp_path):
    suite = Suite("toy", "1", PROMPTS)
    with pytest.raises(PromptError, match=r"written as \.jsonl"):
        write_suite(suite, tmp_path / "a.csv")
    with pytest.raises(StoreError, match="cannot be written"):
        write_suite(suite, tmp_path / "no" / "a.jsonl")
