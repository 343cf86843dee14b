"""From a composed configuration to the typed one: types, bounds, choices, what fits together."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cvcore.config.check import names_in
from cvcore.config.keys import DATA_SCHEMAS
from cvcore.config.schema import COMPUTE_SCHEMAS, Config, FieldInfo, compute_schema, info_of
from cvcore.config.translate import from_omegaconf
from cvcore.errors import ConfigError, did_you_mean


def typed(composed: DictConfig) -> Config:
    """Return the dataclasses of a composed configuration, checked.

    Raises:
        ConfigError: a value is missing, of the wrong type, out of bounds or none of the choices;
            values that do not fit together; or a `_target_` anywhere.
    """
    if "_target_" in names_in(plain(composed, resolve=False)):
        raise ConfigError(
            "The configuration holds '_target_'. Nothing in a configuration is instantiated: "
            "remove the key from your conf folder."
        )
    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise from_omegaconf(error) from None
    if not isinstance(config, Config):
        raise ConfigError("This is not a whole run: its first default must be `_schema`.")
    validate(config)
    return config


def plain(composed: DictConfig, *, resolve: bool = True) -> dict[str, Any]:
    """Return a composed configuration as dicts, lists and values.

    Raises:
        ConfigError: `resolve` is asked for and an interpolation cannot be resolved.
    """
    try:
        values = OmegaConf.to_container(composed, resolve=resolve)
    except OmegaConfBaseException as error:
        raise from_omegaconf(error) from None
    return cast("dict[str, Any]", values)


def validate(config: Config) -> None:
    """Check values against the schema and each other.

    Raises:
        ConfigError: one sentence per fault, each on its own line.
    """
    found = faults(config)
    if found:
        raise ConfigError("\n".join(found.values()))


def faults(config: Config) -> dict[str, str]:
    """Return what is wrong: dotted key -> sentence; empty if nothing is."""
    return {**dict(_faults_of_values(config, "")), **_faults_between(config)}


def _faults_of_values(conf: Any, prefix: str) -> list[tuple[str, str]]:
    found = []
    for item in fields(conf):
        key, value = f"{prefix}{item.name}", getattr(conf, item.name)
        if is_dataclass(value):
            found += _faults_of_values(value, f"{key}.")
            continue
        info = info_of(item)
        for one in value if isinstance(value, list) else [value]:
            sentence = info and one is not None and fault_of(key, one, info)
            if sentence:
                found.append((key, sentence))
    return found


def fault_of(key: str, value: Any, info: FieldInfo) -> str | None:
    """Return what is wrong with one value (of a list: one item), or None."""
    if info.choices is not None and value not in info.choices:
        near = did_you_mean(str(value), map(str, info.choices))
        return f"{key} cannot be {value!r}. Choices: {', '.join(map(str, info.choices))}.{near}"
    if info.bounds is None:
        return None
    low, high = info.bounds
    # A comparison with nan is false: nan is out of every bounds.
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    unit = f" {info.unit}" if info.unit else ""
    return f"{key} is {value}; it must be {_range(low, high)}{unit}."


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _faults_between(config: Config) -> dict[str, str]:
    """Return what no single value shows."""
    found = {}
    for key, values, count in (
        ("model.image_size", config.model.image_size, 2),
        ("model.image_mean", config.model.image_mean, 3),
        ("model.image_std", config.model.image_std, 3),
        ("augment.scale", config.augment.scale, 2),
    ):
        if len(values) != count:
            found[key] = f"{key} has {len(values)} numbers; it takes {count}, e.g. {_EXAMPLE[key]}."
    if not found and config.augment.scale[0] > config.augment.scale[1]:
        found["augment.scale"] = (
            f"augment.scale is {config.augment.scale}; the smallest zoom comes first."
        )
    if any(value <= 0 for value in config.model.image_std):
        found["model.image_std"] = "model.image_std holds a value that is not above 0."
    found.update(_faults_of_reader(config))
    found.update(_faults_of_compute(config))
    found.update(_faults_of_precision(config))
    return found


_EXAMPLE = {
    "model.image_size": "[640,640]",
    "model.image_mean": "[0.485,0.456,0.406]",
    "model.image_std": "[0.229,0.224,0.225]",
    "augment.scale": "[0.8,1.25]",
}


def _faults_of_reader(config: Config) -> dict[str, str]:
    reader = config.data.reader
    if reader not in DATA_SCHEMAS:
        near = did_you_mean(reader, DATA_SCHEMAS)
        sentence = f"data.reader cannot be {reader!r}. Choices: {', '.join(DATA_SCHEMAS)}.{near}"
    elif not isinstance(config.data, DATA_SCHEMAS[reader]):
        sentence = f"data.reader is {reader!r} in another reader's option. Write data={reader}."
    else:
        return {}
    return {"data.reader": sentence}


def _faults_of_compute(config: Config) -> dict[str, str]:
    conf = config.compute
    if type(conf) is compute_schema(vars(conf)):
        return {}
    key = "compute.way" if hasattr(conf, "way") else "compute.kind"
    options = ", ".join(COMPUTE_SCHEMAS)
    return {
        key: f"{key} does not fit the other keys of compute. Write compute=, one of: {options}."
    }


def _faults_of_precision(config: Config) -> dict[str, str]:
    deepspeed = config.deepspeed.config or {}
    wanted = [kind for kind in ("bf16", "fp16") if _is_enabled(deepspeed.get(kind))]
    if len(wanted) == 2:
        sentence = "deepspeed.config enables bf16 and fp16. Enable one, or write enabled: auto."
        return {"deepspeed.config": sentence}
    precision = config.trainer.precision
    if wanted and precision not in ("auto", wanted[0]):
        sentence = (
            f"trainer.precision is {precision!r} but deepspeed.config enables {wanted[0]}. "
            f"Write trainer.precision={wanted[0]}, or enabled: auto in deepspeed.config."
        )
        return {"trainer.precision": sentence}
    return {}


def _is_enabled(section: Any) -> bool:
    return isinstance(section, dict) and section.get("enabled") is True
