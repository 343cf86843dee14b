"""The font of the icons, brought along: a notebook has no server that it could come from."""

from __future__ import annotations

import base64
from pathlib import Path

import panel as pn
import panel_material_ui
import param

_FAMILY = "Material Icons"
STYLE = f"""
.material-icons {{
  font-family: "{_FAMILY}" !important;
  font-weight: normal !important;
  line-height: 1 !important;
  letter-spacing: normal !important;
  font-feature-settings: "liga" !important;
}}
"""
"""Of each component: the kit's own style sheet does not come along either."""
_FOLDER = Path(panel_material_ui.__file__).parent / "dist"


def _font() -> str:
    """Return the file of the kit's font as text; "" if the kit has another one some day."""
    found = [
        path for path in sorted(_FOLDER.glob("material-icons-*.woff2")) if "-" not in path.stem[15:]
    ]
    return base64.b64encode(found[0].read_bytes()).decode() if found else ""


class Icons(pn.custom.JSComponent):
    """Loads the font into the document, once for all of its widgets."""

    family = param.String(default=_FAMILY, doc="As the kit's style sheets name it.")
    font = param.String(default="", doc="The font file (woff2), base64.")

    _esm = """
    export function render({model}) {
      const loaded = [...document.fonts].some((one) =>
        one.family.replaceAll('"', "") === model.family && one.status === "loaded")
      if (model.font && !loaded) {
        const url = `url(data:font/woff2;base64,${model.font})`
        new FontFace(model.family, url).load().then((face) => document.fonts.add(face))
      }
      return document.createElement("span")
    }
    """

    def __init__(self) -> None:
        """Take the font with it."""
        super().__init__(font=_font(), width=0, height=0, margin=0)
