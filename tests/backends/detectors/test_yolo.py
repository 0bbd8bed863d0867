"""YOLO through the registry, on real ultralytics models of random weights; nothing is downloaded."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from dsrbench.backends.detectors.nouns import ANIMALS, COCO_CLASSES
from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError, OptionError, WeightsError
from dsrbench.geometry import iou_matrix


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSRBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A YOLO11n of random weights with COCO's names; normalised on noise, it sees animals and chairs everywhere."""
    import torch

    from dsrbench.backends.detectors.yolo import import_ultralytics

    torch.manual_seed(3)
    model = import_ultralytics().YOLO("yolo11n.yaml")
    model.model.names = dict(enumerate(COCO_CLASSES))
    seen = [COCO_CLASSES.index(name) for name in (*ANIMALS, "chair")]
    with torch.no_grad():
        for module in model.model.modules():
            if isinstance(module, torch.nn.Conv2d) and module.weight.requires_grad:
                torch.nn.init.kaiming_normal_(module.weight)
        head = model.model.model[-1]
        for boxes, scores in zip(head.cv2, head.cv3, strict=True):
            boxes[-1].bias[:] = -1.5 * torch.arange(16).repeat(4)  # small boxes
            torch.nn.init.normal_(scores[-1].weight, std=0.3)
            scores[-1].bias[:] = -9.0
            scores[-1].bias[seen] = -1.0
        model.model.train()
        for _ in range(40):
            model.model(torch.rand(4, 3, 96, 96))
        model.model.eval()
    path = tmp_path_factory.mktemp("weights") / "coco.pt"
    model.save(path)
    return path


def create(weights, **options):
    return detectors.create("yolo", {"weights": str(weights), "image_size": "96", **options})


def noise(n_frames=3, size=(120, 80)):
    return np.random.default_rng(5).integers(0, 256, (n_frames, size[1], size[0], 3), dtype=np.uint8)


def test_a_saved_model_comes_back_by_path(weights):
    backend = create(weights)
    assert list(backend.instance.class_names) == list(COCO_CLASSES)
    assert list(backend.fingerprint["weights"]) == ["coco.pt"]
    assert backend.fingerprint["ultralytics"]
    found = backend.instance.detect(noise(), ["cat", "chair"])
    assert len(found) == 3
    assert {label for frame in found for label in frame.label.tolist()} == {0, 1}
    for frame in found:
        assert (frame.score >= 0.05).all()
        assert (frame.score <= 1).all()
        assert (frame.xyxy >= 0).all()
        assert (frame.xyxy <= [120, 80, 120, 80]).all()


def test_the_same_boxes_as_the_model_itself_sees(weights):
    """Against ultralytics' own prediction from the same pixels, given as BGR."""
    from dsrbench.backends.detectors.yolo import import_ultralytics

    frames = noise(2)
    model = import_ultralytics().YOLO(str(weights))
    cat = COCO_CLASSES.index("cat")
    results = model.predict(
        [np.ascontiguousarray(frame[..., ::-1]) for frame in frames], imgsz=96, conf=0.05, iou=0.6, verbose=False
    )
    for frame, result in zip(create(weights).instance.detect(frames, ["cat", "chair"]), results, strict=True):
        rows = result.boxes.data.numpy()
        rows = rows[rows[:, 5] == cat]
        best = rows[:, 4].argmax()
        np.testing.assert_allclose(frame.xyxy[frame.label == 0][0], rows[best, :4], atol=1e-3)
        np.testing.assert_allclose(frame.score[frame.label == 0][0], rows[best, 4], rtol=1e-4)


def test_channels_are_red_green_blue(weights):
    frames = noise(1)
    (right,) = create(weights).instance.detect(frames, ["cat", "chair"])
    (wrong,) = create(weights).instance.detect(frames[..., ::-1], ["cat", "chair"])
    assert right.score.tolist() != pytest.approx(wrong.score.tolist())


def test_batches_do_not_change_boxes(weights):
    frames = noise(5)
    one, four = (create(weights, batch=n).instance.detect(frames, ["cat", "chair"]) for n in ("1", "4"))
    for a, b in zip(one, four, strict=True):
        assert a.label.tolist() == b.label.tolist()
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=1e-2)
        np.testing.assert_allclose(a.score, b.score, atol=1e-4)


def test_one_label_of_many_classes_is_suppressed_as_one(weights):
    detector = create(weights, any_animal="true", nms="0.3").instance
    assert detector.check_labels(["fox", "chair"]) == {"fox": "any animal"}
    for frame in detector.detect(noise(), ["fox", "chair"]):
        animals = frame.xyxy[frame.label == 0]
        overlaps = iou_matrix(animals, animals) - np.eye(len(animals))
        assert len(animals) > 1
        assert overlaps.max() <= 0.3


def test_no_frames_give_no_detections(weights):
    assert create(weights).instance.detect(np.empty((0, 80, 120, 3), np.uint8), ["cat", "chair"]) == []


def test_an_unknown_noun_is_refused(weights):
    with pytest.raises(BackendError, match="yolo has no class for 'rock'"):
        create(weights).instance.detect(noise(1), ["cat", "rock"])


def test_a_name_is_looked_for_in_the_weights_folder(weights):
    from dsrbench.hub import weights_folder

    weights_folder("yolo").mkdir(parents=True)
    (weights_folder("yolo") / "mine.pt").write_bytes(weights.read_bytes())
    assert create("mine.pt").fingerprint["weights"].keys() == {"mine.pt"}


def test_random_weights_are_recorded_as_such_and_repeat():
    backends = [create("yolo11n.yaml", threshold="0.000001") for _ in range(2)]
    assert backends[0].fingerprint["weights"] == {"yolo11n.yaml": "random, seed 0"}
    first, second = (backend.instance.detect(noise(1), ["3", "5"])[0] for backend in backends)
    np.testing.assert_array_equal(first.xyxy, second.xyxy)


def assert_refused(path, message):
    with pytest.raises(WeightsError, match=message) as caught:
        create(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["yolo11x.pt", "no/such/yolo11n.pt", "https://example.org/yolo11n.pt"])
def test_absent_weights_are_never_fetched(name):
    assert_refused(name, r"no such weights: .*github\.com/ultralytics/assets.*-o detector\.weights=PATH")


@pytest.mark.parametrize("name", ["nosuch.yaml", "yolo11n.onnx", "yolo11n", "ul://a/b"])
def test_other_names_are_refused(name):
    assert_refused(name, "is refused|expected a .pt file")


@pytest.mark.parametrize("content", [b"", b"hello\n" * 99, b"PK\x03\x04 no zip after all"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "m.pt").write_bytes(content)
    assert_refused(tmp_path / "m.pt", "is refused: no ultralytics model")


def test_a_checkpoint_cut_short_is_refused(weights, tmp_path):
    (tmp_path / "m.pt").write_bytes(weights.read_bytes()[:100_000])
    assert_refused(tmp_path / "m.pt", "is refused: no ultralytics model")


class Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("how", ["torch", "torch-legacy", "pickle", "inside-a-model"])
def test_a_checkpoint_with_code_inside_is_refused_and_not_run(weights, tmp_path, how):
    import torch

    path, trace = tmp_path / "evil.pt", tmp_path / "executed"
    if how == "pickle":
        path.write_bytes(pickle.dumps({"model": Touch(trace)}))
    elif how == "inside-a-model":
        model = create(weights).instance._model
        torch.save({**model.ckpt, "model": model.model, "extra": Touch(trace)}, path)
    else:
        torch.save({"model": Touch(trace)}, path, _use_new_zipfile_serialization=how == "torch")
    assert_refused(path, "with code inside that would run on loading")
    assert not trace.exists()
    if how == "pickle":  # the trap does work
        pickle.loads(path.read_bytes())
        assert trace.exists()


def test_a_checkpoint_without_a_model_is_refused(tmp_path):
    import torch

    torch.save({"epoch": 3}, tmp_path / "m.pt")
    assert_refused(tmp_path / "m.pt", "is refused: no ultralytics model")


def test_a_model_for_another_task_is_refused():
    assert_refused("yolo11n-cls.yaml", "is a model for 'classify'; expected one for 'detect'")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", "0", "threshold must lie"),
        ("nms", "2", "nms must lie"),
        ("batch", "0", "batch >= 1"),
        ("image_size", "8", "image_size >= 32"),
        ("device", "abacus", "device 'abacus' cannot be used"),
        ("imagesize", "8", "did you mean 'image_size'"),
    ],
)
def test_bad_options_are_refused(weights, name, value, message):
    with pytest.raises(OptionError, match=message) as caught:
        create(weights, **{name: value})
    assert "\n" not in str(caught.value)


AUDIT = """
import json, sys
asked = []
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append([event, repr(args[1:])])
sys.addaudithook(watch)
import numpy as np
from dsrbench.backends.registry import detectors
detector = detectors.create("yolo", {"weights": sys.argv[1], "image_size": "64"}).instance
detector.detect(np.zeros((2, 40, 60, 3), np.uint8), ["cat", "chair"])
import time; time.sleep(0.5)  # what a thread in the background would ask
print(json.dumps(asked))
"""


def run_alone(code, *arguments, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO", "ULTRALYTICS", "MPL", "XDG"))}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**kept, **environment},
        check=True,
    )


def test_no_network_and_nothing_in_the_home_directory(weights, tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    code = f"import os; os.chdir({str(work)!r})\n" + AUDIT
    done = run_alone(code, weights, HOME=str(home), DSRBENCH_CACHE=str(tmp_path / "cache"))
    assert json.loads(done.stdout) == []
    assert [*home.rglob("*"), *work.rglob("*")] == []
    assert (tmp_path / "cache" / "ultralytics").is_dir()


def test_the_audit_would_hear_a_question():
    code = AUDIT.split("import numpy")[0] + "import socket\nsocket.getaddrinfo('127.0.0.1', 9)\nprint(asked)"
    assert "socket.getaddrinfo" in run_alone(code).stdout


def test_ultralytics_imported_before_with_its_own_settings_is_refused(weights, tmp_path):
    code = (
        "import sys, ultralytics, ultralytics.utils\n"
        "from dsrbench.backends.registry import detectors\n"
        "try: detectors.create('yolo', {'weights': sys.argv[1]})\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = run_alone(code, weights, HOME=str(tmp_path), YOLO_OFFLINE="True", DSRBENCH_CACHE=str(tmp_path / "cache"))
    assert "BackendError ultralytics was imported before" in done.stdout
    assert "ULTRALYTICS_SAFE_LOAD=True" in done.stdout


def test_a_missing_package_is_named(tmp_path):
    code = (
        "import sys; sys.modules['ultralytics'] = None\n"
        "from dsrbench.backends.registry import detectors\n"
        "from dsrbench.errors import MissingExtraError\n"
        "try: detectors.create('yolo')\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = run_alone(code, DSRBENCH_CACHE=str(tmp_path))
    assert "detector 'yolo' needs the package 'ultralytics'" in done.stdout
    assert "pip install 'dsrbench[yolo]'" in done.stdout
