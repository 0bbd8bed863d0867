"""Text-to-video pipelines of the real classes, tiny and untrained, saved as a user would find them."""

from __future__ import annotations

import string
import warnings

from factories.models import clip_tokenizer, seeded

WORDS = ["a", "the", "cat", "box", "is", "on", "of", "left", "right", "then", "to", "walks"]


def save(folder, pipeline):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.save_pretrained(folder)
    return folder


def t5_tokenizer():
    from transformers import T5Tokenizer

    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    letters = [(letter, -3.0) for letter in string.ascii_letters + string.digits + string.punctuation]
    words = [("▁" + word, -1.0) for word in WORDS]
    extra = [(f"<extra_id_{i}>", 0.0) for i in range(9, -1, -1)]
    return T5Tokenizer(vocab=[*marks, *letters, *words, *extra], extra_ids=10, model_max_length=512)


def t5(cls="T5EncoderModel", config="T5Config"):
    import transformers

    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    return getattr(transformers, cls)(getattr(transformers, config)(vocab_size=150, **sizes)).eval()


def cogvideox_2b(folder, scheduler="CogVideoXDDIMScheduler", **more):
    import diffusers

    seeded()
    transformer = diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=16,
        num_layers=1,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=226,
        **more,
    )
    vae = diffusers.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        sample_height=64,
        sample_width=64,
    )
    return save(
        folder,
        diffusers.CogVideoXPipeline(t5_tokenizer(), t5(), vae, transformer, getattr(diffusers, scheduler)()),
    )


def cogvideox_5b(folder):
    return cogvideox_2b(folder, "CogVideoXDPMScheduler", use_rotary_positional_embeddings=True)


def cogvideox15_5b(folder):
    return cogvideox_2b(
        folder, "CogVideoXDPMScheduler", use_rotary_positional_embeddings=True, patch_size_t=2, patch_bias=False
    )


def wan_transformer(channels=16):
    import diffusers

    return diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels,
        out_channels=channels,
        text_dim=16,
        freq_dim=16,
        ffn_dim=16,
        num_layers=1,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )


def wan21_1_3b(folder, *, second=False, **more):
    import diffusers

    seeded()
    vae = diffusers.AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    pipeline = diffusers.WanPipeline(
        t5_tokenizer(),
        t5("UMT5EncoderModel", "UMT5Config"),
        vae,
        diffusers.UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        wan_transformer(),
        transformer_2=wan_transformer() if second else None,
        **more,
    )
    return save(folder, pipeline)


def wan22_5b(folder):
    return wan21_1_3b(folder, expand_timesteps=True)


def wan22_a14b(folder):
    return wan21_1_3b(folder, second=True, boundary_ratio=0.875)


def ltx(folder):
    import diffusers

    seeded()
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=1,
        caption_channels=16,
    )
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False, False, False, False, False),
        upsample_residual=(False, False, False, False),
        upsample_factor=(1, 1, 1, 1),
        timestep_conditioning=False,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    return save(
        folder,
        diffusers.LTXPipeline(diffusers.FlowMatchEulerDiscreteScheduler(), vae, t5(), t5_tokenizer(), transformer),
    )


def llama_tokenizer():
    """A token a byte."""
    from transformers import LlamaTokenizer

    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3}
    vocabulary.update({f"<0x{byte:02X}>": 4 + byte for byte in range(256)})
    return LlamaTokenizer(vocab=vocabulary, merges=[], pad_token="<unk>")


def clip_text(length):
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=8,
            max_position_embeddings=length,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=0,
        )
    )


def hunyuanvideo(folder):
    import diffusers
    from transformers import LlamaConfig, LlamaModel

    seeded()
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=2,
        patch_size_t=1,
        guidance_embeds=True,
        text_embed_dim=16,
        pooled_projection_dim=8,
        rope_axes_dim=(2, 4, 4),
    )
    vae = diffusers.AutoencoderKLHunyuanVideo(
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
    )
    text_encoder = LlamaModel(
        LlamaConfig(
            vocab_size=260,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=512,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0)
    return save(
        folder,
        diffusers.HunyuanVideoPipeline(
            text_encoder, llama_tokenizer(), transformer, vae, scheduler, clip_text(77), clip_tokenizer(77)
        ),
    )


def qwen_tokenizer():
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {word: place for place, word in enumerate([*bytes_to_unicode().values(), *marks])}
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    return Qwen2Tokenizer(vocab=vocabulary, merges=[], chat_template=template)


def hunyuanvideo15(folder):
    import diffusers
    from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel, T5Config, T5EncoderModel

    seeded()
    transformer = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        patch_size=1,
        patch_size_t=1,
        text_embed_dim=16,
        text_embed_2_dim=8,
        image_embed_dim=12,
        rope_axes_dim=(2, 2, 4),
        target_size=16,
        task_type="t2v",
    )
    vae = diffusers.AutoencoderKLHunyuanVideo15(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
    )
    text_encoder = Qwen2_5_VLTextModel(
        Qwen2_5_VLTextConfig(
            vocab_size=260,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=2,
            rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1000000.0},
        )
    )
    glyphs = T5EncoderModel(T5Config(vocab_size=384, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2))
    return save(
        folder,
        diffusers.HunyuanVideo15Pipeline(
            text_encoder,
            qwen_tokenizer(),
            transformer,
            vae,
            diffusers.FlowMatchEulerDiscreteScheduler(shift=5.0),
            glyphs,
            ByT5Tokenizer(),
            diffusers.ClassifierFreeGuidance(guidance_scale=6.0),
        ),
    )


def mochi(folder):
    import diffusers

    seeded()
    transformer = diffusers.MochiTransformer3DModel(
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        out_channels=None,
        qk_norm="rms_norm",
        text_embed_dim=16,
        time_embed_dim=4,
        activation_fn="swiglu",
        max_sequence_length=16,
    )
    vae = diffusers.AutoencoderKLMochi(
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return save(
        folder,
        diffusers.MochiPipeline(diffusers.FlowMatchEulerDiscreteScheduler(), vae, t5(), t5_tokenizer(), transformer),
    )


def animatediff(folder):
    import diffusers

    seeded()
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 8),
        layers_per_block=2,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=2,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=2,
    )
    motion = diffusers.MotionAdapter(
        block_out_channels=(8, 8), motion_layers_per_block=2, motion_norm_num_groups=2, motion_num_attention_heads=2
    )
    scheduler = diffusers.DDIMScheduler(beta_schedule="linear", clip_sample=False)
    return save(folder, diffusers.AnimateDiffPipeline(vae, clip_text(77), clip_tokenizer(77), unet, motion, scheduler))


BUILDERS = {
    "cogvideox-2b": cogvideox_2b,
    "cogvideox-5b": cogvideox_5b,
    "cogvideox1.5-5b": cogvideox15_5b,
    "wan2.1-1.3b": wan21_1_3b,
    "wan2.2-5b": wan22_5b,
    "wan2.2-a14b": wan22_a14b,
    "ltx": ltx,
    "hunyuanvideo": hunyuanvideo,
    "hunyuanvideo-1.5": hunyuanvideo15,
    "mochi": mochi,
    "animatediff": animatediff,
}
"""Recipe to the function that builds a folder it matches."""
