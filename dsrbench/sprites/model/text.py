"""Text encoder: word embeddings and a small transformer encoder, whose configuration holds its vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from dsrbench.sprites.model.layers import Attention, FeedForward
from dsrbench.sprites.model.vocabulary import LENGTH, PAD, encode_text, list_words


class SpritesTextEncoder(ModelMixin, ConfigMixin):
    """Encoder of canonical sentences about the sprites world.

    Args:
        width: Number of features of a word.
        depth: Number of layers.
        heads: Number of attention heads.
        words: Vocabulary; by default the words of the canonical sentences.
    """

    @register_to_config
    def __init__(self, width: int = 128, depth: int = 2, heads: int = 4, words: tuple[str, ...] = ()) -> None:
        super().__init__()
        if not words:
            words = tuple(list_words())
            self.register_to_config(words=words)
        self.embedding = nn.Embedding(len(words) + 2, width)
        self.position = nn.Parameter(torch.randn(LENGTH, width) * 0.02)
        self.attention = nn.ModuleList(Attention(width, heads) for _ in range(depth))
        self.feed = nn.ModuleList(FeedForward(width, 3) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * depth + 1))
        nn.init.normal_(self.embedding.weight, std=0.3)

    def with_words(self, words: Sequence[str], *, seed: int) -> SpritesTextEncoder:
        """Return a copy that knows further words, whose embeddings are drawn.

        Args:
            words: Words that are added at the end of the vocabulary.
            seed: Random seed of their embeddings.
        """
        config = {key: self.config[key] for key in ("width", "depth", "heads")}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            larger: SpritesTextEncoder = SpritesTextEncoder(**config, words=(*self.config.words, *words))
        weights = self.state_dict()
        known = weights["embedding.weight"]
        weights["embedding.weight"] = torch.cat([known, larger.embedding.weight.detach()[len(known) :].to(known)])
        larger.load_state_dict(weights)
        return larger

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Convert texts to word numbers, int64 `[B, LENGTH]`.

        Raises:
            PromptError: A word is not in the vocabulary, or there are too many words.
        """
        return torch.tensor([encode_text(text, self.config.words) for text in texts])

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return features `[B, LENGTH, width]`, and a mask `[B, LENGTH]` that is true for words."""
        mask = tokens != PAD
        x = self.embedding(tokens) + self.position
        for i, (attention, feed) in enumerate(zip(self.attention, self.feed, strict=True)):
            x = x + attention(self.norms[2 * i](x), mask=mask)
            x = x + feed(self.norms[2 * i + 1](x))
        return self.norms[-1](x), mask
