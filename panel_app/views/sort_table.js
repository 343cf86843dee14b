// A sortable table. Texts go in by textContent only.
export function render({model, view}) {
  const say = speaker(model, view)
  const make = (tag, text = "") => { const n = document.createElement(tag); n.textContent = text; return n }
  const wide = document.createElement("div")
  wide.className = "wide"
  wide.tabIndex = 0
  let by = -1, down = true
  const shown = (value) => value === null || value === undefined ? "-"
    : typeof value !== "number" ? value
    : Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(model.digits)
  const order = () => {
    const rows = [...model.rows]
    if (by < 0) return rows
    const way = down ? -1 : 1
    return rows.sort((a, b) => {
      const [x, y] = [a[by], b[by]]
      if (x == null || y == null) return (x == null) - (y == null)
      return way * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)))
    })
  }
  const draw = () => {
    const table = make("table"), head = make("thead"), body = make("tbody"), line = make("tr")
    table.setAttribute("aria-label", model.caption)
    wide.setAttribute("aria-label", model.caption)
    wide.setAttribute("role", "region")
    model.heads.forEach((text, at) => {
      const th = make("th"), button = make("button", text)
      th.scope = "col"
      button.type = "button"
      if (at === by) {
        th.setAttribute("aria-sort", down ? "descending" : "ascending")
        button.textContent = `${text} ${down ? "\u2193" : "\u2191"}`
      }
      button.onclick = () => {
        down = at === by ? !down : at > 0
        by = at
        draw()
        wide.querySelectorAll("thead button")[at].focus()
      }
      if (at && model.rows.some((row) => typeof row[at] === "number")) th.className = "number"
      th.append(button)
      line.append(th)
    })
    head.append(line)
    for (const row of order()) {
      const tr = make("tr")
      row.forEach((value, at) => {
        const cell = make(at ? "td" : "th", at || !model.leads ? shown(value) : "")
        if (!at) {
          cell.scope = "row"
          if (model.leads) {
            const button = make("button", shown(value))
            button.type = "button"
            button.title = model.leads
            button.onclick = () => say({row: value})
            cell.append(button)
          }
        } else if (typeof value === "number" || value == null) cell.className = "number"
        tr.append(cell)
      })
      body.append(tr)
    }
    table.append(head, body)
    wide.replaceChildren(model.rows.length ? table : make("p", model.empty))
  }
  for (const key of ["rows", "heads", "leads", "caption"]) model.on(key, draw)
  draw()
  return wide
}
