"""Facts about each Hugging Face model type, found by its exact `config.model_type`.

A type that is not in the table still works for classification and semantic segmentation when
transformers has a class for it: those heads all speak one format. Torch-free.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Head = Literal["classes", "pixels", "boxes", "boxes_masks", "queries"]
"""What a head takes and gives (B images, K classes, Q queries):

classes      labels int64 [B]; logits [B, K].
pixels       labels int64 [B, H, W], 255 = ignored; logits [B, K, h, w].
boxes        labels: per image class_labels [N], boxes [N, 4] (cxcywh, 0..1); logits [B, Q, K or
             K + 1], pred_boxes [B, Q, 4].
boxes_masks  as boxes, and masks [N, H, W]; pred_masks [B, Q, h, w].
queries      mask_labels: per image [N, H, W], class_labels: per image [N] (unlabelled pixels are
             in no mask); class_queries_logits [B, Q, K + 1], masks_queries_logits [B, Q, h, w].
"""


@dataclass(frozen=True, slots=True)
class Family:
    """What one model type needs from us.

    Attributes:
        model_type: HF's `config.model_type`.
        heads: the format of each task the type can be trained for.
        sigmoid: class scores are independent sigmoids; else a softmax whose last class is
            "no object".
        processor: the HF image processor class written beside the weights.
        fixed_size: only images of `config.image_size` fit (absolute position embeddings).
        size_divisor: height and width must be multiples of this product of numbers and config
            attributes (`backbone_config.` reaches into the backbone).
        body: paths of the pretrained part from the whole model, the first that exists counts;
            the rest is head. Empty: HF's `base_model_prefix`.
        train_config: config values that our training needs, whatever the checkpoint says.
        task_token: the model takes the task as words: `cvcore.models.task_token`.
    """

    model_type: str
    heads: dict[str, Head]
    sigmoid: bool = False
    processor: str = "ViTImageProcessorPil"
    fixed_size: bool = False
    size_divisor: tuple[int | str, ...] = ()
    body: tuple[str, ...] = ()
    train_config: dict[str, object] = field(default_factory=dict)
    task_token: bool = False


_CLASSES: dict[str, Head] = {"classification": "classes"}
_PIXELS: dict[str, Head] = {"semantic_segmentation": "pixels"}
_BOXES: dict[str, Head] = {"detection": "boxes"}
_QUERIES: dict[str, Head] = {
    "semantic_segmentation": "queries",
    "instance_segmentation": "queries",
    "panoptic_segmentation": "queries",
}
_IGNORE: dict[str, object] = {"semantic_loss_ignore_index": 255}
# A fixed evaluation size in the checkpoint would forbid any other input size.
_ANY_SIZE: dict[str, object] = {"eval_size": None, "anchor_image_size": None}

_TABLE = (
    # Image classification; several are backbones of the others too.
    Family("vit", _CLASSES, fixed_size=True),
    Family("deit", _CLASSES, fixed_size=True, processor="DeiTImageProcessorPil"),
    Family("vit_msn", _CLASSES, fixed_size=True),
    Family("dinov2", _CLASSES, processor="BitImageProcessorPil", size_divisor=("patch_size",)),
    Family(
        "dinov2_with_registers",
        _CLASSES,
        processor="BitImageProcessorPil",
        size_divisor=("patch_size",),
    ),
    Family("convnext", _CLASSES, processor="ConvNextImageProcessorPil"),
    Family("convnextv2", _CLASSES, processor="ConvNextImageProcessorPil"),
    Family("resnet", _CLASSES, processor="ConvNextImageProcessorPil"),
    Family("swin", _CLASSES),
    Family("swinv2", _CLASSES),
    Family(
        "beit",
        _CLASSES | _PIXELS,
        processor="BeitImageProcessorPil",
        fixed_size=True,
        train_config=_IGNORE,
    ),
    Family(
        "data2vec-vision",
        _CLASSES | _PIXELS,
        processor="BeitImageProcessorPil",
        fixed_size=True,
        train_config=_IGNORE,
    ),
    # Semantic segmentation.
    Family(
        "segformer",
        _CLASSES | _PIXELS,
        processor="SegformerImageProcessorPil",
        train_config=_IGNORE,
    ),
    Family(
        "upernet",
        _PIXELS,
        processor="SegformerImageProcessorPil",
        body=("backbone",),
        train_config={"loss_ignore_index": 255},
    ),
    Family(
        "dpt",
        _PIXELS,
        processor="DPTImageProcessorPil",
        size_divisor=("patch_size",),
        train_config=_IGNORE,
    ),
    # Detection.
    Family(
        "detr",
        _BOXES | {"panoptic_segmentation": "boxes_masks"},
        processor="DetrImageProcessorPil",
        body=("model.backbone",),
    ),
    Family(
        "table-transformer", _BOXES, processor="DetrImageProcessorPil", body=("model.backbone",)
    ),
    Family("yolos", _BOXES, processor="YolosImageProcessorPil", size_divisor=("patch_size",)),
    Family(
        "conditional_detr",
        _BOXES,
        sigmoid=True,
        processor="ConditionalDetrImageProcessorPil",
        body=("model.backbone",),
    ),
    Family(
        "deformable_detr",
        _BOXES,
        sigmoid=True,
        processor="DeformableDetrImageProcessorPil",
        body=("model.backbone",),
    ),
    Family(
        "dab-detr",
        _BOXES,
        sigmoid=True,
        processor="ConditionalDetrImageProcessorPil",
        body=("model.backbone",),
    ),
    *(
        Family(
            model_type,
            _BOXES,
            sigmoid=True,
            processor="RTDetrImageProcessorPil",
            size_divisor=(32,),
            body=("model.backbone", "model.conv_encoder.model", "model.conv_encoder.backbone"),
            train_config=_ANY_SIZE,
        )
        for model_type in ("rt_detr", "rt_detr_v2", "d_fine", "deimv2")
    ),
    Family(
        "lw_detr",
        _BOXES,
        sigmoid=True,
        processor="DeformableDetrImageProcessorPil",
        body=("model.backbone.backbone",),
    ),
    Family(
        "rf_detr",
        _BOXES | {"instance_segmentation": "boxes_masks"},
        sigmoid=True,
        processor="RTDetrImageProcessorPil",
        size_divisor=("backbone_config.patch_size", "backbone_config.num_windows"),
        body=("model.backbone.backbone", "model.model.backbone.backbone"),
    ),
    # Mask classification: one architecture for semantic, instance and panoptic segmentation.
    Family(
        "mask2former",
        _QUERIES,
        processor="Mask2FormerImageProcessorPil",
        size_divisor=(32,),
        body=("model.pixel_level_module.encoder",),
    ),
    Family(
        "maskformer",
        _QUERIES,
        processor="MaskFormerImageProcessorPil",
        size_divisor=(32,),
        body=("model.pixel_level_module.encoder",),
    ),
    # Without its text encoder, which only a contrastive loss of its pre-training needs.
    Family(
        "oneformer",
        _QUERIES,
        processor="Mask2FormerImageProcessorPil",
        size_divisor=(32,),
        body=("model.pixel_level_module.encoder",),
        train_config={"is_training": False},
        task_token=True,
    ),
    Family("eomt", _QUERIES, processor="EomtImageProcessorPil", fixed_size=True),
    Family("eomt_dinov3", _QUERIES, processor="EomtImageProcessorPil", fixed_size=True),
)

FAMILIES: dict[str, Family] = {family.model_type: family for family in _TABLE}

REFUSED: dict[str, str] = {
    "timm_wrapper": "it needs the package timm, which is not a dependency",
    "imagegpt": "it takes colour clusters, not pixels",
    "siglip2": "it takes patches cut by its own processor, not images",
    "shieldgemma2": "it takes text beside the image",
    "perceiver": "it has three kinds of inputs and no single classification class",
    "donut-swin": "it is the encoder of a document reader",
}
"""Model types with a class for one of our tasks that can't be trained here, and why."""

GENERIC_HEADS: dict[str, Head] = _CLASSES | _PIXELS
"""Tasks whose classes all speak one format, so that types outside the table work too."""


def family_of(model_type: str) -> Family:
    """Return the facts of a model type; a type outside the table gets the generic ones."""
    return FAMILIES.get(model_type) or Family(model_type, GENERIC_HEADS)
