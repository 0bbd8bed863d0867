"""The embedded world: a renderer, a small text-to-video model of its clips, and the training of that model."""
