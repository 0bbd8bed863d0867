"""What computed a run: recorded beside the backends, kept when there is nothing to do, and no part of any key."""

from __future__ import annotations

import dataclasses
import platform

import pytest
from cli.clips import write_place

from dsrbench.analysis.compare import unlike_runtimes, unlike_settings
from dsrbench.evaluation import evaluate, plan_videos
from dsrbench.evaluation.defaults import choose_backends
from dsrbench.evaluation.runtime import describe_runtime
from dsrbench.prompts import read_suite
from dsrbench.store import DeviceRecord, Run, RunManifest

KINDS = {"1000_LR": "LR", "1001_LR": "RL"}


@pytest.fixture
def place(tmp_path):
    return write_place(tmp_path, **KINDS)


def run_eval(place, **more):
    options = {"detector": {"boxes": str(place / "boxes.jsonl")}}
    scorer = choose_backends(detector="scripted", options=options).make()
    run = Run(place / "run")
    evaluate(plan_videos(place / "videos", read_suite(place / "suite.jsonl"), **more), scorer, run)
    return run


def test_a_run_says_what_computed_it(place):
    (way,) = run_eval(place).manifest.runtime
    here = DeviceRecord("cpu", platform.machine(), "float32")
    assert (way.detector, way.tracker, way.generator, way.driver) == (here, here, None, None)
    assert all(version[0].isdigit() for version in way.libraries.values())
    assert not {"generator", "driver"} & set(way.to_json())


def test_a_run_that_goes_on_elsewhere_has_both(place):
    run = run_eval(place, limit=1)
    data = run.manifest
    there = dataclasses.replace(data.runtime[0], detector=DeviceRecord("cuda", "another card", "bfloat16"))
    run.write_manifest(dataclasses.replace(data, runtime=(there,)))
    run_eval(place, limit=1)
    assert run.manifest.runtime == (there,), "there was nothing to do"
    run_eval(place)
    assert run.manifest.runtime == (there, *data.runtime)


def test_a_network_says_where_it_is(tiny, device):
    options = {"detector": {"model": str(tiny("owlv2")), "dtype": "bfloat16"}, "tracker": {"model": str(tiny("sam2"))}}
    scorer = choose_backends(detector="owlv2", tracker="sam2", options=options).make()
    found = describe_runtime(scorer, None)
    assert (found.detector.device, found.detector.dtype) == (device, "bfloat16")
    assert (found.tracker.device, found.tracker.dtype) == (device, "float32")
    assert {"torch", "transformers"} <= set(found.libraries)
    assert (found.driver is not None) == (device == "cuda")


def test_runs_on_unlike_machines_are_compared_with_a_note():
    part = {"device": "cpu", "name": "x86_64", "dtype": "float32"}
    card = {"device": "cuda", "name": "NVIDIA H200", "dtype": "bfloat16"}
    detector = {"name": "owlv2", "options": {}, "fingerprint": {"commit": "a", "torch": "2.13", "transformers": "5.1"}}
    here = {"detector": detector, "runtime": [{"detector": part, "libraries": {"torch": "2.13"}}]}
    there = {
        "detector": {**detector, "fingerprint": {"commit": "a", "torch": "2.14", "transformers": "5.1"}},
        "runtime": [{"detector": card, "driver": "580.1"}],
        "packages": {"torch": "2.14", "numpy": "2"},
    }
    record = RunManifest.from_json
    assert unlike_settings(record(here), record(there)) == []
    assert unlike_runtimes(record({**here, "packages": {"torch": "2.13", "numpy": "1"}}), record(there)) == [
        "detector.device: 'cpu' -> 'cuda'",
        "detector.dtype: 'float32' -> 'bfloat16'",
        "detector.name: 'x86_64' -> 'NVIDIA H200'",
        "driver: None -> '580.1'",
        "libraries.torch: '2.13' -> '2.14'",
    ]
    old = {name: value for name, value in here.items() if name != "runtime"}
    old = record({**old, "packages": {"torch": "2.14"}})
    assert unlike_runtimes(old, record(there)) == [], "a run of 0.1 does not say"
    both = record({**here, "runtime": [*here["runtime"], {**here["runtime"][0], "second_detector": card}]})
    assert unlike_runtimes(record(here), both) == [], "a second detector changes no score"
    changed = {**detector, "fingerprint": {**detector["fingerprint"], "commit": "b"}}
    assert unlike_settings(record(here), record({"detector": changed})) == ["detector.fingerprint.commit: 'a' -> 'b'"]
