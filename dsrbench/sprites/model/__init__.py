"""The tiny text-to-video model in diffusers' form: autoencoder, text encoder, video transformer, pipeline."""
