"""Every catalogue entry small: its own model type and config class, a few channels and layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cvcore.config.catalogue import catalogue
from cvcore.config.composer import load
from cvcore.config.schema import Config, ModelConf

OPTIONS = [entry.option for entry in catalogue(search_path=[])]
SMALL_DIGITS = ["data=digits", "data.num_train=10", "data.num_val=10", "data.num_test=10"]

_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 8,
}
_DINO = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "mlp_ratio": 2,
    "patch_size": 8,
}
_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_CONVNEXT = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
_SWIN = {
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 2, 2],
    "window_size": 4,
    "image_size": 64,
}
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]}
_HGNET = {
    "model_type": "hgnet_v2",
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 8, 16, 16],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [8, 16, 16, 32],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_numb_of_layers": [1, 1, 1, 1],
    "stage_light_block": [False, False, True, True],
    "hidden_sizes": [8, 16, 16, 32],
    "embedding_size": 8,
    "depths": [1, 1, 1, 1],
    "out_indices": [2, 3, 4],
}
_DETECTOR = {
    "freeze_backbone_batch_norms": False,
    "encoder_in_channels": [16, 16, 32],
    "encoder_hidden_dim": 16,
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "d_model": 16,
    "decoder_in_channels": [16, 16, 16],
    "decoder_ffn_dim": 16,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "num_queries": 12,
    "num_denoising": 4,
}
_GROUPED = {
    "d_model": 16,
    "decoder_ffn_dim": 16,
    "decoder_layers": 2,
    "decoder_self_attention_heads": 2,
    "decoder_cross_attention_heads": 2,
    "num_queries": 12,
    "group_detr": 2,
}
_MASK2FORMER = {
    "backbone_config": {"model_type": "swin", "out_features": _STAGES, **_SWIN},
    "feature_size": 32,
    "mask_feature_size": 32,
    "hidden_dim": 32,
    "encoder_feedforward_dim": 16,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "dim_feedforward": 16,
    "num_attention_heads": 2,
    "num_queries": 8,
    "train_num_points": 64,
}
_DETR_DECODER = {
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "d_model": 16,
    "num_queries": 8,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "vit": _VIT,
    "convnextv2": _CONVNEXT,
    "resnet": _RESNET,
    "swinv2": {**_SWIN, "window_size": 2},
    "dinov2": _DINO,
    "d_fine": {"backbone_config": _HGNET, "hidden_expansion": 0.5, "depth_mult": 0.34, **_DETECTOR},
    "deimv2": {"backbone_config": _HGNET, "hidden_expansion": 0.5, "depth_mult": 0.34, **_DETECTOR},
    "rt_detr_v2": {
        "backbone_config": {
            "model_type": "rt_detr_resnet",
            **_RESNET,
            "out_features": _STAGES[1:],
            "layer_type": "basic",
        },
        **_DETECTOR,
    },
    "rf_detr": {
        "backbone_config": {
            "model_type": "rf_detr_dinov2",
            **_DINO,
            "num_windows": 2,
            "image_size": 64,
            "out_features": ["stage1", "stage2"],
        },
        "c2f_num_blocks": 1,
        "num_feature_levels": 1,
        **_GROUPED,
    },
    "lw_detr": {
        "backbone_config": {
            "model_type": "lw_detr_vit",
            **_DINO,
            "num_windows": 4,
            "image_size": 64,
            "pretrain_image_size": 32,
            "window_block_indices": [0],
            "out_features": ["stage1", "stage2"],
        },
        "projector_scale_factors": [1.0],
        "c2f_num_blocks": 1,
        **_GROUPED,
    },
    "detr": {
        "backbone_config": {"model_type": "resnet", **_RESNET, "out_features": ["stage4"]},
        **_DETR_DECODER,
    },
    "yolos": {**_VIT, "num_detection_tokens": 8},
    "segformer": {
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 8, 16, 16],
        "num_attention_heads": [1, 1, 2, 2],
        "decoder_hidden_size": 16,
    },
    "upernet": {
        "backbone_config": {"model_type": "convnext", "out_features": _STAGES, **_CONVNEXT},
        "hidden_size": 16,
        "pool_scales": [1, 2],
        "auxiliary_in_channels": 16,
        "auxiliary_channels": 8,
    },
    "beit": {
        **_VIT,
        "num_hidden_layers": 4,
        "out_indices": [1, 2, 3, 4],
        "pool_scales": [1, 2],
        "auxiliary_channels": 8,
        "use_relative_position_bias": True,
    },
    "dpt": {
        **_VIT,
        "num_hidden_layers": 4,
        "backbone_out_indices": [0, 1, 2, 3],
        "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8,
        "image_size": 32,  # of the pre-training: another input size must do as well
    },
    "mask2former": _MASK2FORMER,
    "maskformer": {
        "backbone_config": {"model_type": "swin", "out_features": _STAGES, **_SWIN},
        "decoder_config": {"model_type": "detr", **_DETR_DECODER},
        "fpn_feature_size": 32,
        "mask_feature_size": 32,
    },
    "oneformer": {
        "backbone_config": {"model_type": "swin", "out_features": _STAGES, **_SWIN},
        "conv_dim": 32,
        "mask_dim": 32,
        "hidden_dim": 32,
        "encoder_feedforward_dim": 16,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "query_dec_layers": 1,
        "dim_feedforward": 16,
        "num_attention_heads": 2,
        "num_queries": 8,
        "train_num_points": 64,
    },
    "eomt": {**_DINO, "hidden_size": 32, "num_blocks": 1, "num_queries": 8, "train_num_points": 64},
}
# Entries of one model type on another backbone.
_OF_OPTION: dict[str, dict[str, Any]] = {
    "semantic_segmentation/upernet_swin_small": {
        **CONFIGS["upernet"],
        "backbone_config": {"model_type": "swin", "out_features": _STAGES, **_SWIN},
        "auxiliary_in_channels": 32,
    },
    "detection/deimv2_small": {
        **CONFIGS["deimv2"],
        "backbone_config": {
            "model_type": "dinov3_vit",
            "hidden_size": 16,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "out_indices": [1, 2, 3],
        },
        "encoder_in_channels": [16, 16, 16],
        "spatial_tuning_adapter_inplanes": 4,
    },
}


def small(option: str, cache: Path) -> Config:
    """Return the configuration of a catalogue entry with a few channels and random weights."""
    config = load([f"model={option}", *SMALL_DIGITS, f"data.cache_dir={cache}"])
    return replace(config, model=shrink(option, config.model))


def shrink(option: str, model: ModelConf) -> ModelConf:
    """Return a model's configuration with a few channels, 64 px and random weights."""
    if option.endswith("_micro"):
        return model
    assert model.model_type is not None
    config = _OF_OPTION.get(option, CONFIGS[model.model_type])
    return replace(model, checkpoint=None, revision=None, config=config, image_size=[64, 64])
