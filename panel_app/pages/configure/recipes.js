// Recipes: what is edited, save, load, earlier versions, delete, import.

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

function button(text, act, className = "") {
  const made = element("button", {type: "button", textContent: text, className})
  made.addEventListener("click", act)
  return made
}

const MAX_BYTES = 1_000_000
const day = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"})

export function render({model}) {
  const say = (message) => { model.word = {...message, at: (model.word.at || 0) + 1} }
  let opened = ""
  let asked = ""
  let unfolded = ""

  const title = element("span", {className: "title"})
  const state = element("span", {className: "state"})
  const said = element("div", {className: "said"})
  said.setAttribute("role", "status")
  const panel = element("div", {className: "panel", hidden: true})
  const opener = {}

  function toggle(which) {
    opened = opened === which ? "" : which
    asked = unfolded = ""
    if (opened === "load") say({list: true})
    show()
    if (opened === "save") panel.querySelector("input")?.focus()
  }
  for (const [key, text] of [["load", "Recipes"], ["save", "Save"], ["import", "Import"]]) {
    opener[key] = button(text, () => toggle(key))
  }
  const anew = button("Start anew", () => say({anew: true}), "plain")

  // ---- save --------------------------------------------------------------------------------------
  function saving() {
    const input = element("input", {type: "text", value: model.title, placeholder: "e.g. cells_small", autocomplete: "off", spellcheck: false})
    input.setAttribute("aria-label", "Name of the recipe")
    const send = (replace) => say({save: input.value.trim(), replace})
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") send(false) })
    const parts = [input, button("Save recipe", () => send(false), "main")]
    if (model.taken) {
      parts.push(button(`Replace ${model.taken}`, () => say({save: model.taken, replace: true})))
    }
    return [
      element("h4", {textContent: "Save as a recipe"}),
      element("div", {className: "row"}, parts),
      element("p", {className: "about", textContent: `Goes to ${model.folder}; the command line loads it with experiment=<name>. What it replaces is kept as a version.`}),
    ]
  }

  // ---- load --------------------------------------------------------------------------------------
  function item(one) {
    const words = element("div", {className: "words"}, [
      element("div", {className: "title", textContent: one.title}),
      element("div", {className: "about", textContent: one.about}),
    ])
    const acts = [button("Load", () => { opened = ""; say({load: one.title}); show() })]
    acts[0].setAttribute("aria-label", `Load ${one.title}`)
    if (one.versions.length) {
      const more = button(`${one.versions.length} earlier`, () => {
        unfolded = unfolded === one.title ? "" : one.title
        show()
      }, "plain")
      more.setAttribute("aria-expanded", String(unfolded === one.title))
      acts.push(more)
    }
    if (one.own && asked === one.title) {
      acts.push(button(`Delete ${one.title}`, () => { asked = ""; say({delete: one.title}) }, "danger"))
      acts.push(button("Keep it", () => { asked = ""; show() }, "plain"))
    } else if (one.own) {
      const del = button("Delete", () => { asked = one.title; show() }, "plain danger")
      del.setAttribute("aria-label", `Delete ${one.title} ...`)
      acts.push(del)
    }
    const made = element("div", {className: "item"}, [element("div", {className: "row"}, [words, ...acts])])
    if (unfolded === one.title) {
      made.append(element("div", {className: "versions"}, one.versions.map((version) =>
        element("div", {className: "row"}, [
          element("span", {textContent: `Version ${version.number}, until ${day.format(version.saved_at * 1000)}`}),
          button("Load", () => { opened = ""; say({load: one.title, number: version.number}); show() }, "plain"),
        ]))))
    }
    return made
  }

  function loading() {
    if (!model.listed) return [element("p", {className: "about", textContent: "Reading the recipes ..."})]
    const own = model.recipes.filter((one) => one.own)
    const shipped = model.recipes.filter((one) => !one.own)
    return [
      element("h4", {textContent: "Yours"}),
      own.length ? element("div", {className: "list"}, own.map(item))
        : element("p", {className: "about", textContent: "None yet: compose a run and press Save."}),
      element("h4", {textContent: "That come with Lakesight"}),
      element("div", {className: "list"}, shipped.map(item)),
    ]
  }

  // ---- import ------------------------------------------------------------------------------------
  function importing() {
    const area = element("textarea", {spellcheck: false, placeholder: "Paste a recipe, or a run's config.yaml"})
    area.setAttribute("aria-label", "YAML to import")
    const input = element("input", {type: "file", accept: ".yaml,.yml", hidden: true})
    input.addEventListener("change", async () => {
      const file = input.files[0]
      // The same file, mended, may be chosen again.
      input.value = ""
      if (!file) return
      if (file.size > MAX_BYTES) {
        said.className = "said error"
        said.textContent = `${file.name} is larger than 1 MB: it is not a recipe.`
        return
      }
      area.value = await file.text()
      say({import: area.value})
    })
    const choose = button("Choose a file", () => input.click())
    return [
      element("h4", {textContent: "Import YAML"}),
      area,
      element("div", {className: "row"}, [button("Import", () => say({import: area.value}), "main"), choose, input]),
    ]
  }

  function show() {
    title.textContent = model.title || "New run"
    state.textContent = model.state
    anew.hidden = !model.state && !model.title
    for (const [key, one] of Object.entries(opener)) one.setAttribute("aria-expanded", String(opened === key))
    panel.hidden = !opened
    const parts = {save: saving, load: loading, import: importing}[opened]
    panel.replaceChildren(...(parts ? parts() : []))
    said.className = `said ${model.said.kind || ""}`
    said.textContent = model.said.text || ""
  }

  model.on("recipes", show)
  model.on(["title", "state"], () => {
    title.textContent = model.title || "New run"
    state.textContent = model.state
    anew.hidden = !model.state && !model.title
  })
  model.on("said", () => {
    if (model.said.kind === "done") opened = ""
    // A word of refusal takes nothing away that was typed.
    if (model.said.kind === "error" && opened !== "load") {
      said.className = "said error"
      said.textContent = model.said.text
      if (opened === "save" && model.taken && !panel.querySelector("[data-replace]")) {
        const replace = button(`Replace ${model.taken}`, () => say({save: model.taken, replace: true}))
        replace.dataset.replace = ""
        panel.querySelector(".row").append(replace)
      }
      return
    }
    show()
  })
  const root = element("div", {className: "recipes"}, [
    element("div", {className: "bar"}, [title, state, anew, opener.load, opener.import, opener.save]),
    said,
    panel,
  ])
  show()
  return root
}
