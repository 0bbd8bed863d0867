"""Models of the real sizes with random weights, saved as their authors' folders are; or tiny ones, for a rehearsal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))

WAN_TARGETS = ("text_embedder.linear_1", "text_embedder.linear_2", "attn2.to_k", "attn2.to_v")
"""Layers of the published LoRA (SpatialAlign, arXiv 2602.22745)."""


def save_grounding_dino(folder: Path, *, small: bool) -> Path:
    """Save Grounding DINO with the Swin-T backbone, 172 M parameters, and a vocabulary of a few words."""
    import torch
    import transformers
    from factories import models

    if small:
        built: Path = models.grounding_dino(folder)
        return built
    models.seeded()
    config = transformers.GroundingDinoConfig(
        text_config=transformers.BertConfig(vocab_size=1100), disable_custom_kernels=True
    )
    tokenizer = models.bert_tokenizer(folder)
    processor = transformers.GroundingDinoProcessor(transformers.GroundingDinoImageProcessor(), tokenizer)
    model = transformers.GroundingDinoForObjectDetection(config)
    for name, weights in model.named_parameters():
        if "bbox_embed" in name and not weights.any():  # a new model moves no box
            torch.nn.init.normal_(weights, std=0.02)
    return save(folder, model, processor)


def save_depth_anything(folder: Path, *, small: bool) -> Path:
    """Save Depth Anything V2 Small, 25 M parameters, with its own input size of 518 pixels."""
    import transformers
    from factories import models

    models.seeded()
    width, layers, heads, side = (16, 4, 2, 56) if small else (384, 12, 6, 518)
    backbone = transformers.Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        image_size=side,
        patch_size=14,
        out_features=[f"stage{layers * i // 4}" for i in range(1, 5)],
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=width,
        neck_hidden_sizes=[width // 8, width // 4, width // 2, width],
        fusion_hidden_size=max(8, width // 6),
        head_hidden_size=max(8, width // 12),
    )
    processor = transformers.DPTImageProcessor(
        size={"height": side, "width": side}, keep_aspect_ratio=True, ensure_multiple_of=14
    )
    return save(folder, transformers.DepthAnythingForDepthEstimation(config), processor)


def save_sam2(folder: Path, *, small: bool) -> Path:
    """Save SAM 2.1 with the large Hiera encoder, 224 M parameters."""
    import transformers
    from factories import models

    if small:
        built: Path = models.sam2(folder)
        return built
    models.seeded()
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=144,
        num_attention_heads=2,
        embed_dim_per_stage=[144, 288, 576, 1152],
        num_attention_heads_per_stage=[2, 4, 8, 16],
        blocks_per_stage=[2, 6, 36, 4],
        global_attention_blocks=[23, 33, 43],
    )
    vision = transformers.Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=[1152, 576, 288, 144])
    model = transformers.Sam2VideoModel(transformers.Sam2VideoConfig(vision_config=vision))
    images, videos = transformers.Sam2ImageProcessor(), transformers.Sam2VideoVideoProcessor()
    return save(folder, model, transformers.Sam2VideoProcessor(images, videos, target_size=1024))


def make_wan_transformer(device: str, *, small: bool) -> Any:
    """Make the transformer of Wan2.1-T2V-1.3B, in bfloat16."""
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    sizes = {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30}
    if small:
        sizes = {"num_attention_heads": 2, "attention_head_dim": 32, "ffn_dim": 64, "num_layers": 2}
    with torch.device(device):
        return WanTransformer3DModel(**sizes, text_dim=4096).to(torch.bfloat16).eval()


def save_wan(folder: Path, *, small: bool) -> Path:
    """Save a pipeline of Wan2.1-T2V-1.3B with its real transformer and VAE, and a text encoder of one layer."""
    import diffusers
    import torch
    import transformers
    from factories import pipelines

    if small:
        built: Path = pipelines.wan21_1_3b(folder)
        return built
    torch.manual_seed(0)
    words = transformers.UMT5Config(vocab_size=150, d_model=4096, d_kv=64, d_ff=1024, num_layers=1, num_heads=4)
    scheduler = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    parts = (transformers.UMT5EncoderModel(words).bfloat16(), diffusers.AutoencoderKLWan(), scheduler)
    pipeline = diffusers.WanPipeline(pipelines.t5_tokenizer(), *parts, make_wan_transformer("cpu", small=False))
    saved: Path = pipelines.save(folder, pipeline)
    return saved


def save(folder: Path, model: Any, processor: Any) -> Path:
    """Save a model with its processor."""
    from factories import models

    saved: Path = models.save(folder, model, processor)
    return saved
