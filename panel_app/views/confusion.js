// A confusion matrix of buttons. Texts go in by textContent only; arrow keys move between cells.
export function render({model, view}) {
  const say = speaker(model, view)
  const make = (tag, text = "") => { const n = document.createElement(tag); n.textContent = text; return n }
  const wide = make("div")
  wide.className = "wide"
  wide.tabIndex = 0
  wide.setAttribute("role", "region")
  wide.setAttribute("aria-label", "Confusion matrix")
  const short = (text) => text.length > 14 ? `${text.slice(0, 13)}\u2026` : text
  const draw = () => {
    const n = model.names.length, sums = new Array(n).fill(0), counts = new Map()
    for (const [t, p, c] of model.cells) { sums[t] += c; counts.set(t * n + p, c) }
    const table = make("table"), head = make("tr"), caption = make("caption",
      `Rows are the truth, columns the prediction, in ${model.unit}; the shade is the share of the row.`)
    head.append(make("td"))
    for (const name of model.names) {
      const th = make("th"), turned = make("span", short(name))
      th.scope = "col"
      th.title = name
      th.append(turned)
      head.append(th)
    }
    table.append(caption, head)
    model.names.forEach((name, t) => {
      const tr = make("tr"), th = make("th", short(name))
      th.scope = "row"
      th.title = name
      tr.append(th)
      model.names.forEach((other, p) => {
        const td = make("td"), count = counts.get(t * n + p) ?? 0, share = sums[t] ? count / sums[t] : 0
        if (count) {
          const button = make("button", count > 99999 ? `${Math.round(share * 100)}%` : String(count))
          button.type = "button"
          button.className = t === p ? "right" : "wrong"
          button.style.setProperty("--share", `${Math.round(10 + share * 45)}%`)
          const text = `${count.toLocaleString("en")} ${model.unit}: ${name} taken for ${other} (${(share * 100).toFixed(1)} %)`
          button.title = `${text}. Click for the images.`
          button.setAttribute("aria-label", text)
          button.onclick = () => say({cell: [t, p]})
          td.append(button)
        }
        tr.append(td)
      })
      table.append(tr)
    })
    wide.replaceChildren(n ? table : make("p", "There is no confusion matrix for this task."))
  }
  for (const key of ["cells", "names", "unit"]) model.on(key, draw)
  draw()
  return wide
}
