"""Causal language models of the real classes, tiny, saved as a user would find them."""

from __future__ import annotations

import itertools

from factories.models import save, seeded

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)
ANSWER = ("A", " fluffy", " cat", " rests", " left", " of", " the", " wooden", " box", ".", " Then", " it", " trots")
ANSWER += (" to", " its", " right", " side", ", calm.")


def tokenizer_of(pieces, template=TEMPLATE):
    """A token a byte, and the pieces, into which no text is split: they are only ever written."""
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    words = ["".join(letters[byte] for byte in piece.encode()) for piece in pieces]
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = list(dict.fromkeys([*letters.values(), *marks, *words]))
    vocabulary = {token: place for place, token in enumerate(tokens)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], chat_template=template, extra_special_tokens=marks[1:])
    return tokenizer, [vocabulary[word] for word in words]


def llama(tokenizer, size):
    from transformers import LlamaConfig, LlamaForCausalLM

    seeded()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


def random_model(folder):
    """What it writes has nothing to do with what it is asked."""
    tokenizer, _ = tokenizer_of(())
    return save(folder, llama(tokenizer, 16), tokenizer)


def reciting_model(folder, answer=ANSWER, *, template=TEMPLATE):
    """A model whose weights say which token follows which: after a question's last token, the answer and its end.

    The pieces of the answer differ, so that each tells the next.
    """
    import torch

    tokenizer, pieces = tokenizer_of(answer, template)
    last = tokenizer.convert_tokens_to_ids("<|im_start|>") if template else tokenizer(":")["input_ids"][-1]
    size = len(tokenizer) + len(tokenizer) % 2
    net = llama(tokenizer, size)
    chain = [last, *pieces, tokenizer.eos_token_id]
    with torch.no_grad():
        for parameter in (net.model.layers[0].self_attn.o_proj, net.model.layers[0].mlp.down_proj, net.lm_head):
            parameter.weight.zero_()
        net.model.embed_tokens.weight.copy_(torch.eye(len(tokenizer), size))
        for here, after in itertools.pairwise(chain):
            net.lm_head.weight[after, here] = 1.0
    return save(folder, net, tokenizer)
