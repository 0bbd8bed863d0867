"""`dsrbench eval` as a user runs it, on small H.264 clips: scores, resumption, and what every error looks like."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import av
import pytest
from clips import (
    TEXT,
    box_line,
    command,
    dsrbench,
    environment,
    error_line,
    write_boxes,
    write_clips,
    write_place,
    write_suite,
)
from clips import write_weights as make_weights
from factories.shapes import make_picodet

from dsrbench.store import Run

KINDS = {"1000_LR": "LR", "1001_LR": "RL", "1002_LR": "L"}
IDS = tuple(KINDS)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return make_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def place(tmp_path):
    """A folder with three clips, their suite and their boxes; commands run in it."""
    return write_place(tmp_path, **KINDS)


SCRIPTED = ("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl")


def run_eval(place, *more, videos="videos", suite="suite.jsonl", detector=SCRIPTED, **options):
    asked = ("--suite", suite) if suite else ()
    return dsrbench("eval", "--videos", videos, *asked, *detector, *more, cwd=place, **options)


def statuses(place, out="runs/videos-suite"):
    return [sample.score.status.value for sample in Run.open(place / out).samples()]


def diagnoses(place, out="runs/videos-suite"):
    return [s.score.diagnosis and s.score.diagnosis.value for s in Run.open(place / out).samples()]


def temporary_files(folder):
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".part"))]


def test_from_pixels_to_a_page(place, weights):
    detector = ("--detector", "picodet", "-o", f"detector.weights={weights}")
    done = run_eval(place, detector=detector)
    assert (done.returncode, "scoring: 3/3" in done.stderr) == (0, True), done.stderr
    assert done.stderr.startswith("3 samples of 1 model(s), suite suite: runs/videos-suite\n")
    assert "33.3 %" in done.stdout
    assert "Page: runs/videos-suite/report/index.html" in done.stdout
    assert diagnoses(place) == ["correct", "reversed", "static"]
    run = place / "runs/videos-suite"
    assert (run / "report/index.html").is_file()
    assert json.loads((run / "report/summary.json").read_text())["n_scored"] == 3
    # again: nothing to do, and the same bytes
    table = (run / "samples.parquet").read_bytes()
    assert run_eval(place, detector=detector).returncode == 0
    assert (run / "samples.parquet").read_bytes() == table


def test_scripted_boxes(place):
    assert run_eval(place).returncode == 0
    assert diagnoses(place) == ["correct", "reversed", "static"]


def test_a_suite_in_the_columns_of_the_paper(place):
    header = "type,prompt_id,animal,object,scene,initial_SR,final_SR,prompt"
    rows = [f'LR,{i},cat,chair,"In a den, ",on the left of,to the right of,"In a den, {TEXT}"' for i in IDS]
    (place / "paper.csv").write_text("\n".join([header, *rows]))
    assert run_eval(place, suite="paper.csv").returncode == 0
    assert diagnoses(place, "runs/videos-paper") == ["correct", "reversed", "static"]


def test_a_manifest_without_a_suite(place):
    rows = [f'videos/{name}.mp4,{name},"{TEXT}",wan,{seed}' for seed, name in enumerate(KINDS)]
    rows += [f'videos/none.mp4,1003,"{TEXT}",wan,0']
    (place / "m.csv").write_text("\n".join(["video,prompt_id,prompt,model,seed", *rows]))
    done = run_eval(place, videos="m.csv", suite=None)
    assert (
        error_line(done, 8)
        == "dsrbench: 1 of 4 samples failed; the first is wan/1003/0: no such video: videos/none.mp4"
    )
    samples = Run.open(place / "runs/wan-m").samples()
    assert [str(s.id) for s in samples] == ["wan/1000_LR/0", "wan/1001_LR/1", "wan/1002_LR/2", "wan/1003/0"]


def test_files_that_are_no_good_cost_their_own_sample_only(place):
    good = (place / "videos/1000_LR.mp4").read_bytes()
    bad = {
        "empty": b"",
        "text": b"this is no video\n" * 300,
        "cut": good[: len(good) * 2 // 3],
        "start": good[:40],
        "noise": bytes(i * 37 % 251 for i in range(5000)),
        "picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        "zeros": b"\0" * 4096,
    }
    for name, data in bad.items():
        (place / f"videos/{name}.mp4").write_bytes(data)
    with av.open(str(place / "videos/frameless.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=16)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.start_encoding()
    (place / "videos/folder.mp4").mkdir()
    (place / "videos/gone.mp4").symlink_to("nowhere.mp4")
    names = [*bad, "frameless", "gone"]
    write_suite(place / "suite.jsonl", *IDS, *names)
    write_boxes(place / "boxes.jsonl", **KINDS, **dict.fromkeys(names, "LR"))
    done = run_eval(place)
    assert error_line(done, 8).startswith(f"dsrbench: {len(names)} of {len(names) + 3} samples failed; the first is ")
    samples = {s.prompt.id: s for s in Run.open(place / "runs/videos-suite").samples()}
    assert {name for name, s in samples.items() if s.score.status.value == "scored"} == set(KINDS)
    for name in names:
        reason = samples[name].score.reason
        assert reason.startswith(f"{name}.mp4: "), reason
        assert "crashed" not in reason
        assert "\n" not in reason
    assert (place / "runs/videos-suite/report/index.html").is_file()
    # mended, they are scored, and the command ends well
    for name in names:
        (place / f"videos/{name}.mp4").unlink()
        (place / f"videos/{name}.mp4").write_bytes(good)
    assert run_eval(place).returncode == 0
    assert set(statuses(place)) == {"scored"}


def test_boxes_that_are_no_good_cost_their_own_sample_only(place):
    nan, short, unlike = box_line("1000_LR.mp4"), box_line("1001_LR.mp4"), box_line("1002_LR.mp4")
    nan["frames"][3]["boxes_xyxy"][0][0] = float("nan")
    short["frames"][2]["scores"] = [0.5]
    unlike["frames"][1] = {"frame": 1, "labels": ["cat"], "boxes_xyxy": []}
    write_suite(place / "suite.jsonl", *IDS, "1003_LR", "1004_LR", "1005_LR")
    write_clips(place / "videos", **{"1003_LR": "LR", "1004_LR": "LR", "1005_LR": "LR"})
    wild = box_line("1004_LR.mp4")
    wild["frames"][0]["scores"] = ["high", 1]
    lines = [nan, short, unlike, box_line("1003_LR.mp4"), wild]
    (place / "boxes.jsonl").write_text("\n".join(map(json.dumps, lines)))
    error_line(run_eval(place), 8)
    samples = Run.open(place / "runs/videos-suite").samples()
    reasons = [s.score.reason for s in samples]
    assert reasons[0].startswith("frame 3: expected a box x0 <= x1")
    assert reasons[1].startswith("frame 2: expected 2 scores in 0..1, one a box, got [0.5]")
    assert reasons[2].startswith("frame 1: expected a label a box")
    assert (samples[3].score.status.value, reasons[3]) == ("scored", "")
    assert reasons[4].startswith("frame 0: expected 2 scores in 0..1")
    assert reasons[5] == "boxes.jsonl has no boxes for video '1005_LR.mp4'"


def test_a_noun_without_a_class_is_told_and_is_no_failure(place, weights):
    line = {"id": "1000_LR", "text": "A gryphon.", "subject": "gryphon", "object": "chair", "relations": "LR"}
    (place / "suite.jsonl").write_text(json.dumps(line))
    done = run_eval(place, "--partial", detector=("--detector", "picodet", "-o", f"detector.weights={weights}"))
    assert done.returncode == 0
    assert "note: 1 prompts cannot be scored and are invalid: picodet has no class for 'gryphon'" in done.stderr
    assert statuses(place) == ["invalid"]


def test_prompts_without_videos(place):
    write_suite(place / "suite.jsonl", *IDS, "1003_LR")
    assert error_line(run_eval(place), 8).endswith("videos/1003_LR/0: no video for this prompt")
    assert statuses(place) == ["scored"] * 3 + ["failed"]
    assert run_eval(place, "--partial").returncode == 0
    assert statuses(place) == ["scored"] * 3
    assert "6 samples failed" not in error_line(run_eval(place, "--seeds", "0..1"), 8)
    assert statuses(place).count("failed") == 5


ERRORS = [
    # arguments beside --videos and --suite, exit code, words of the message
    ({"videos": "nowhere"}, (), 3, ["no such folder or video list: nowhere"]),
    ({"videos": "hollow"}, (), 3, ["hollow is empty; expected videos"]),
    ({"suite": None}, (), 3, ["give --suite SUITE"]),
    ({"suite": "empty.jsonl"}, (), 3, ["empty.jsonl: the suite has no prompts"]),
    ({"suite": "absent.csv"}, (), 3, ["absent.csv: the suite cannot be read (No such file"]),
    ({"suite": "other.jsonl"}, (), 3, ["none of the 3 videos in videos names a prompt of suite 'other'"]),
    ({"detector": ("--detector", "scriptd")}, (), 5, ["no detector named 'scriptd'; did you mean 'scripted'?"]),
    ({}, ("--tracker", "assignmnt"), 5, ["no tracker named 'assignmnt'; did you mean 'assignment'?"]),
    ({}, ("-o", "detector.boxs=1"), 3, ["detector 'scripted' has no option 'boxs'; did you mean 'boxes'?"]),
    ({}, ("-o", "tracker.gop=1"), 3, ["tracker 'assignment' has no option 'gop'; did you mean 'gap'?"]),
    ({}, ("-o", "traker.gap=1"), 3, ["unknown kind 'traker'", "did you mean 'tracker'"]),
    ({}, ("-o", "gap"), 3, ["expected an option such as detector.threshold=0.2, got 'gap'"]),
    ({}, ("-o", "tracker.gap=many"), 3, ["option 'gap' of tracker 'assignment': expected int"]),
    ({}, ("-o", "tracker.jump=-1"), 3, ["expected jump >= 0"]),
    ({"detector": ("--detector", "scripted")}, (), 3, ["needs the boxes: -o detector.boxes=FILE.jsonl"]),
    ({}, ("-o", "detector.boxes=none.jsonl"), 3, ["cannot read boxes from none.jsonl: No such file"]),
    ({}, ("-o", "detector.boxes=twice.jsonl"), 3, ["twice.jsonl, line 2: video 'a' is given twice"]),
    ({}, ("-o", "detector.boxes=bad.jsonl"), 3, ["bad.jsonl, line 1: expected a video and its frames"]),
    ({}, ("-o", "detector.boxes=deep.jsonl"), 3, ["deep.jsonl, line 1: expected a video and its frames"]),
    ({"detector": ("--detector", "picodet")}, ("--offline",), 7, ["picodet. With a network", "backends pull picodet"]),
    ({"detector": ("--detector", "picodet", "-o", "detector.weights=90.onnx")}, (), 5, ["90.onnx is another model"]),
    ({"detector": ("--detector", "picodet", "-o", "detector.weights=no.onnx")}, (), 5, ["no such weights: no.onnx"]),
    ({}, ("--out", "suite.jsonl"), 6, ["cannot write suite.jsonl"]),
    ({}, ("--out", "suite.jsonl/x"), 6, ["cannot write suite.jsonl/x"]),
]  # fmt: skip


def test_damaged_files_of_a_finished_run(place):
    assert run_eval(place).returncode == 0
    folder = place / "runs/videos-suite"
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "log.jsonl"}
    for name in ("report/summary.json", "report/index.html", "samples.parquet", "files.parquet"):
        (folder / name).write_bytes(kept[folder / name][:40])
        done = run_eval(place)
        assert done.returncode == 0, done.stderr
        assert {path: path.read_bytes() for path in kept} == kept, name
    (folder / "run.json").write_text('{"schema": 1, "sui')
    line = error_line(run_eval(place), 6)
    assert "delete that file and run the same dsrbench eval again: finished samples are kept" in line
    (folder / "run.json").unlink()
    assert run_eval(place).returncode == 0
    made = json.loads((folder / "run.json").read_bytes())
    assert made == {**json.loads(kept[folder / "run.json"]), "runtime": []}, "what computed the samples is not known"
    show_the_manifest = ("run.json", "source.json", "summary.json", "index.html")
    assert [path for path in kept if path.read_bytes() != kept[path] and path.name not in show_the_manifest] == []
    log = [json.loads(line)["event"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log.count("evaluated") == 3, "no sample was done again"


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory):
    place = tmp_path_factory.mktemp("errors")
    write_clips(place / "videos", **KINDS)
    (place / "hollow").mkdir()
    write_suite(place / "suite.jsonl", *IDS)
    write_suite(place / "other.jsonl", "x")
    write_boxes(place / "boxes.jsonl", **KINDS)
    (place / "empty.jsonl").write_text("\n")
    (place / "twice.jsonl").write_text('{"video": "a", "frames": []}\n' * 2)
    (place / "bad.jsonl").write_text('{"video": "a"}\n')
    (place / "deep.jsonl").write_text("[" * 100_000)
    make_picodet(place, classes=90).rename(place / "90.onnx")
    return place


@pytest.mark.parametrize(("how", "more", "code", "words"), ERRORS, ids=[words[0][:50] for *_, words in ERRORS])
def test_errors_are_one_line(shared_place, how, more, code, words):
    done = run_eval(shared_place, *more, env={"DSRBENCH_CACHE": str(shared_place / "cache")}, **how)
    line = error_line(done, code)
    for word in words:
        assert word in line
    assert done.stdout == ""
    assert not (shared_place / "runs").exists(), "nothing is written for a command that cannot work"


def test_an_absent_package_is_named(shared_place):
    done = run_eval(shared_place, detector=("--detector", "picodet"), before="sys.modules['onnxruntime'] = None\n")
    assert "pip install 'dsrbench[picodet]'" in error_line(done, 5)


def test_a_run_of_other_settings_is_refused(place):
    assert run_eval(place).returncode == 0
    table = (place / "runs/videos-suite/samples.parquet").read_bytes()
    write_boxes(place / "more.jsonl", **{name: "LR" for name in IDS})
    other = ("--detector", "scripted", "-o", "detector.boxes=more.jsonl")
    line = error_line(run_eval(place, detector=other), 6)
    assert "runs/videos-suite holds a run with other settings (detector.fingerprint.boxes: " in line
    assert (place / "runs/videos-suite/samples.parquet").read_bytes() == table
    assert run_eval(place, "--force", detector=other).returncode == 0
    assert diagnoses(place) == ["correct"] * 3


def test_a_folder_that_another_process_works_on(place):
    with Run(place / "out").lock():
        line = error_line(run_eval(place, "--out", "out"), 6)
    assert line == "dsrbench: another process works on out; wait for it to end, or give another --out folder"
    assert run_eval(place, "--out", "out").returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk that can grow; skipped where the test may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")

    def resize(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
        return folder

    yield resize
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(place, small_disk):
    """Full at the manifest, in the middle, at the table, at the page: one line, whole files, and on it goes."""
    assert run_eval(place, "--out", "whole").returncode == 0
    whole = (place / "whole/samples.parquet").read_bytes()
    reached = []
    for size in ("4k", "24k", "40k", "64k", "96k"):
        folder = small_disk(size)
        line = error_line(run_eval(place, "--out", folder / "run"), 6)
        assert "disk full while writing" in line
        assert "free space and run the same command again" in line
        assert temporary_files(folder) == []
        run = Run(folder / "run")
        for path in folder.rglob("*.json"):
            json.loads(path.read_bytes())
        reached.append(len(run.written_samples()))
        if run.disk.exists("samples.parquet"):
            assert run.disk.read("samples.parquet") == whole
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (0, 3), "the sizes above no longer cover a run: choose others"
    folder = small_disk("2m")
    assert run_eval(place, "--out", folder / "run").returncode == 0
    assert (folder / "run/samples.parquet").read_bytes() == whole
    assert (folder / "run/report/index.html").is_file()


@pytest.fixture
def many(tmp_path):
    names = {f"{1000 + i}_LR": kind for i, kind in zip(range(10), itertools.cycle(["LR", "RL", "L"]), strict=False)}
    write_clips(tmp_path / "videos", **names)
    write_suite(tmp_path / "suite.jsonl", *names)
    return tmp_path


def wait_for(condition, child, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert child.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < end
        time.sleep(0.005)


def test_an_interrupt_keeps_what_is_finished(many, weights):
    arguments = ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--out", "run",
                 "--detector", "picodet", "-o", f"detector.weights={weights}")  # fmt: skip
    run = Run(many / "run")
    with subprocess.Popen(
        command(*arguments), cwd=many, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        wait_for(lambda: len(run.disk.list("samples", ".json")) >= 2, child)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last == "dsrbench: interrupted; what was finished is kept, the same command goes on from there"
    kept = {path: path.stat().st_mtime_ns for path in (many / "run/detections").rglob("*.npz")}
    assert 2 <= len(kept) < 10
    assert dsrbench(*arguments, cwd=many).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was finished is not made again"
    assert statuses(many, "run") == ["scored"] * 10


def test_on_a_terminal_names_are_names_and_not_markup(tmp_path):
    """A bar is shown; what looks like markup in a file's name neither breaks nor vanishes."""
    write_clips(tmp_path / "videos" / "a[", **{"b]1000_LR[bold]": "LR"})
    write_suite(tmp_path / "suite.jsonl", "1000_LR")
    write_boxes(tmp_path / "boxes.jsonl", **{"b]1000_LR[bold]": "LR"})
    ours, theirs = pty.openpty()
    said = []

    def listen():
        with open(ours, "rb", buffering=0) as stream:
            try:
                while data := stream.read(4096):
                    said.append(data)
            except OSError:  # how Linux says that the other end was closed
                return

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        done = run_eval(tmp_path, capture_output=False, stdout=subprocess.PIPE, stderr=theirs, env={"TERM": "xterm"})
    finally:
        os.close(theirs)
        listener.join()
    shown = b"".join(said).decode()
    assert done.returncode == 0, shown
    assert "scoring a[/b]1000_LR[bold].mp4" in shown.replace("\r\n", "").replace("\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such names")
def test_names_that_are_no_text(place):
    """Latin-1 bytes in a name, as old archives have them."""
    os.rename(place / "videos/1000_LR.mp4", os.fsencode(place) + b"/videos/caf\xe9_1000_LR.mp4")
    (place / "boxes.jsonl").write_text(
        json.dumps(box_line("caf\ufffd_1000_LR.mp4")) + "\n" + (place / "boxes.jsonl").read_text()
    )
    done = run_eval(place)
    assert done.returncode == 0, done.stderr
    assert statuses(place) == ["scored"] * 3
    assert (place / "runs/videos-suite/videos/caf\ufffd_1000_LR.mp4").is_file()
    assert run_eval(place).returncode == 0
