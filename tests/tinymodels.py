"""Tiny models of random weights, built from the real configuration classes and saved as a user would find them."""

from __future__ import annotations

import warnings

WORDS = "a photo of detect cat dog house chair red ball skate ##board st bernard potted plant".split()
SIDE = 64


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
        text_config={**both, "vocab_size": n_letters, "max_position_embeddings": 24, "pad_token_id": 0},
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
