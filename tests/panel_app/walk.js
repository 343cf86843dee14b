// Finds what a person can operate on a page, and tells two states of a page apart.
(() => {
  const KINDS = "button, a[href], input, select, textarea, summary, [role=button], [role=tab], " +
    "[role=switch], [role=checkbox], [role=radio], [role=slider], [role=combobox], [role=menuitem]"
  const QUIET = "[role=tooltip], [role=progressbar], .MuiTouchRipple-root, .MuiTooltip-popper, " +
    ".notyf, script, style, canvas"

  const shown = (one) => {
    const box = one.getBoundingClientRect()
    return box.width > 0 && box.height > 0 && one.checkVisibility({checkVisibilityCSS: true})
  }
  // A page that was left stays in the document, hidden with all that is in it.
  const away = (one) => !one.checkVisibility() && getComputedStyle(one).display === "none"
  const all = function* (root) {
    for (const one of root.children ?? []) {
      if (away(one)) continue
      yield one
      if (one.shadowRoot) yield* all(one.shadowRoot)
      yield* all(one)
    }
  }
  // Pictures of a grid, cells of a matrix, headings of rows: one stands for all of them.
  const ALIKE = ".cell, .MuiChip-deletable, td > button.right, td > button.wrong, tbody th > button, " +
    ".classes input, .legend > label:not(:last-child) input, [aria-label='Score thresholds by class'] td > *"
  const label_of = (one) => {
    if (one.matches(ALIKE)) return `one of its kind: ${one.classList[0] ?? one.parentElement.closest("[aria-label]")?.ariaLabel}`
    const by_id = one.id && one.getRootNode().querySelector(`label[for="${CSS.escape(one.id)}"]`)
    const named = one.getAttribute("aria-labelledby")?.split(" ")[0]
    const by_other = named && one.getRootNode().querySelector(`#${CSS.escape(named)}`)?.innerText
    const text = one.ariaLabel || by_other || by_id?.innerText || one.closest("label")?.innerText ||
      one.innerText || one.getAttribute("placeholder") || one.title || one.name || ""
    // How a column is sorted, or how much is changed or wrong behind it, makes no other control.
    const counted = one.role === "tab" || one.tagName === "SUMMARY" ? /\s*\d+( changed)?$/ : /[\u2191\u2193]/g
    return text.replace(counted, "").trim().replace(/\s+/g, " ").slice(0, 60)
  }
  const kind_of = (one) => one.matches(".MuiChip-deletable") ? "chip" : one.getAttribute("role") || one.type || one.tagName.toLowerCase()

  let next = 1
  window.walk_controls = () => {
    const found = []
    const groups = new Set()
    // A dialog is in front of everything else.
    const everything = [...all(document.body)]
    for (const one of everything) if (one.dataset?.walk) delete one.dataset.walk
    const front = everything.filter((one) => one.matches("[role=dialog], dialog[open]") && shown(one)).pop()
    const inside = front ? [...all(front)] : everything
    for (const one of inside) {
      if (!one.matches(KINDS) || one.disabled || one.ariaDisabled === "true") continue
      if (one.closest(`[inert], [aria-hidden=true], ${NOTE}`)) continue
      const box = one.type === "checkbox" || one.type === "radio" ? one.parentElement : one
      if (!shown(box) || one.readOnly) continue
      // What a kit nests in a control (an input in a combobox) is the control itself.
      if (one.tagName === "INPUT" && one.classList.contains("MuiSelect-nativeInput")) continue
      // Of a group of which one is chosen, another one stands for all of them.
      const group = one.type === "radio" && one.name
      if (group && (one.checked || groups.has(group))) continue
      groups.add(group)
      const number = next++
      one.dataset.walk = String(number)
      const chosen = [one.ariaPressed, one.ariaSelected, one.ariaCurrent].includes("true")
      const field = one.closest("[data-key]") ?? one.closest("details")?.querySelector("[data-key]")
      const in_form = Boolean(one.closest(".field"))
      const is_alike = one.matches(ALIKE)
      found.push({number, kind: kind_of(one), label: label_of(one), key: field?.dataset.key ?? "", chosen, in_form, is_alike})
    }
    return found
  }

  // Fields of a form, each of which tells by itself what became of it: all of `numbers` are operated at once.
  const operated = (number) => [...all(document.body)].find((one) => one.dataset?.walk === String(number))
  const told_by = (one) => {
    const field = one.closest(".field")
    const wrong = [...field.querySelectorAll("[aria-invalid]")].map((it) => it.ariaInvalid)
    return [field.className, field.innerText, ...wrong].join()
  }
  // Another text for a field: a number within its bounds where it is one.
  window.walk_other = (one) => {
    const sample = one.value || one.placeholder
    if (one.type !== "number" && (!sample || isNaN(sample))) return `${one.value}x`
    const is_share = one.max === "1" || (sample && Number(sample) > 0 && Number(sample) < 1)
    const [first, second] = is_share ? ["0.35", "0.45"] : ["3", "4"]
    return Number(one.value) === Number(first) ? second : first
  }
  const give = (one) => {
    if (["button", "checkbox", "radio"].includes(one.type)) return one.click()
    if (one.tagName === "SELECT") {
      one.selectedIndex = (one.selectedIndex + 1) % one.options.length
    } else {
      one.focus()
      one.value = walk_other(one)
      one.dispatchEvent(new Event("input", {bubbles: true}))
    }
    one.dispatchEvent(new Event("change", {bubbles: true}))
    one.blur()
  }
  window.walk_fields = async (numbers, wait_ms) => {
    let asked = numbers.map(operated).filter(Boolean).map((one) => ({one, before: told_by(one)}))
    for (const {one} of asked) give(one)
    for (const end = now() + wait_ms; asked.length && now() < end; await pause(LOOK_MS)) {
      asked = asked.filter(({one, before}) => one.isConnected && told_by(one) === before)
    }
    return asked.map(({one}) => Number(one.dataset.walk))
  }

  // What is drawn; charts are told by their words, and slow to read.
  const CANVASES = 30
  const copy = document.createElement("canvas")
  const drawn = (canvas) => {
    const {width, height} = Object.assign(copy, {width: canvas.width, height: canvas.height})
    const pen = copy.getContext("2d", {willReadFrequently: true})
    pen.drawImage(canvas, 0, 0)
    let hash = 0
    for (const one of new Int32Array(pen.getImageData(0, 0, width, height).data.buffer)) hash = (hash * 31 + one) | 0
    return String(hash)
  }

  // A note that comes is an effect; that it goes is none.
  const NOTE = ".notistack-Snackbar, .notistack-CollapseWrapper, .notistack-MuiContent"
  const noted = new WeakSet()
  let notes = 0

  // Pictures that are on their way; one that is out of sight is never asked for.
  let awaited = 0
  const began = new WeakMap()
  const comes = (one) => {
    if (one.tagName !== "IMG" || one.complete || !shown(one)) return false
    if (!began.has(one)) began.set(one, now())
    return now() - began.get(one) < 2_000
  }

  // What a dialog that closes offers is going.
  const fades = (one) => one.matches(".MuiDialog-container") && shown(one) && getComputedStyle(one).opacity !== "1"

  window.walk_state = (operated) => {
    awaited = 0
    const parts = [location.href, getComputedStyle(document.body).backgroundColor]
    let canvases = 0
    const look = (root) => {
      for (const one of root.children ?? []) {
        if (one.matches(NOTE)) {
          if (!noted.has(one)) noted.add(one), notes++
          continue
        }
        if (comes(one) || fades(one)) awaited++
        const is_chart = root.host?.className?.includes("bk-Canvas")
        if (one.tagName === "CANVAS" && !is_chart && one.width && one.height && shown(one) && canvases++ < CANVASES) {
          parts.push(drawn(one))
        }
        if (one.matches(QUIET) || one.dataset?.walk === operated || away(one)) continue
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
    parts.push(`${notes} notes`)
    // Durations and times go on by themselves.
    const text = parts.join("\u0001").replace(/\d+(\.\d+)? ?(ms|s|min|h|d)\b/g, "")
    let hash = 0
    for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
    return `${text.length}:${hash}`
  }

  // Whether something happens: what changes in the document and in every shadow root, and what the
  // server has not answered yet.
  let is_dirty = true
  const observer = new MutationObserver(() => { is_dirty = true })
  const ALL = {subtree: true, childList: true, characterData: true, attributes: true}
  observer.observe(document, ALL)
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (...given) {
    const root = attach.apply(this, given)
    observer.observe(root, ALL)
    return root
  }
  let unanswered = 0
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      this.addEventListener("message", ({data}) => {
        if (typeof data === "string" && /"msgtype": ?"(OK|ERROR)"/.test(data)) unanswered = Math.max(0, unanswered - 1)
      })
    }
    send(data) {
      if (typeof data === "string" && /"msgtype": ?"PATCH-DOC"/.test(data)) unanswered++
      return super.send(data)
    }
  }

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const now = () => performance.now()
  const LOOK_MS = 20
  // A value that is set by a script is no mutation: look now and then anyway.
  const BLIND_MS = 120

  // As long as the server has not answered it is waited for longer.
  window.walk_changed = async (operated, before, wait_ms, most_ms) => {
    for (const began = now(); ;) {
      is_dirty = false
      if (walk_state(operated) !== before) return true
      const left = began + (unanswered ? most_ms : wait_ms) - now()
      if (left <= 0) return false
      const looked = now()
      while (!is_dirty && now() - looked < Math.min(BLIND_MS, left)) await pause(LOOK_MS)
    }
  }

  window.walk_settled = async (quiet_ms, wait_ms) => {
    let state = "", since = now()
    for (const end = now() + wait_ms; now() < end;) {
      is_dirty = false
      const seen = walk_state("")
      if (seen !== state) [state, since] = [seen, now()]
      const looked = now()
      do {
        if (!unanswered && !awaited && now() - since >= quiet_ms) return true
        await pause(LOOK_MS)
      } while (!is_dirty && now() - looked < BLIND_MS)
    }
    return false
  }
})()
