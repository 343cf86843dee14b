// A group's form: its options as cards, its fields in a grid, the rarely used ones folded away.
// Python gives `spec` (what there is) and `state` (what it holds); a person's word goes back as `word`.

const WAIT_MS = 450

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

let count = 0

export function render({model}) {
  const root = element("div", {className: "group"})
  const fields = new Map()

  // Panel joins changes of a property that come quickly one after the other: the last words go along.
  const say = (message) => {
    const word = {...message, at: (model.word.at || 0) + 1}
    model.word = {...word, last: [...(model.word.last || []), word].slice(-8)}
  }

  // ---- options ---------------------------------------------------------------------------------
  let cards = []
  function optionCards() {
    const name = `option-${++count}`
    const box = element("div", {className: "options"})
    box.setAttribute("role", "radiogroup")
    box.setAttribute("aria-label", model.spec.title || model.spec.group)
    cards = model.spec.options.map((option) => {
      const input = element("input", {type: "radio", name, value: option.value})
      input.addEventListener("change", () => say({choose: model.spec.group, option: option.value}))
      const label = element("label", {className: "option"}, [
        input,
        element("span", {className: "option-title", textContent: option.label}),
      ])
      if (option.help) {
        label.append(element("span", {className: "option-help", textContent: option.help}))
      }
      box.append(label)
      return {input, label}
    })
    return box
  }

  // ---- one field -------------------------------------------------------------------------------
  function control(spec, id) {
    if (spec.control === "switch") {
      const input = element("input", {type: "checkbox", id})
      input.setAttribute("role", "switch")
      return input
    }
    if (spec.control === "choice") {
      const list = spec.optional ? ["", ...spec.choices] : spec.choices
      return element("select", {id}, list.map((value) =>
        element("option", {value, textContent: value === "" ? "not set" : value})))
    }
    if (spec.control === "area") return element("textarea", {id, rows: 2, spellcheck: false})
    const input = element("input", {type: "text", id, autocomplete: "off", spellcheck: false})
    if (spec.control === "number") input.inputMode = "decimal"
    if (spec.optional) input.placeholder = "not set"
    return input
  }

  function field(spec) {
    const id = `field-${++count}`
    const input = control(spec, id)
    const isSwitch = spec.control === "switch"
    const label = element("label", {htmlFor: id, textContent: spec.label, title: spec.key})
    if (spec.unit) label.append(element("span", {className: "unit", textContent: ` ${spec.unit}`}))
    const mark = element("span", {className: "mark", textContent: "changed"})
    const reset = element("button", {type: "button", className: "reset", textContent: "\u21ba"})
    const top = element("div", {className: "top"}, [label, mark, reset])
    const help = element("div", {className: "help", id: `${id}-help`})
    const fault = element("div", {className: "fault", id: `${id}-fault`})
    fault.setAttribute("role", "alert")
    input.setAttribute("aria-describedby", `${help.id} ${fault.id}`)
    const box = element("div", {className: `field is-${spec.control}`},
      isSwitch ? [element("div", {className: "switch-row"}, [input, top]), help, fault]
               : [top, input, help, fault])
    box.dataset.key = spec.key

    const one = {spec, input, box, mark, reset, help, fault, sent: null, timer: 0}
    const read = () => isSwitch ? String(input.checked) : input.value
    const commit = () => {
      clearTimeout(one.timer)
      if (read() === one.sent) return
      one.sent = read()
      say({key: spec.key, text: one.sent})
    }
    one.commit = commit
    one.write = (text) => {
      if (isSwitch) input.checked = text === "true"
      else input.value = text
      one.sent = read()
    }
    one.pending = () => read() !== one.sent
    input.addEventListener("change", commit)
    if (!isSwitch && spec.control !== "choice") {
      input.addEventListener("input", () => {
        clearTimeout(one.timer)
        one.timer = setTimeout(commit, WAIT_MS)
      })
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && spec.control !== "area") commit()
      })
    }
    reset.addEventListener("click", () => {
      clearTimeout(one.timer)
      one.sent = null
      one.forced = true
      say({reset: spec.key})
      input.focus()
    })
    fields.set(spec.key, one)
    return box
  }

  // ---- the whole -------------------------------------------------------------------------------
  function build() {
    fields.clear()
    cards = []
    const spec = model.spec
    const parts = []
    if (spec.title) {
      parts.push(element("h3", {textContent: spec.title}))
    }
    if (spec.help) parts.push(element("p", {className: "about", textContent: spec.help}))
    if (spec.options.length > 1) parts.push(optionCards())
    const basic = spec.fields.filter((one) => !one.advanced)
    const advanced = spec.fields.filter((one) => one.advanced)
    if (basic.length) parts.push(element("div", {className: "grid"}, basic.map(field)))
    if (advanced.length) {
      const summary = element("summary", {}, [
        element("span", {textContent: `Advanced (${advanced.length})`}),
        element("span", {className: "mark folded"}),
      ])
      const inside = []
      const own = advanced.filter((one) => !one.part)
      if (own.length) inside.push(element("div", {className: "grid"}, own.map(field)))
      for (const part of new Set(advanced.map((one) => one.part).filter(Boolean))) {
        const title = spec.parts?.[part] || part
        inside.push(element("h4", {textContent: title}))
        inside.push(element("div", {className: "grid"},
          advanced.filter((one) => one.part === part).map(field)))
      }
      parts.push(element("details", {className: "advanced"}, [summary, ...inside]))
    }
    root.replaceChildren(...parts)
    show()
  }

  function show() {
    for (const {input, label} of cards) {
      input.checked = input.value === model.state.choice
      label.classList.toggle("chosen", input.checked)
    }
    let changed = 0
    let wrong = false
    for (const [key, one] of fields) {
      const state = model.state.fields?.[key]
      if (!state) continue
      const {spec, input} = one
      const isBusy = one.pending() && !one.forced && root.getRootNode().activeElement === input
      // What is being typed is not taken away by an answer to what was typed before.
      if (!isBusy) one.write(state.text)
      if (one.forced && !state.changed) one.forced = false
      one.box.classList.toggle("changed", state.changed)
      one.box.classList.toggle("wrong", !!state.fault)
      one.reset.hidden = one.mark.hidden = !state.changed
      const given = state.given === "" ? "not set" : state.given
      one.reset.title = `Back to ${given}`
      one.reset.setAttribute("aria-label", `Reset ${spec.label} to ${given}`)
      one.fault.textContent = state.fault
      input.setAttribute("aria-invalid", String(!!state.fault))
      const extra = [spec.range]
      if (state.changed && spec.control !== "area") extra.push(`default ${given}`)
      one.help.textContent = [spec.help, extra.filter(Boolean).join(", ")].filter(Boolean).join(" \u00b7 ")
      if (spec.advanced) {
        changed += state.changed
        wrong ||= !!state.fault
      }
    }
    const folded = root.querySelector(".folded")
    if (folded) {
      folded.textContent = changed ? `${changed} changed` : ""
      folded.hidden = !changed
    }
    const details = root.querySelector("details")
    if (details && wrong) details.open = true
  }

  model.on("spec", build)
  model.on("state", show)
  model.on("remove", () => fields.forEach((one) => clearTimeout(one.timer)))
  build()
  return root
}
