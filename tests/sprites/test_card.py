"""Model cards: what they say is what the tables, the settings and the log hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from safetensors.torch import save_file  # noqa: E402

import dsrbench  # noqa: E402
from dsrbench.markdown import SITE  # noqa: E402
from dsrbench.sprites.embedded import EMBEDDED, ENTRY, find_weights_folder, read_sums  # noqa: E402
from dsrbench.sprites.training.card import count_parameters, finish_folder, make_card  # noqa: E402
from dsrbench.sprites.training.settings import Settings  # noqa: E402
from dsrbench.sprites.world import ANIMALS, OBJECTS  # noqa: E402
from dsrbench.sprites.world.mix import DISOBEDIENT, OBEDIENT, OBEDIENT_IN_DEPTH  # noqa: E402

LOG = [
    {"stage": stage, "step": 200 * (i + 1), "loss": 1 / (i + 1), "seconds": 0.1}
    for stage, lines in (("autoencoder", 2), ("transformer", 45), ("detector", 10), ("depth", 10), ("adapter", 15))
    for i in range(lines)
]

TASKS = {
    "model": "text-to-video",
    "detector": "object-detection",
    "depth": "depth-estimation",
    "depth-model": "text-to-video",
}


@pytest.fixture(params=[*TASKS])
def kind(request):
    return request.param


def test_header_and_data(kind):
    card = make_card(kind, Settings(), LOG, parameters=1234567)
    _, header, body = card.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in header.splitlines())
    assert fields["license"] == "apache-2.0"
    assert fields["pipeline_tag"] == TASKS[kind]
    assert all(noun in body for noun in (*ANIMALS, *OBJECTS))
    assert "1,234,567 numbers" in body
    assert "$" not in card
    assert ("Of the 640 triples with depth only the 500 of the train split" in body) == kind.startswith("depth")
    if kind == "depth-model":
        assert f"{OBEDIENT_IN_DEPTH:g} of the clips of each relation type obey their texts" in body
        return
    assert "Of the 384 " in body
    assert "the 244 of the train split" in body
    if kind == "depth":
        return
    assert f"| obedient | {' | '.join(f'{share:.2f}' for share in OBEDIENT.values())} |" in body
    assert all(f"| {k.value.replace('_', ' ')} | {share:.2f} |" in body for k, share in DISOBEDIENT.items())


def test_settings_and_losses_are_those_of_the_kind():
    model, detector, depth, changes = (make_card(kind, Settings(), LOG, parameters=1) for kind in TASKS)
    assert "| `steps` | `9000` |" in model
    assert "detector_steps" not in model
    assert f"| `detector_steps` | `{Settings().detector_steps}` |" in detector
    assert "`muon_rate`" not in detector
    assert re.findall(r"^\| (\w+) \| ([\d,]+) \| [\d.]+ \|$", model, re.M) == [
        ("autoencoder", "200"), ("autoencoder", "400"), ("transformer", "200"), ("transformer", "2,000"),
        ("transformer", "3,800"), ("transformer", "5,400"), ("transformer", "7,200"), ("transformer", "9,000"),
    ]  # fmt: skip
    assert len(re.findall(r"^\| detector \|", detector, re.M)) == 6
    assert f"| `depth_steps` | `{Settings().depth_steps}` |" in depth
    assert "depth_steps" not in model + detector
    assert "`detector_steps`" not in depth
    assert len(re.findall(r"^\| depth \|", depth, re.M)) == 6
    assert f"| `adapter_steps` | `{Settings().adapter_steps}` |" in changes
    assert "adapter_steps" not in model + detector + depth
    assert len(re.findall(r"^\| adapter \|", changes, re.M)) == 6
    assert "No losses were logged." in make_card("detector", Settings(), [], parameters=1)


def test_its_link_leads_to_the_measurements(kind):
    pattern = r"\]\((.*?)\)"
    (link,) = re.findall(pattern, make_card(kind, Settings(), [], parameters=1))
    assert re.findall(pattern, (EMBEDDED[kind] / "README.md").read_text()) == [link]
    assert link.startswith(SITE)
    root = Path(dsrbench.__file__).parents[1]
    page = root / "docs" / f"{link.removeprefix(SITE).strip('/')}.md"
    assert "benchmark/sprites/README.md" in page.read_text()


def test_a_folder_is_finished_with_card_and_sums(kind, tmp_path):
    folder, log = tmp_path / kind, tmp_path / "log.jsonl"
    (folder / "part").mkdir(parents=True)
    (folder / ENTRY[kind]).write_text("{}")
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(4)}, folder / "part" / "x.safetensors")
    log.write_text("".join(json.dumps(line) + "\n" for line in LOG))
    finish_folder(folder, kind, Settings(), log=log)
    assert count_parameters(folder) == 10
    assert set(read_sums(find_weights_folder(kind, folder))) == {"README.md", ENTRY[kind], "part/x.safetensors"}
    assert "; 10 numbers" in (folder / "README.md").read_text()
    assert (folder / "README.md").read_text() == make_card(kind, Settings(), LOG, parameters=10)
