"""Vision-language models of three families, tiny, with random weights, saved as a user would find them."""

from __future__ import annotations

from factories.models import save, seeded

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 8192,
    "initializer_range": 0.2,
}
VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer_of(image, *marks, **named):
    """A token a byte, and the marks; `image` is how the chat template writes a picture."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    special = {**{f"mark_{i}": mark for i, mark in enumerate(("<|im_start|>", "<|im_end|>", *marks))}, **named}
    tokens = [*bytes_to_unicode().values(), "<|endoftext|>", *special.values()]
    vocabulary = {token: place for place, token in enumerate(tokens)}
    template = TEMPLATE.replace("IMAGE", image)
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], chat_template=template, extra_special_tokens=special)
    return tokenizer, tokenizer.convert_tokens_to_ids, template


def qwen(folder, change=None):
    """Qwen2.5-VL; `change` is called with the network and the tokenizer before they are saved."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    marks = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")
    tokenizer, number, template = tokenizer_of("".join(marks[:3]), *marks)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    seeded()
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": rope},
        vision_config={"depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
        | {"fullatt_block_indexes": [1], "window_size": 56},
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    net = Qwen2_5_VLForConditionalGeneration(config)
    if change is not None:
        change(net, tokenizer)
    pictures = Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=16 * 28 * 28)
    processor = Qwen2_5_VLProcessor(pictures, tokenizer, Qwen2VLVideoProcessor(), chat_template=template)
    return save(folder, net, processor)


def internvl(folder):
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    named = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer, number, template = tokenizer_of("<IMG_CONTEXT>\n", **named, video_token="<video>")
    seeded()
    config = InternVLConfig(
        vision_config={**VISION, "image_size": [28, 28], "patch_size": [7, 7]},
        text_config={**TEXT, "model_type": "qwen2", "vocab_size": len(tokenizer)},
        image_token_id=number("<IMG_CONTEXT>"),
        downsample_ratio=0.5,
    )
    pictures = GotOcr2ImageProcessor(size={"height": 28, "width": 28}, crop_to_patches=False)
    processor = InternVLProcessor(
        pictures, tokenizer, InternVLVideoProcessor(), image_seq_length=4, chat_template=template
    )
    return save(folder, InternVLForConditionalGeneration(config), processor)


def idefics(folder, family="Idefics3"):
    """Idefics3, or SmolVLM, which has the same parts and needs the package num2words."""
    import transformers

    grid = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    marks = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *grid)
    tokenizer, number, template = tokenizer_of("<image>", *marks)
    end = number("<|endoftext|>")
    seeded()
    config = getattr(transformers, f"{family}Config")(
        vision_config={**VISION, "image_size": 56, "patch_size": 14},
        text_config={**TEXT, "model_type": "llama", "vocab_size": len(tokenizer), "pad_token_id": end}
        | {"bos_token_id": None, "eos_token_id": end},
        image_token_id=number("<image>"),
        scale_factor=2,
        pad_token_id=end,
    )
    sizes = {"size": {"longest_edge": 112}, "max_image_size": {"longest_edge": 56}}
    parts = [getattr(transformers, f"{family}ImageProcessor")(**sizes), tokenizer]
    if family == "SmolVLM":
        parts.append(transformers.SmolVLMVideoProcessor(**sizes))
    processor = getattr(transformers, f"{family}Processor")(*parts, image_seq_len=4, chat_template=template)
    return save(folder, getattr(transformers, f"{family}ForConditionalGeneration")(config), processor)


def smolvlm(folder):
    return idefics(folder, "SmolVLM")


def habitual(folder, likings):
    """A Qwen2.5-VL that ignores what it is asked: the logit of each byte in `likings` is the number there, else 0."""

    def change(net, tokenizer):
        import torch

        with torch.no_grad():
            for layer in net.model.language_model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            net.model.language_model.embed_tokens.weight.fill_(1.0)
            net.lm_head.weight.zero_()
            for letter, liking in likings.items():
                net.lm_head.weight[tokenizer.convert_tokens_to_ids(letter), 0] = liking

    return qwen(folder, change)
