"""The embedded world: a renderer, a tiny text-to-video model of what it draws, and the recipes that made the model."""
