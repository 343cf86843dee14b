"""Colours, font, title and logo of the app, from one YAML file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cvcore.errors import ConfigError, did_you_mean

DEFAULT = Path(__file__).with_name("theme.yaml")
_COLOURS = ("primary", "background", "paper", "text")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_ERROR = ("#b3261e", "#ff8a80")
"""By day and by night: readable on the paper of each."""
_LOGOS = (".svg", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Theme:
    """How the app looks.

    Attributes:
        title: of the app.
        logo: an image file, or None.
        font: CSS font family.
        radius: of corners, pixels.
        light: colours by day, `#rrggbb` by `primary`, `background`, `paper`, `text`.
        dark: the same by night.
    """

    title: str
    logo: Path | None
    font: str
    radius: int
    light: dict[str, str]
    dark: dict[str, str]

    @classmethod
    def load(cls, path: Path | None = None) -> Theme:
        """Read a theme; keys that it leaves out are those of `theme.yaml`.

        Raises:
            ConfigError: the file can't be read, or a key or value is not one of a theme.
        """
        values = _read(DEFAULT)
        if path is not None:
            given = _read(path)
            for key in given:
                if key not in values:
                    raise ConfigError(
                        f"{path}: {key!r} is not a key of a theme. Keys: {', '.join(values)}."
                        f"{did_you_mean(str(key), values)}"
                    )
            for mode in ("light", "dark"):
                given[mode] = {**values[mode], **(given.get(mode) or {})}
            values |= given
        where = path or DEFAULT
        for mode in ("light", "dark"):
            _check_colours(where, mode, values[mode])
        if not isinstance(values["radius"], int) or not 0 <= values["radius"] <= 40:
            raise ConfigError(f"{where}: radius is {values['radius']!r}; give 0 to 40 pixels.")
        for key in ("title", "font"):
            if not isinstance(values[key], str) or not values[key].strip():
                raise ConfigError(f"{where}: {key} is {values[key]!r}; give a text.")
        return cls(**{**values, "logo": _logo(where, values["logo"])})

    def mui(self) -> dict[str, Any]:
        """Return it as configuration of Material UI, for light and dark."""
        light, dark = self.light, self.dark
        return {
            "light": self._mode(light, _ERROR[0], {"backgroundColor": light["primary"]}),
            # A bright bar would outshine a dark page.
            "dark": self._mode(
                dark,
                _ERROR[1],
                {
                    "backgroundColor": dark["paper"],
                    "color": dark["text"],
                    "backgroundImage": "none",
                },
            ),
        }

    def _mode(self, colours: dict[str, str], error: str, bar: dict[str, str]) -> dict[str, Any]:
        return {
            "palette": {
                "primary": {"main": colours["primary"]},
                "background": {"default": colours["background"], "paper": colours["paper"]},
                "text": {"primary": colours["text"]},
                "error": {"main": error},
            },
            "components": {"MuiAppBar": {"styleOverrides": {"root": bar}}},
            "typography": {"fontFamily": self.font},
            "shape": {"borderRadius": self.radius},
        }


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = str(error).splitlines()[0]
        raise ConfigError(f"the theme {path} can't be read: {said}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"the theme {path} is not `key: value` lines; start from {DEFAULT}.")
    return values


def _check_colours(where: Path, mode: str, colours: Any) -> None:
    for key, value in colours.items():
        if key not in _COLOURS:
            raise ConfigError(
                f"{where}: {mode}.{key} is not a colour of a theme. Colours: "
                f"{', '.join(_COLOURS)}.{did_you_mean(str(key), _COLOURS)}"
            )
        if not isinstance(value, str) or not _COLOUR.fullmatch(value):
            raise ConfigError(f"{where}: {mode}.{key} is {value!r}; give it as '#rrggbb'.")


def _logo(where: Path, value: Any) -> Path | None:
    if value is None:
        return None
    path = where.parent / str(value)
    if path.suffix.lower() not in _LOGOS or not path.is_file():
        raise ConfigError(f"{where}: logo {value!r} is no {', '.join(_LOGOS)} file beside it.")
    return path
