"""The small text-to-video model in diffusers' form: autoencoder, text encoder, video transformer, pipeline."""
