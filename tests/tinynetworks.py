"""Tiny random models of the quality networks, of the real classes, saved as a user would find them."""

from __future__ import annotations

from tinymodels import MARKS, clip_tokenizer, save, seeded

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def dinov2(folder):
    import transformers

    seeded()
    net = transformers.Dinov2Model(transformers.Dinov2Config(**SIZES, image_size=28, patch_size=14))
    size = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
    return save(folder, net, transformers.BitImageProcessor(**size))


def clip(folder):
    import transformers

    seeded()
    both = {**SIZES, "intermediate_size": 32}
    config = transformers.CLIPConfig(
        text_config={**both, "vocab_size": 514, "max_position_embeddings": 40, **MARKS},
        vision_config={**both, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    images = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = transformers.CLIPProcessor(images, clip_tokenizer(40))
    return save(folder, transformers.CLIPModel(config), processor)
