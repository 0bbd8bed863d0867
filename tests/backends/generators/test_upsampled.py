"""Files of upsampled prompts: what is in them, what is wrong with them, and the generators that are told them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fakes.video_service import Server

from dsrbench.backends.generators.http import Http
from dsrbench.backends.generators.upsampled import Line, Texts, command, format_lines, read_lines
from dsrbench.backends.registry import generators
from dsrbench.errors import BackendError, InputError
from dsrbench.evaluation.generation import refused_prompts
from dsrbench.evaluation.planning import plan_generation
from dsrbench.prompts import Suite, read_suite
from dsrbench.types import Clip
from dsrbench.video import write_mp4

PROMPTS = read_suite("sprites").prompts[:3]
LINES = [Line(p.text, f"{p.text} In the évening — softly.", "me") for p in PROMPTS[:2]]
GOOD = format_lines(LINES).decode()
ONE = json.dumps({"text": "a", "upsampled": "b", "upsampler": "me"})


def write(folder, text=GOOD):
    path = folder / "texts.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_is_written_is_read(tmp_path):
    lines = [*LINES, Line("a", "a", "me", "the answer is empty")]
    path = write(tmp_path, format_lines(lines))
    assert list(read_lines(path).values()) == lines
    assert [sorted(json.loads(line)) for line in path.read_text().splitlines()] == [
        ["text", "upsampled", "upsampler"],
        ["text", "upsampled", "upsampler"],
        ["note", "text", "upsampled", "upsampler"],
    ]
    assert read_lines(tmp_path / "none.jsonl") == {}
    by_hand = write(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n\r\n").encode())
    assert list(read_lines(by_hand).values()) == LINES, "with a mark, empty lines and the ends of lines of Windows"


def test_texts_and_what_is_recorded_of_them(tmp_path):
    raw, texts = Texts.read(None), Texts.read(write(tmp_path))
    assert (raw.of(PROMPTS[0]), raw.record) == (PROMPTS[0].text, "raw")
    assert [texts.of(prompt) for prompt in PROMPTS[:2]] == [line.upsampled for line in LINES]
    assert texts.record["upsampler"] == "me"
    before = texts.record["sha256"]
    assert Texts.read(write(tmp_path, GOOD.replace("softly", "slowly"))).record["sha256"] != before
    with pytest.raises(InputError) as caught:
        texts.of(PROMPTS[2])
    assert str(caught.value) == (
        f"{texts.source} lacks the prompt {PROMPTS[2].text!r}; add it with: {command(texts.source)}"
    )


BAD = [
    ("", "is empty; fill it with: dsrbench upsample SUITE --out "),
    ("\n \n", "is empty"),
    (f"{ONE}\n{{", "line 2: not JSON: "),
    (b"\xff\xfe", "line 1: not JSON: "),
    ("[" * 100_000, "line 1: not JSON: "),
    (f"\n{json.dumps([1])}", "line 2: expected a JSON object a line, got list"),
    (f"{ONE}\n\n{ONE}", "line 3: the prompt of line 1 again; one line a prompt"),
    (ONE.replace("me", " "), "line 1: 'upsampler' must be a text that is not empty, got ' '"),
    (ONE.replace('"b"', "3"), "line 1: 'upsampled' must be a text that is not empty, got 3"),
    ('{"text": "a", "upsampler": "me"}', "line 1: 'upsampled' must be a text that is not empty, got None"),
    (ONE.replace('"b"', '"\\ud800"'), "line 1: 'upsampled' has half a surrogate pair"),
    (ONE.replace("upsampler", "upsampled_by"), "line 1: unknown key 'upsampled_by'; did you mean 'upsampled'"),
    (f"{ONE}\n" + ONE.replace('"a"', '"c"').replace("me", "you"), "line 2: of 'you', and before it of 'me'"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        Texts.read(write(tmp_path, text))
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "texts.jsonl"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [".", "none.jsonl"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot be read \(.+\); make it with: dsrbench upsample SUITE --out "):
        Texts.read(tmp_path / name)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    path = tmp_path / "clip.mp4"
    write_mp4(path, np.full((4, 32, 48, 3), 99, np.uint8), fps=24)
    with Server(path.read_bytes()) as server:
        yield server


def make_http(server, path):
    options = {"url": server.url, "model": "toy-1", "poll": 0, "upsampled": path}
    return generators.create("http", {key: str(value) for key, value in options.items() if value is not None})


def test_a_hosted_model_is_sent_the_upsampled_prompt(server, tmp_path):
    made = make_http(server, write(tmp_path))
    clips = list(made.instance.generate(PROMPTS[:2], [0, 0]))
    extended = [line.upsampled for line in LINES]
    assert all(isinstance(clip, Clip) for clip in clips)
    assert [clip.text for clip in clips] == extended
    assert [fields["prompt"] for fields in server.submitted.values()] == extended
    assert made.record().fingerprint["text"] == Texts.read(tmp_path / "texts.jsonl").record
    assert made.record().options["upsampled"] == "texts.jsonl"
    raw = make_http(server, None)
    assert (raw.record().fingerprint["text"], raw.digest != made.digest) == ("raw", True)
    list(raw.instance.generate(PROMPTS[:1], [0]))
    assert len(server.submitted) == 3, "the raw prompt is another job"


def test_prompts_a_file_lacks_are_refused_before_any_video(server, tmp_path):
    made = make_http(server, write(tmp_path))
    plan = plan_generation(Suite("mine", "", PROMPTS), model="toy", seeds=[0])
    refused = refused_prompts(plan, made)
    assert list(refused) == [PROMPTS[2].id]
    assert "add it with: dsrbench upsample SUITE --out " in refused[PROMPTS[2].id]
    with pytest.raises(BackendError, match="it can make none of the suite's prompts"):
        refused_prompts(plan_generation(Suite("mine", "", PROMPTS[2:]), model="toy", seeds=[0]), made)
    with pytest.raises(InputError, match="lacks the prompt"):
        next(made.instance.generate(PROMPTS[2:], [0]))
    assert server.submitted == {}


def test_a_bad_file_is_said_when_the_generator_is_made(server, tmp_path):
    with pytest.raises(InputError, match="line 1: not JSON"):
        Http(url=server.url, model="toy-1", upsampled=write(tmp_path, "{"))
