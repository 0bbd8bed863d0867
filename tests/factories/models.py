"""Tiny models of random weights, built from the real configuration classes and saved as a user would find them."""

from __future__ import annotations

import warnings

WORDS = [
    "a",
    "photo",
    "of",
    "detect",
    "cat",
    "dog",
    "house",
    "chair",
    "red",
    "ball",
    "skate",
    "##board",
    "st",
    "bernard",
    "potted",
    "plant",
]
SIDE = 64
MARKS = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 0}


def save(folder, net, processor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def seeded(seed=0):
    import torch

    return torch.manual_seed(seed)


def bert_tokenizer(folder, n_words=1100):
    """Grounding DINO's special tokens are numbers in its code, so the vocabulary has them at these places."""
    from transformers import BertTokenizerFast

    words = [f"[unused{i}]" for i in range(n_words)]
    fixed = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    for index, word in {**fixed, **{1040 + i: word for i, word in enumerate(WORDS)}}.items():
        words[index] = word
    (folder / "vocab.txt").write_text("\n".join(words))
    return BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True)


def clip_tokenizer(length):
    """Letters and nothing else: a token a letter."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocabulary = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={v: i for i, v in enumerate(vocabulary)}, merges=[], model_max_length=length)


def swin(**more):
    from transformers import SwinConfig

    sizes = {"image_size": SIDE, "patch_size": 4, "embed_dim": 8, "depths": [1] * 4, "num_heads": [2] * 4}
    return SwinConfig(**sizes, window_size=4, out_features=["stage2", "stage3", "stage4"], **more)


def grounding_dino(folder, kind="GroundingDino"):
    import transformers

    seeded()
    text = transformers.BertConfig(
        vocab_size=1100,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=300,
    )
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=swin(),
        text_config=text,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        d_model=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_n_points=2,
        decoder_n_points=2,
        disable_custom_kernels=True,
    )
    images = transformers.GroundingDinoImageProcessor(size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE})
    processor = transformers.GroundingDinoProcessor(images, bert_tokenizer(folder))
    return save(folder, getattr(transformers, f"{kind}ForObjectDetection")(config), processor)


def mm_grounding_dino(folder):
    return grounding_dino(folder, "MMGroundingDino")


def owlv2(folder):
    import transformers

    seeded()
    both = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    n_letters = 2 * 256 + 2
    config = transformers.Owlv2Config(
        text_config={**both, "vocab_size": n_letters, "max_position_embeddings": 24, **MARKS},
        vision_config={**both, "image_size": SIDE, "patch_size": 16},
        projection_dim=16,
    )
    images = transformers.Owlv2ImageProcessor(size={"height": SIDE, "width": SIDE})
    processor = transformers.Owlv2Processor(images, clip_tokenizer(24))
    return save(folder, transformers.Owlv2ForObjectDetection(config), processor)


def omdet_turbo(folder):
    import transformers

    seeded()
    text = transformers.CLIPTextConfig(
        vocab_size=2 * 256 + 2,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=512,
        eos_token_id=513,
        projection_dim=16,
    )
    config = transformers.OmDetTurboConfig(
        text_config=text,
        backbone_config=swin(),
        use_timm_backbone=False,
        backbone=None,
        image_size=SIDE,
        apply_layernorm_after_vision_backbone=False,
        encoder_hidden_dim=32,
        decoder_hidden_dim=32,
        vision_features_channels=[32, 32, 32],
        encoder_in_channels=[16, 32, 64],
        encoder_dim_feedforward=32,
        decoder_dim_feedforward=32,
        task_encoder_hidden_dim=32,
        class_embed_dim=16,
        text_projection_in_dim=16,
        text_projection_out_dim=16,
        num_queries=12,
        encoder_layers=1,
        decoder_num_layers=1,
        num_projection_layers=1,
        encoder_attention_heads=2,
        decoder_num_heads=2,
        decoder_num_points=2,
        csp_activation="silu",
        disable_custom_kernels=True,
    )
    images = transformers.DetrImageProcessor(size={"height": SIDE, "width": SIDE}, do_pad=False)
    processor = transformers.OmDetTurboProcessor(images, clip_tokenizer(77))
    return save(folder, transformers.OmDetTurboForObjectDetection(config), processor)


def rt_detr(folder, names=("person", "cat", "dog", "chair", "potted plant", "couch")):
    import transformers

    seeded()
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrV2Config(
        backbone_config=backbone,
        num_queries=12,
        encoder_hidden_dim=32,
        encoder_in_channels=[16, 24, 32],
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        d_model=32,
        decoder_in_channels=[32, 32, 32],
        decoder_ffn_dim=32,
        decoder_layers=2,
        decoder_attention_heads=2,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    images = transformers.RTDetrImageProcessor(size={"height": SIDE, "width": SIDE})
    return save(folder, transformers.RTDetrV2ForObjectDetection(config), images)


def detr(folder):
    """The first of its kind: class scores by softmax, with a class for nothing."""
    import transformers

    seeded()
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1] * 4, layer_type="basic", out_features=["stage4"]
    )
    config = transformers.DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        num_queries=12,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        id2label={0: "cat", 1: "chair"},
        label2id={"cat": 0, "chair": 1},
    )
    images = transformers.DetrImageProcessor(size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE})
    return save(folder, transformers.DetrForObjectDetection(config), images)


SAM_SIDE, SAM_WIDTH = 128, 128
"""Sides of the input, and the width of the mask decoder: these models' code has limits of its own."""


def _memory(**more):
    return {
        "memory_attention_hidden_size": SAM_WIDTH,
        "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [8, 8],
        "memory_encoder_hidden_size": SAM_WIDTH,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": SAM_WIDTH,
        "memory_fuser_embed_dim": SAM_WIDTH,
        "memory_fuser_intermediate_dim": 64,
        "memory_fuser_num_layers": 1,
        **more,
    }


def _heads(prompts, masks, side, patch):
    return {
        "prompt_encoder_config": prompts(
            hidden_size=SAM_WIDTH, image_size=side, patch_size=patch, mask_input_channels=8
        ),
        "mask_decoder_config": masks(
            hidden_size=SAM_WIDTH, mlp_dim=64, num_hidden_layers=2, num_attention_heads=4, iou_head_hidden_dim=32
        ),
    }


def _hiera():
    import transformers

    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        blocks_per_stage=[1, 1, 2, 1],
        image_size=[SAM_SIDE, SAM_SIDE],
        window_size_per_stage=[8, 4, 8, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    return transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[96, 48, 24, 12],
        backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
        fpn_hidden_size=SAM_WIDTH,
    )


def _sam2_processor():
    import transformers

    size, quarter = ({"height": n, "width": n} for n in (SAM_SIDE, SAM_SIDE // 4))
    images = transformers.Sam2ImageProcessor(size=size, mask_size=quarter)
    return transformers.Sam2VideoProcessor(
        images, transformers.Sam2VideoVideoProcessor(size=size), target_size=SAM_SIDE
    )


def sam2(folder):
    import transformers
    from transformers.models.sam2_video import configuration_sam2_video as parts

    seeded()
    config = transformers.Sam2VideoConfig(
        vision_config=_hiera(),
        image_size=SAM_SIDE,
        **_heads(parts.Sam2VideoPromptEncoderConfig, parts.Sam2VideoMaskDecoderConfig, SAM_SIDE, 16),
        **_memory(memory_attention_feed_forward_hidden_size=64),
    )
    return save(folder, transformers.Sam2VideoModel(config), _sam2_processor())


def edgetam(folder):
    import transformers
    from transformers.models.edgetam_video import configuration_edgetam_video as parts

    seeded()
    config = transformers.EdgeTamVideoConfig(
        vision_config=_hiera(),
        image_size=SAM_SIDE,
        **_heads(parts.EdgeTamVideoPromptEncoderConfig, parts.EdgeTamVideoMaskDecoderConfig, SAM_SIDE, 16),
        **_memory(memory_attention_mlp_hidden_size=64, memory_attention_rope_k_sizes=[4, 4]),
        perceiver_resampler_num_latents=16,
        perceiver_resampler_num_latents_2d=16,
        perceiver_resampler_mlp_intermediate_size=64,
        perceiver_resampler_num_layers=1,
    )
    return save(folder, transformers.EdgeTamVideoModel(config), _sam2_processor())


def sam3(folder):
    """Detector and tracker in one, as its authors publish it."""
    import transformers
    from transformers.models.sam3_tracker_video import configuration_sam3_tracker_video as parts

    seeded()
    side = 112
    backbone = transformers.Sam3ViTConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=side,
        window_size=4,
        global_attn_indexes=[1],
        pretrain_image_size=56,
    )
    vision = transformers.Sam3VisionConfig(
        backbone_config=backbone, fpn_hidden_size=SAM_WIDTH, backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]]
    )
    width = {"hidden_size": SAM_WIDTH, "num_attention_heads": 4}
    layers = {**width, "num_layers": 1, "intermediate_size": 32}
    text = transformers.CLIPTextConfig(
        vocab_size=2 * 256 + 2,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=512,
        eos_token_id=513,
        projection_dim=16,
    )
    detector = transformers.Sam3Config(
        image_size=side,
        vision_config=vision,
        text_config=text,
        geometry_encoder_config=layers,
        detr_encoder_config=layers,
        detr_decoder_config={**layers, "num_queries": 8},
        mask_decoder_config=width,
    )
    tracker = transformers.Sam3TrackerVideoConfig(
        image_size=side,
        vision_config=vision,
        **_heads(parts.Sam3TrackerVideoPromptEncoderConfig, parts.Sam3TrackerVideoMaskDecoderConfig, side, 14),
        **_memory(memory_attention_feed_forward_hidden_size=64),
    )
    size, quarter = ({"height": n, "width": n} for n in (side, 32))
    images = transformers.Sam3ImageProcessor(size=size, mask_size=quarter)
    videos = transformers.Sam2VideoVideoProcessor(size=size)
    processor = transformers.Sam3VideoProcessor(images, videos, clip_tokenizer(32), target_size=side)
    config = transformers.Sam3VideoConfig(detector_config=detector, tracker_config=tracker, low_res_mask_size=32)
    return save(folder, transformers.Sam3VideoModel(config), processor)


def lively(net, scale=5.0):
    """Enlarge random weights, so that the output depends on the picture."""
    import torch

    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale * 0.02 / max(float(parameter.std()), 1e-6))
    return net


def depth_anything(folder, kind="relative"):
    import transformers

    seeded()
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=SIDE,
        patch_size=8,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=8,
        reassemble_hidden_size=16,
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_in_index=-1,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20,
    )
    images = transformers.DPTImageProcessor(
        size={"height": SIDE, "width": SIDE}, keep_aspect_ratio=True, ensure_multiple_of=8
    )
    return save(folder, lively(transformers.DepthAnythingForDepthEstimation(config)), images)


def glpn(folder):
    import transformers

    seeded()
    config = transformers.GLPNConfig(
        hidden_sizes=[8, 8, 8, 8], depths=[1] * 4, num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8
    )
    return save(folder, lively(transformers.GLPNForDepthEstimation(config)), transformers.GLPNImageProcessor())


def zoedepth(folder):
    import transformers

    seeded()
    backbone = transformers.BeitConfig(
        image_size=SIDE,
        patch_size=16,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        bottleneck_features=8,
        num_relative_features=8,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
        bin_embedding_dim=8,
        num_attractors=[4, 2, 1, 1],
    )
    images = transformers.ZoeDepthImageProcessor(size={"height": SIDE, "width": SIDE}, ensure_multiple_of=16)
    return save(folder, lively(transformers.ZoeDepthForDepthEstimation(config)), images)


def metric_depth_anything(folder):
    return depth_anything(folder, "metric")
