"""Every detector of `transformers`, on tiny random models saved to a folder and loaded as a user would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dsrbench.backends.base import Detector
from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError, OptionError, WeightsError
from dsrbench.geometry import iou_matrix
from dsrbench.records import to_json

MODELS = [
    # backend, model, a threshold that random weights pass
    ("grounding-dino", "grounding_dino", 0.001),
    ("grounding-dino", "mm_grounding_dino", 0.001),
    ("owlv2", "owlv2", 0.0001),
    ("omdet-turbo", "omdet_turbo", 0.001),
    ("sam3", "sam3", 0.001),
    ("detr", "rt_detr", 0.02),
    ("detr", "detr", 0.001),
]
OPEN = [model for model in MODELS if model[0] != "detr"]
each = pytest.mark.parametrize(("name", "model", "threshold"), MODELS, ids=[model[1] for model in MODELS])
each_open = pytest.mark.parametrize(("name", "model", "threshold"), OPEN, ids=[model[1] for model in OPEN])
LABELS = ["cat", "chair"]


def create(tiny, name, model, score=0.1, /, **options):
    options = {"model": str(tiny(model)), "threshold": str(score), "dtype": "float32", **options}
    return detectors.create(name, options)


def noise(n_frames=3, size=(80, 48), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n_frames, size[1], size[0], 3), dtype=np.uint8)


def assert_same(a, b, atol=None):
    """The same boxes; on a GPU, sums are taken in another order for another batch."""
    import torch

    if atol is None:
        atol = 2e-3 if torch.cuda.is_available() else 1e-4
    assert [len(frame) for frame in a] == [len(frame) for frame in b]
    assert sum(len(frame) for frame in a) > 0
    for one, two in zip(a, b, strict=True):
        assert one.label.tolist() == two.label.tolist()
        np.testing.assert_allclose(one.score, two.score, atol=atol)
        np.testing.assert_allclose(one.xyxy, two.xyxy, atol=100 * atol)


@each
def test_a_folder_is_a_detector(tiny, name, model, threshold):
    backend = create(tiny, name, model, threshold)
    assert isinstance(backend.instance, Detector)
    assert backend.options["model"] == tiny(model).name
    assert backend.fingerprint["model"] == tiny(model).name
    assert len(backend.fingerprint["weights"]["model.safetensors"]) == 64
    assert {"transformers", "torch"} <= set(backend.fingerprint)
    json.dumps(to_json(backend.record()))
    found = backend.instance.detect(noise(), LABELS)
    assert len(found) == 3
    for frame in found:
        assert len(frame) > 0
        assert (np.diff(frame.score) <= 0).all(), "best first"
        assert set(frame.label) <= {0, 1}
        assert ((frame.score > threshold) & (frame.score <= 1)).all()
        assert (frame.xyxy >= 0).all()
        assert (frame.xyxy <= [80, 48, 80, 48]).all()
        assert (frame.xyxy[:, 2:] > frame.xyxy[:, :2]).all()


@each
def test_a_tensor_is_what_an_array_is(tiny, name, model, threshold):
    import torch

    detector = create(tiny, name, model, threshold).instance
    assert detector.takes_tensors
    of_array, of_tensor = (detector.detect(frames, LABELS) for frames in (noise(), torch.from_numpy(noise())))
    assert_same(of_array, of_tensor, atol=1e-12)


@each
def test_a_batch_is_what_its_frames_are_alone(tiny, name, model, threshold):
    frames = noise(5)
    alone = create(tiny, name, model, threshold, batch="1").instance.detect(frames, LABELS)
    together = create(tiny, name, model, threshold, batch="3").instance.detect(frames, LABELS)
    assert_same(alone, together)
    assert not np.array_equal(alone[0].score, alone[1].score), "frames differ"


@each
def test_boxes_of_one_label_are_suppressed(tiny, name, model, threshold):
    detector = create(tiny, name, model, threshold, nms="0.3").instance
    for frame in detector.detect(noise(), LABELS):
        same = frame.label[:, None] == frame.label[None]
        overlaps = iou_matrix(frame.xyxy, frame.xyxy) * same - np.eye(len(frame))
        assert overlaps.max() <= 0.3


@each_open
def test_the_order_of_the_labels_does_not_swap_them(tiny, name, model, threshold):
    """To a model that reads both nouns in one text, order can matter a little; to the others it does not."""
    detector = create(tiny, name, model, threshold).instance
    found, swapped = (detector.detect(noise(1), labels)[0] for labels in (LABELS, LABELS[::-1]))
    scores = [frame.score[frame.label == label].max(initial=0) for frame, label in ((found, 0), (swapped, 1))]
    assert scores[0] == pytest.approx(scores[1], rel=0.5 if "dino" in name or "omdet" in name else 1e-4)


@each
@pytest.mark.parametrize("size", [(48, 96), (3840, 2160)], ids=["portrait", "4K"])
def test_any_size_of_frame(tiny, name, model, threshold, size):
    if name == "owlv2" and size[0] > 1000:
        size = (640, 360)  # its processor blurs before it shrinks, and from 4K to 64 pixels that takes minutes
    found = create(tiny, name, model, threshold).instance.detect(noise(1, size), LABELS)
    assert (found[0].xyxy <= [*size, *size]).all()


@each
def test_nothing_above_the_threshold(tiny, name, model, threshold):
    found = create(tiny, name, model, 1.0).instance.detect(noise(2), LABELS)
    assert [len(frame) for frame in found] == [0, 0]


@each
def test_no_frames(tiny, name, model, threshold):
    assert create(tiny, name, model, threshold).instance.detect(noise(0), LABELS) == []


@each
def test_other_precisions_run(tiny, name, model, threshold):
    backend = create(tiny, name, model, threshold, dtype="bfloat16")
    (found,) = backend.instance.detect(noise(1), LABELS)
    assert np.isfinite(found.xyxy).all()
    assert backend.options["dtype"] == "bfloat16"


NOUNS = [
    # nouns, and what is said of them
    (["dog", "dog house"], {}),
    (["dogs", "dog"], {}),
    (["St. Bernard", "a  Chair"], {"St. Bernard": "st bernard"}),
    (["Cat", "CHAIR"], {}),
]


@each_open
@pytest.mark.parametrize(("labels", "liberties"), NOUNS, ids=[labels[0] for labels, _ in NOUNS])
def test_nouns_that_are_two(tiny, name, model, threshold, labels, liberties):
    detector = create(tiny, name, model, threshold).instance
    assert detector.check_labels(labels) == liberties
    assert len(detector.detect(noise(1), labels)) == 1


@each_open
@pytest.mark.parametrize("labels", [["cat", "Cat "], ["dog.", "dog"], ["cat", "."], ["", "cat"]])
def test_nouns_that_are_none_or_one(tiny, name, model, threshold, labels):
    detector = create(tiny, name, model, threshold).instance
    for use in (detector.check_labels, lambda labels: detector.detect(noise(1), labels)):
        with pytest.raises(BackendError, match=r"as one noun|expected a noun") as caught:
            use(labels)
        assert "\n" not in str(caught.value)


@each_open
def test_a_noun_of_many_words_is_read_to_its_end_or_refused(tiny, name, model, threshold):
    """The tiny CLIP models read a token a letter, Grounding DINO a token a word."""
    detector = create(tiny, name, model, threshold).instance
    twenty = " ".join(["red"] * 19 + ["cat"])
    if name == "grounding-dino":
        assert detector.check_labels([twenty, "chair"]) == {}
        assert len(detector.detect(noise(1), [twenty, "chair"])) == 1
    with pytest.raises(BackendError, match=rf"{name} reads at most \d+ tokens at once; .* has \d+"):
        detector.detect(noise(1), [" ".join(["red"] * (300 if name == "grounding-dino" else 40)), "chair"])


def test_closed_vocabularies_take_the_nouns_they_know(tiny):
    detector = create(tiny, "detr", "rt_detr", 0.02, any_animal="true").instance
    assert detector.check_labels(["kitten", "sofa"]) == {"kitten": "cat", "sofa": "couch"}
    assert detector.check_labels(["fox", "chair"]) == {"fox": "any animal"}
    for frame in detector.detect(noise(), ["fox", "chair"]):
        animals = frame.xyxy[frame.label == 0]
        assert (iou_matrix(animals, animals) - np.eye(len(animals))).max(initial=0) <= 0.7
    with pytest.raises(BackendError, match="detr has no class for 'rock'"):
        detector.detect(noise(1), ["cat", "rock"])


def test_classes_by_older_names_are_known(tmp_path):
    from factories import models

    folder = models.rt_detr(tmp_path, names=("cat", "sofa", "tvmonitor"))
    detector = detectors.create("detr", {"model": str(folder)}).instance
    assert detector.check_labels(["cat", "tv"]) == {}
    assert detector.check_labels(["cat", "couch"]) == {}


def fail_above(detector, most, error):
    """Let the model fail for batches of more than `most` frames; gives the batches it was asked for."""
    real, asked = detector.forward, []

    def forward(frames, labels):
        asked.append(len(frames))
        if len(frames) > most:
            raise error
        return real(frames, labels)

    detector.forward = forward
    return asked


def test_out_of_memory_halves_the_batch_says_so_and_goes_on(tiny, caplog):
    import torch

    frames = noise(9)
    expected = create(tiny, "owlv2", "owlv2", 0.0001).instance.detect(frames, LABELS)
    detector = create(tiny, "owlv2", "owlv2", 0.0001, batch="8").instance
    asked = fail_above(detector, 2, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert_same(detector.detect(frames, LABELS), expected)
    assert asked == [8, 4, 2, 2, 2, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "owlv2: out of memory with 8 frames of 80x48, going on with 4 at a time",
        "owlv2: out of memory with 4 frames of 80x48, going on with 2 at a time",
    ]
    detector.detect(frames[:4], LABELS)
    assert asked[7:] == [2, 2], "what fits is remembered"


def test_frames_on_a_device_are_named_by_their_size_too(tiny, caplog):
    import torch

    detector = create(tiny, "owlv2", "owlv2", 0.0001, batch="2").instance
    fail_above(detector, 1, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    detector.detect(torch.from_numpy(noise(2)), LABELS)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "owlv2: out of memory with 2 frames of 80x48, going on with 1 at a time"


def test_a_frame_that_does_not_fit_is_one_line(tiny):
    import torch

    detector = create(tiny, "owlv2", "owlv2", 0.1).instance
    fail_above(detector, 0, torch.OutOfMemoryError("CUDA out of memory.\nMore lines"))
    with pytest.raises(BackendError, match="not even one frame of 80x48 fits into memory") as caught:
        detector.detect(noise(3), LABELS)
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_taken_for_memory(tiny):
    detector = create(tiny, "owlv2", "owlv2", 0.1).instance
    asked = fail_above(detector, 0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        detector.detect(noise(3), LABELS)
    assert asked == [3]


OTHER = [
    # backend, a model it cannot run
    ("grounding-dino", "owlv2", "holds a model of the type 'owlv2'; grounding-dino takes grounding-dino, mm-"),
    ("owlv2", "grounding_dino", "'grounding-dino'; owlv2 takes owlv2"),
    ("omdet-turbo", "sam2", "'sam2_video'; omdet-turbo takes omdet-turbo"),
    ("sam3", "sam2", "'sam2_video'; sam3 takes sam3_video, sam3"),
    ("detr", "owlv2", "'owlv2'; detr takes .* more"),
]


@pytest.mark.parametrize(("name", "model", "message"), OTHER)
def test_a_model_of_another_kind_is_refused(tiny, name, model, message):
    with pytest.raises(WeightsError, match=message) as caught:
        create(tiny, name, model, 0.1)
    assert "\n" not in str(caught.value)


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny("owlv2"), tmp_path / "copy")


def refused(folder, message):
    with pytest.raises(WeightsError, match=message) as caught:
        detectors.create("owlv2", {"model": str(folder)})
    assert "\n" not in str(caught.value)


def test_weights_that_lack_some_are_refused_and_not_left_random(copy):
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights.pop(next(name for name in sorted(weights) if "class_head" in name))
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    refused(copy, "lacks 1 of the model's .* weights, such as class_head")


def test_damaged_weights_are_refused(copy):
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:1000])
    refused(copy, "cannot be loaded as a model")


def test_pickled_weights_are_not_read(copy):
    import torch

    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    refused(copy, r"model\.safetensors is not in it; pickled weights are not read")


@pytest.mark.parametrize("config", ["{}", "no json", '{"model_type": 3}', "[]"])
def test_a_config_that_says_nothing_is_refused(copy, config):
    (copy / "config.json").write_text(config)
    refused(copy, "names no model_type|holds a model of the type '3'")


def test_code_in_a_folder_is_not_run(copy, tmp_path):
    config = json.loads((copy / "config.json").read_text())
    trace = tmp_path / "executed"
    (copy / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: ...\n")
    config["auto_map"] = {name: "evil.Evil" for name in ("AutoConfig", "AutoModelForZeroShotObjectDetection")}
    (copy / "config.json").write_text(json.dumps(config))
    assert detectors.create("owlv2", {"model": str(copy)}).instance
    assert not trace.exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("threshold", "0", "threshold must lie"),
        ("nms", "1.5", "nms must lie"),
        ("batch", "0", "batch must be at least 1"),
        ("dtype", "int8", "dtype must be one of float32"),
        ("device", "abacus", "device 'abacus' cannot be used"),
        ("revision", "main", "a revision belongs to a model on the Hub"),
        ("template", "a photo", "template must hold"),
        ("treshold", "0.1", "did you mean 'threshold'"),
    ],
)
def test_bad_options_are_refused(tiny, option, value, message):
    with pytest.raises(OptionError, match=message) as caught:
        create(tiny, "owlv2", "owlv2", 0.1, **{option: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["transformers", "torch"])
def test_a_missing_package_is_named(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from dsrbench.backends.registry import detectors\n"
        "from dsrbench.errors import MissingExtraError\n"
        "try: detectors.create('owlv2')\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"needs the package {package!r}. Install it with: pip install 'dsrbench[hf]'" in done.stdout


@each
def test_no_server_is_asked(tiny, monkeypatch, name, model, threshold):
    folder, asked = tiny(model), []

    def refuse(*question, **_):
        asked.append(question)
        raise OSError("no network here")

    for call in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(f"socket.{call}", refuse)
    detector = detectors.create(name, {"model": str(folder), "threshold": str(threshold)}).instance
    detector.detect(noise(1), LABELS)
    assert asked == []


def test_a_model_that_is_not_there_names_the_command_that_fetches_it(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("grounding-dino", "owlv2", "omdet-turbo", "sam3", "detr"):
        with pytest.raises(WeightsError, match=rf"Fetch it with: dsrbench backends pull {name}$") as caught:
            detectors.create(name, {})
        assert "\n" not in str(caught.value)
