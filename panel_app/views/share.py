"""A slider that divides the traffic between two versions."""

from __future__ import annotations

from typing import ClassVar

import param

from panel_app.forms.view import STYLE, Speaking


class ShareSlider(Speaking):
    """Percent for the second of two versions; it says {"share"} when Apply is pressed."""

    names = param.List(default=["", ""], doc="Of the first and the second version.")
    value = param.Integer(default=0, doc="The share in force, percent, of the second.")
    disabled = param.Boolean(default=False, doc="Whether a change is under way.")

    _stylesheets: ClassVar[list[str]] = [
        STYLE,
        """
        .share { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; }
        .share input { flex: 1 1 240px; max-width: 420px; accent-color: var(--panel-primary-color); }
        .share output { font-size: 13px; flex-basis: 100%; }
        """,
    ]
    _esm = """
    export function render({model}) {
      const root = document.createElement("div")
      root.className = "group share"
      const label = document.createElement("label")
      const input = Object.assign(document.createElement("input"),
        {type: "range", min: 0, max: 100, step: 1, id: "share"})
      label.htmlFor = "share"
      const apply = Object.assign(document.createElement("button"),
        {type: "button", className: "push", textContent: "Apply"})
      const told = document.createElement("output")
      root.append(label, input, apply, told)
      const tell = () => {
        const share = Number(input.value)
        told.textContent = share === 100 ? `${model.names[1]} takes over; ${model.names[0]} ends.`
          : share === 0 ? `${model.names[0]} keeps all; ${model.names[1]} ends.`
          : `${model.names[0]} ${100 - share} %, ${model.names[1]} ${share} %`
        apply.disabled = model.disabled || share === model.value
      }
      const show = () => {
        label.textContent = `Share of ${model.names[1]}`
        input.value = model.value
        input.disabled = model.disabled
        tell()
      }
      input.addEventListener("input", tell)
      apply.addEventListener("click", () => {
        model.word = {share: Number(input.value), at: (model.word.at || 0) + 1}
      })
      model.on(["names", "value"], show)
      model.on("disabled", () => { input.disabled = model.disabled; tell() })
      show()
      return root
    }
    """
