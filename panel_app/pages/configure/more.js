// The box for overrides as on a command line, and those that no field shows.

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function render({model}) {
  const say = (message) => { model.word = {...message, at: (model.word.at || 0) + 1} }
  const input = element("input", {
    type: "text", id: "free-overrides", autocomplete: "off", spellcheck: false,
    placeholder: "optim.learning_rate=3e-4 augment.hflip=0",
  })
  const sweep = element("input", {type: "checkbox", id: "free-sweep"})
  sweep.setAttribute("role", "switch")
  const send = () => { if (input.value.trim()) say({add: input.value.trim(), sweep: sweep.checked}) }
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") send() })
  sweep.addEventListener("change", () => { if (!sweep.checked && model.is_sweep) say({single: true}) })
  const add = element("button", {type: "button", className: "push", textContent: "Add"})
  add.addEventListener("click", send)
  const fault = element("div", {className: "fault", id: "free-fault"})
  fault.setAttribute("role", "alert")
  input.setAttribute("aria-describedby", fault.id)
  const count = element("p", {className: "about"})
  count.setAttribute("role", "status")
  const list = element("ul", {className: "free-list"})

  function show() {
    fault.textContent = model.fault.text || ""
    input.setAttribute("aria-invalid", String(!!model.fault.text))
    count.textContent = model.count
    count.hidden = !model.count
    if (model.is_sweep) sweep.checked = true
    list.replaceChildren(...model.items.map((text) => {
      const remove = element("button", {type: "button", className: "reset", textContent: "\u2715"})
      remove.setAttribute("aria-label", `Remove ${text}`)
      remove.addEventListener("click", () => say({remove: text}))
      return element("li", {}, [element("code", {textContent: text}), remove])
    }))
  }
  // Taken: the next one can be typed.
  model.on("taken", () => { input.value = ""; input.focus() })
  model.on(["fault", "count", "items", "is_sweep"], show)
  show()
  return element("div", {className: "group"}, [
    element("h3", {textContent: "Overrides"}),
    element("p", {className: "about", textContent:
      "As on the command line: key=value and group=option, several with spaces between. What a field shows " +
      "goes into that field; anything else is listed here."}),
    element("label", {htmlFor: input.id, textContent: "Add overrides"}),
    element("div", {className: "free-row"}, [input, add]),
    fault,
    element("div", {className: "switch-row"}, [
      sweep, element("label", {htmlFor: sweep.id, textContent: "Several values make a sweep: seed=1,2,3 is three runs"}),
    ]),
    count,
    list,
  ])
}
