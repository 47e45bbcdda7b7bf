"""Small checkpoints of the detector, the segmenter and the depth estimator."""

from pathlib import Path

from checkpoint_parts import IMAGENET, vit, write_bert_tokenizer, write_preprocessor

VIEW_SIDE = 128
"""Side of the pictures that detector and segmenter look at; the real ones take 800 and 1024."""
DEPTH_SIDE = 126
"""Side of the pictures of the depth estimator, a multiple of its patches of 14; really 518."""


def write_grounding_dino(folder: Path) -> None:
    """Grounding DINO: Swin, BERT, and the deformable transformer between them."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        SwinConfig,
    )

    vocabulary = write_bert_tokenizer(folder)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=VIEW_SIDE,
            embed_dim=12,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 3, 4],
            window_size=7,
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=20,
        fusion_dropout=0.0,
        fusion_droppath=0.0,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "GroundingDinoImageProcessor",
        **IMAGENET,
        do_pad=True,
        do_rescale=True,
        do_resize=True,
        format="coco_detection",
        resample=2,
        rescale_factor=1 / 255,
        size={"shortest_edge": VIEW_SIDE, "longest_edge": VIEW_SIDE * 1333 // 800},
        processor_class="GroundingDinoProcessor",
    )


def write_sam(folder: Path) -> None:
    """SAM: a ViT with windows and global attention, prompted with boxes or points."""
    from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig
    from transformers.models.sam.configuration_sam import SamVisionConfig

    vision = SamVisionConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_dim=64,
        image_size=VIEW_SIDE,
        patch_size=16,
        window_size=4,
        global_attn_indexes=[1],
        output_channels=32,
        num_pos_feats=16,
    )
    prompts = SamPromptEncoderConfig(hidden_size=32, image_size=VIEW_SIDE, patch_size=16)
    decoder = SamMaskDecoderConfig(
        hidden_size=32,
        mlp_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        iou_head_hidden_dim=32,
    )
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    SamModel(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "SamImageProcessor",
        **IMAGENET,
        do_convert_rgb=True,
        do_pad=True,
        do_rescale=True,
        do_resize=True,
        pad_size={"height": VIEW_SIDE, "width": VIEW_SIDE},
        mask_pad_size={"height": VIEW_SIDE // 4, "width": VIEW_SIDE // 4},
        mask_size={"longest_edge": VIEW_SIDE // 4},
        resample=2,
        rescale_factor=1 / 255,
        size={"longest_edge": VIEW_SIDE},
        processor_class="SamProcessor",
    )


def write_depth_anything(folder: Path) -> None:
    """Depth Anything V2: DINOv2 and a dense prediction head."""
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
    )

    backbone = Dinov2Config(
        **vit(layers=4),
        image_size=518,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 16, 32, 32],
        fusion_hidden_size=16,
        head_hidden_size=8,
        head_in_index=-1,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    write_preprocessor(
        folder,
        "DPTImageProcessor",
        **IMAGENET,
        do_pad=False,
        do_rescale=True,
        do_resize=True,
        ensure_multiple_of=14,
        keep_aspect_ratio=True,
        resample=3,
        rescale_factor=1 / 255,
        size={"height": DEPTH_SIDE, "width": DEPTH_SIDE},
        size_divisor=None,
    )
