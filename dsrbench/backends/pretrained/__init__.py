"""Models of `transformers`: found on disk or in the Hub's local cache, loaded from safetensors, run in batches."""
