"""How many prompts of public benchmarks the grammar reads, and whether it reads them as their files' fields say.

The files are the user's: a folder with `vbench_spatial.json` (VBench) and `vbench2_dynamic_spatial.txt` (VBench-2.0).
VBench's fields are nouns and relation; VBench-2.0 has none, so that a regular expression that knows nothing of the
grammar takes them from its sentences, which all have one form.

Run `python benchmark/comparison/read_prompts.py --folder FOLDER` to print the table and to write it into the README.md
beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dsrbench import parse_prompt
from dsrbench.errors import PromptError
from dsrbench.markdown import rewrite_table

README = Path(__file__).with_name("README.md")
MARK = "<!-- table: read_prompts.py -->"
CODES = {"on the left of": "L", "on the right of": "R", "on the top of": "T", "on the bottom of": "U"}
WORDS = (
    ("front", "F"),
    ("back", "B"),
    ("behind", "B"),
    ("left", "L"),
    ("right", "R"),
    ("bottom", "U"),
    ("under", "U"),
    ("above", "T"),
    ("top", "T"),
    ("on", "T"),
)
"""Words of VBench-2.0's phrases, the first that is there counts."""

Expected = tuple[str, tuple[str, str, str]]
"""A text with its subject, object and type."""


def read_vbench(folder: Path) -> Iterator[Expected]:
    """Prompts of VBench with their fields."""
    for item in json.loads((folder / "vbench_spatial.json").read_text(encoding="utf-8")):
        yield item["prompt_en"], (item["object_a_en"], item["object_b_en"], CODES[item["relationship_en"]])


def read_vbench2(folder: Path) -> Iterator[Expected]:
    """Prompts of VBench-2.0 with what a regular expression takes from them."""
    for line in (folder / "vbench2_dynamic_spatial.txt").read_text(encoding="utf-8").splitlines():
        if text := line.strip():
            first, second = text.rstrip(".").split(", then ")
            match = re.match(r"An? (\w+) is (.*?(?:a|an|the) ((?:\w+ )?\w+))$", first)
            assert match is not None, text
            codes = (next(code for word, code in WORDS if word in part) for part in (match[2], second))
            yield text, (match[1], match[3], "".join(codes))


def make_table(folder: Path) -> str:
    """The counts as Markdown, with the texts that are not read."""
    rows = ["| file | prompts | read as its fields say | read otherwise | refused |", "|---|---|---|---|---|"]
    for name, read in (("VBench, spatial relationship", read_vbench), ("VBench-2.0, dynamic spatial", read_vbench2)):
        counts = {"equal": 0, "other": 0, "refused": 0}
        prompts = list(read(folder))
        for text, expected in prompts:
            try:
                prompt = parse_prompt(text)
            except PromptError:
                counts["refused"] += 1
                continue
            counts["equal" if (prompt.subject, prompt.object, prompt.type) == expected else "other"] += 1
        rows.append(f"| {name} | {len(prompts)} | " + " | ".join(map(str, counts.values())) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=os.environ.get("DSRBENCH_PROMPTS_DIR"), required=False)
    folder = parser.parse_args().folder
    if folder is None:
        parser.error("give --folder, or set DSRBENCH_PROMPTS_DIR")
    table = make_table(Path(folder))
    rewrite_table(README, table, start=MARK)
    print(table)
