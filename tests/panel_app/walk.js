// Finds what a person can operate on a page, and tells two states of a page apart.
(() => {
  const KINDS = "button, a[href], input, select, textarea, [role=button], [role=tab], " +
    "[role=switch], [role=checkbox], [role=radio], [role=slider], [role=combobox], [role=menuitem]"
  const QUIET = "[role=tooltip], [role=progressbar], .MuiTouchRipple-root, .MuiTooltip-popper, " +
    ".notyf, script, style, canvas"

  const shown = (one) => {
    const box = one.getBoundingClientRect()
    return box.width > 0 && box.height > 0 && one.checkVisibility({checkVisibilityCSS: true})
  }
  const all = function* (root) {
    for (const one of root.children ?? []) {
      yield one
      if (one.shadowRoot) yield* all(one.shadowRoot)
      yield* all(one)
    }
  }
  const label_of = (one) => {
    const by_id = one.id && one.getRootNode().querySelector(`label[for="${CSS.escape(one.id)}"]`)
    const named = one.getAttribute("aria-labelledby")?.split(" ")[0]
    const by_other = named && one.getRootNode().querySelector(`#${CSS.escape(named)}`)?.innerText
    const text = one.ariaLabel || by_other || by_id?.innerText || one.closest("label")?.innerText ||
      one.innerText || one.getAttribute("placeholder") || one.title || one.name || ""
    // How a column is sorted is no other control.
    return text.replace(/[\u2191\u2193]/g, "").trim().replace(/\s+/g, " ").slice(0, 60)
  }
  const kind_of = (one) => one.getAttribute("role") || one.type || one.tagName.toLowerCase()

  let next = 1
  window.walk_controls = () => {
    const found = []
    // A dialog is in front of everything else.
    const everything = [...all(document.body)]
    for (const one of everything) if (one.dataset?.walk) delete one.dataset.walk
    const front = everything.filter((one) => one.getAttribute("role") === "dialog" && shown(one)).pop()
    const inside = front ? [...all(front)] : everything
    for (const one of inside) {
      if (!one.matches(KINDS) || one.disabled || one.ariaDisabled === "true") continue
      if (one.closest("[inert], [aria-hidden=true]")) continue
      const box = one.type === "checkbox" || one.type === "radio" ? one.parentElement : one
      if (!shown(box) || one.readOnly) continue
      // What a kit nests in a control (an input in a combobox) is the control itself.
      if (one.tagName === "INPUT" && one.classList.contains("MuiSelect-nativeInput")) continue
      const number = next++
      one.dataset.walk = String(number)
      const chosen = one.ariaPressed === "true" || one.ariaSelected === "true"
      found.push({number, kind: kind_of(one), label: label_of(one), chosen})
    }
    return found
  }

  window.walk_state = (operated) => {
    const parts = [location.href, getComputedStyle(document.body).backgroundColor]
    const look = (root) => {
      for (const one of root.children ?? []) {
        if (one.matches(QUIET) || one.dataset?.walkOperated === operated) continue
        if (!one.shadowRoot && !shown(one) && !one.children.length) continue
        for (const {name, value} of one.attributes) {
          if (/^(aria-(?!describedby|labelledby).*|href|src|open|d|points)$/.test(name)) parts.push(value)
        }
        if ("value" in one && typeof one.value === "string") parts.push(one.value)
        if ("checked" in one) parts.push(String(one.checked))
        for (const node of one.childNodes) {
          if (node.nodeType === 3 && shown(one)) parts.push(node.data)
        }
        if (one.shadowRoot) look(one.shadowRoot)
        look(one)
      }
    }
    look(document.body)
    // Durations and times go on by themselves.
    const text = parts.join("\u0001").replace(/\d+(\.\d+)? ?(ms|s|min|h|d)\b/g, "")
    let hash = 0
    for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
    return `${text.length}:${hash}`
  }
})()
