"""Tiny real models with the inputs and outputs of the real ones: a red disc is a cat to them, a blue square a chair.

Both work alike: a 1x1 convolution turns colours into "is red" and "is blue", an average over a window of the shape's
size peaks where the shape's centre is, and a steep sigmoid makes that the score of the cell there. The box has a fixed
size, given as constant distributions over the distances to its sides. Cells of strides above 8 see nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsrbench.backends.detectors.grid import BINS, STRIDES
from dsrbench.backends.detectors.grid_detectors import NanoDet, PicoDet
from dsrbench.backends.detectors.nouns import COCO_CLASSES

SIDE = 416
CLASSES = len(COCO_CLASSES)
CAT, CHAIR = COCO_CLASSES.index("cat"), COCO_CLASSES.index("chair")
RED, BLUE, GREY = (220, 40, 40), (40, 40, 220), (150, 150, 150)
BOX = (64, 80)
"""Width and height of every box the models see, in pixels of their input (416 a side, whatever the frame's shape)."""

CELLS = [(-(-SIDE // stride)) ** 2 for stride in STRIDES]


def one_hot_distances(box=BOX, stride=8):
    """Logits [4 * BINS] of a box of exactly this size about its cell: left, top, right, bottom."""
    width, height = box
    logits = np.zeros((4, BINS), np.float32)
    for side, length in enumerate((width, height, width, height)):
        steps = length / 2 / stride
        assert steps == int(steps) < BINS, "half of width and height must be whole strides, below 8 of them"
        logits[side, int(steps)] = 50
    return logits.ravel()


def colour_weights(mean, std):
    """Weights [2, 3] and biases [2] by which normalised RGB becomes the logits of "is red" and "is blue"."""
    raw = np.array([[1, -1, -1], [-1, -1, 1]]) / 10.0
    bias = -60 / 10 + raw @ np.asarray(mean, np.float64)
    return (raw * np.asarray(std)).astype(np.float32), bias.astype(np.float32)


def score_weights(classes):
    """Weights [classes, 2] and biases from the shares of the window that are red and blue to the scores' logits."""
    weights, bias = np.zeros((classes, 2), np.float32), np.full(classes, -50, np.float32)
    weights[CAT, 0] = weights[CHAIR, 1] = 30
    bias[CAT], bias[CHAIR] = -30 * 0.65, -30 * 0.8  # a disc fills 0.79 of its box, a square all of it
    return weights, bias


def make_picodet(folder, *, box=BOX, side=SIDE, classes=CLASSES):
    """Write an ONNX model with PicoDet-S's input and outputs; another `side` or `classes` makes it another model."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    width, height = box
    weights, bias = colour_weights(PicoDet.mean, PicoDet.std)
    score_weight, score_bias = score_weights(classes)
    cells = [(-(-side // stride)) ** 2 for stride in STRIDES]
    values = {
        "colour_weights": weights.reshape(2, 3, 1, 1),
        "colour_bias": bias,
        "score_weights": score_weight.reshape(classes, 2, 1, 1),
        "score_bias": score_bias,
        "shape": np.array([1, cells[0], classes], np.int64),
    }
    # A cell's centre is at i * 8 + 3.5, so is that of an even window that begins (size - 8) / 2 before the cell.
    top, left = (height - 8) // 2, (width - 8) // 2
    nodes = [
        helper.make_node("Conv", ["image", "colour_weights", "colour_bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["colours"]),
        helper.make_node(
            "AveragePool",
            ["colours"],
            ["pooled"],
            kernel_shape=[height, width],
            strides=[8, 8],
            pads=[top, left, top, left],
            count_include_pad=1,
        ),
        helper.make_node("Conv", ["pooled", "score_weights", "score_bias"], ["score_logits"]),
        helper.make_node("Sigmoid", ["score_logits"], ["maps"]),
        helper.make_node("Transpose", ["maps"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "shape"], ["scores_0"]),
    ]
    names = ["scores_0"]
    for i, count in enumerate(cells[1:], start=1):
        names.append(_add_constant(nodes, f"scores_{i}", np.zeros((1, count, classes), np.float32)))
    for i, count in enumerate(cells):
        row = one_hot_distances(box).reshape(1, 1, -1)
        names.append(_add_constant(nodes, f"distances_{i}", np.repeat(row, count, axis=1)))
    outputs = []
    for i, name in enumerate(names):
        shape = [1, cells[i % 4], classes if i < 4 else 4 * BINS]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "picodet", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path = Path(folder) / "tiny_picodet.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _add_constant(nodes, name, value):
    from onnx import helper, numpy_helper

    nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value)))
    return name


def make_nanodet(folder, *, box=BOX, classes=CLASSES, output="output"):
    """Write an ncnn model with NanoDet-Plus-m 416's blobs (.param and .bin); other `classes` make it another model."""
    width, height = box
    # ncnn is given BGR, normalised as (x - mean) * scale.
    weights, bias = colour_weights(NanoDet.mean[::-1], 1 / np.array(NanoDet.scale[::-1]))
    score_weight, score_bias = score_weights(classes)
    rest = np.zeros((sum(CELLS[1:]), classes), np.float32)
    distances = np.tile(one_hot_distances(box), (sum(CELLS), 1))
    # A cell's centre is its first pixel: that of an odd window that begins half its size before.
    window = f"1={width + 1} 11={height + 1} 2=8 3={width // 2} 13={height // 2}"
    layers = [
        f"Input data 0 1 data 0={SIDE} 1={SIDE} 2=3",
        "Convolution colour 1 1 data colours 0=2 1=1 5=1 6=6 9=4",
        f"Pooling pool 1 1 colours pooled 0=1 {window} 5=1 6=1",
        f"Convolution score 1 1 pooled maps 0={classes} 1=1 5=1 6={2 * classes} 9=4",
        f"Reshape reshape 1 1 maps rows 0={CELLS[0]} 1={classes}",
        "Permute permute 1 1 rows cells 0=1",
        f"MemoryData rest 0 1 rest 0={classes} 1={len(rest)}",
        "Concat below 2 1 cells rest scores 0=0",
        f"MemoryData distances 0 1 distances 0={4 * BINS} 1={len(distances)}",
        f"Concat beside 2 1 scores distances {output} 0=1",
    ]
    path = Path(folder) / "tiny_nanodet.param"
    path.write_text("\n".join(["7767517", f"{len(layers)} {len(layers)}", *layers]) + "\n")
    plain = np.zeros(1, np.float32)  # the tag of float32 weights
    parts = [plain, weights[:, ::-1], bias, plain, score_weight, score_bias, rest, distances]
    path.with_suffix(".bin").write_bytes(b"".join(np.ascontiguousarray(part, "<f4").tobytes() for part in parts))
    return path


def render_shapes(cats, chairs, size):
    """RGB frames [T, H, W, 3] of a red disc in each box of `cats` and a blue square in each of `chairs`; NaN: none."""
    width, height = size
    y, x = np.mgrid[:height, :width] + 0.5
    frames = np.full((len(cats), height, width, 3), GREY, np.uint8)
    for frame, cat, chair in zip(frames, cats, chairs, strict=True):
        if not np.isnan(chair[0]):
            frame[(x > chair[0]) & (x < chair[2]) & (y > chair[1]) & (y < chair[3])] = BLUE
        if not np.isnan(cat[0]):
            across = (2 * x - cat[0] - cat[2]) / (cat[2] - cat[0])
            down = (2 * y - cat[1] - cat[3]) / (cat[3] - cat[1])
            frame[across**2 + down**2 < 1] = RED
    return frames


def moving_shapes(n_frames=8, size=(208, 104), box=BOX):
    """Boxes [T, 4] of a cat that goes from left to right past a chair, each as large as the models' boxes."""
    width, height = size
    half = np.array([box[0] * width, box[1] * height]) / SIDE / 2
    centres = np.stack([np.linspace(0.15, 0.85, n_frames) * width, np.full(n_frames, 0.3 * height)], axis=1)
    cats = np.concatenate([centres - half, centres + half], axis=1)
    chair = np.array([0.5 * width, 0.75 * height])
    chairs = np.tile(np.concatenate([chair - half, chair + half]), (n_frames, 1))
    return cats, chairs
