"""Models of `transformers` and diffusers: find them on disk or in the Hub's cache, load safetensors, run batches."""
