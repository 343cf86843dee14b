// The models of a task: search, sort by a column, choose by click or keyboard.

const COLUMNS = [
  ["title", "Model"],
  ["params", "Parameters"],
  ["input", "Input"],
  ["speed", "Training speed"],
  ["licence", "Licence"],
]

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function render({model}) {
  const search = element("input", {type: "text", placeholder: "Search models, licences ...", autocomplete: "off"})
  search.setAttribute("aria-label", "Search models")
  const count = element("span", {className: "found"})
  count.setAttribute("aria-live", "polite")
  const body = element("tbody")
  body.setAttribute("role", "radiogroup")
  body.setAttribute("aria-label", "Model")
  const heads = new Map()
  let by = "", falling = false

  const head = element("tr", {}, COLUMNS.map(([key, title]) => {
    const button = element("button", {type: "button", textContent: title})
    button.addEventListener("click", () => {
      falling = by === key ? !falling : false
      by = key
      show()
    })
    const cell = element("th", {scope: "col"}, [button])
    heads.set(key, cell)
    return cell
  }))

  function ordered(list) {
    if (!by) return list
    const none = by === "params" ? Infinity : by === "speed" ? -1 : ""
    const value = (one) => by === "input" ? Number(one.input.split(" ")[0]) : one[by] ?? none
    return [...list].sort((a, b) => {
      const [x, y] = [value(a), value(b)]
      return (x < y ? -1 : x > y ? 1 : 0) * (falling ? -1 : 1)
    })
  }

  function line(one) {
    const name = element("div", {className: "name"}, [element("span", {textContent: one.title})])
    if (one.is_default) name.append(element("span", {className: "badge", textContent: "default"}))
    const radio = element("input", {type: "radio", name: "model", checked: one.option === model.value})
    radio.setAttribute("aria-label", one.title)
    const licence = element("td", {}, [element("span", {className: "licence", textContent: one.licence})])
    if (one.note) licence.append(element("div", {className: "note", textContent: one.note}))
    const speed = element("td", {className: "number"}, one.speed == null
      ? [element("span", {className: "note", textContent: "no run yet"})]
      : [element("div", {textContent: `${one.speed.toPrecision(3)} images/s`}),
         element("div", {className: "note", textContent: one.measured})])
    const about = [one.about, one.weights ? one.weights : "random weights: learns from scratch"]
    const row = element("tr", {className: one.option === model.value ? "chosen" : ""}, [
      element("td", {}, [element("label", {className: "model"}, [
        radio,
        element("div", {}, [name, element("div", {className: "help", textContent: about.filter(Boolean).join(" \u00b7 ")})]),
      ])]),
      element("td", {className: "number", textContent: one.params == null ? "unknown" : `${one.params} M`}),
      element("td", {className: "number", textContent: one.input}),
      speed,
      licence,
    ])
    const choose = () => { if (one.option !== model.value) model.word = {option: one.option, at: (model.word.at || 0) + 1} }
    radio.addEventListener("change", choose)
    row.addEventListener("click", (event) => { if (event.target !== radio && !event.target.closest("label")) choose() })
    return row
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const found = model.models.filter((one) => {
      const text = [one.title, one.about, one.licence, one.note, one.weights, one.input].join(" ").toLowerCase()
      return words.every((word) => text.includes(word))
    })
    body.replaceChildren(...ordered(found).map(line))
    if (!found.length) {
      const text = `No model of this task matches "${search.value}". Search for fewer words.`
      body.replaceChildren(element("tr", {}, [element("td", {colSpan: COLUMNS.length, textContent: text})]))
    }
    count.textContent = words.length ? `${found.length} of ${model.models.length}` : `${model.models.length} models`
    for (const [key, cell] of heads) {
      cell.setAttribute("aria-sort", key === by ? (falling ? "descending" : "ascending") : "none")
    }
  }

  search.addEventListener("input", show)
  model.on("models", show)
  model.on("value", show)
  const root = element("div", {className: "models"}, [
    element("h3", {textContent: "Model"}),
    element("div", {className: "searching"}, [search, count]),
    element("div", {className: "scroll"}, [element("table", {}, [element("thead", {}, [head]), body])]),
  ])
  show()
  return root
}
