// Score thresholds per class: a slider and a number each; the counts come from the server at once.
export function render({model, view}) {
  const say = speaker(model, view)
  const make = (tag, text = "") => { const n = document.createElement(tag); n.textContent = text; return n }
  const wide = make("div")
  wide.className = "wide"
  wide.tabIndex = 0
  wide.setAttribute("role", "region")
  wide.setAttribute("aria-label", "Score thresholds by class")
  const lines = []
  const fill = (line, row) => {
    row.counts.forEach((value, at) => {
      line.counts[at].textContent = value == null ? "-" : Number.isInteger(value) && at < 3
        ? value.toLocaleString("en") : Number(value).toFixed(3)
    })
    if (!line.slider) return
    if (line.root.activeElement !== line.slider) line.slider.value = row.threshold
    if (line.root.activeElement !== line.number) line.number.value = Number(row.threshold).toFixed(3)
  }
  const build = () => {
    const table = make("table"), head = make("tr"), body = make("tbody")
    table.setAttribute("aria-label", "Score thresholds by class")
    for (const text of ["class", "threshold", "", "TP", "FP", "FN", "precision", "recall", "F1", ""]) {
      const th = make(text ? "th" : "td", text)
      if (text) th.scope = "col"
      head.append(th)
    }
    lines.length = 0
    model.rows.forEach((row, k) => {
      const tr = make("tr"), th = make("th", row.name), line = {counts: [], root: wide.getRootNode()}
      th.scope = "row"
      tr.append(th)
      if (row.threshold == null) {  // the sum of all classes
        tr.className = "sum"
        tr.append(make("td"), make("td"))
      } else {
        const slider = make("input"), number = make("input"), one = make("td"), two = make("td")
        slider.type = "range"
        slider.min = 0; slider.max = 1; slider.step = 0.001
        number.type = "number"
        number.min = 0; number.max = 1; number.step = 0.01
        slider.setAttribute("aria-label", `Threshold of ${row.name}`)
        number.setAttribute("aria-label", `Threshold of ${row.name}, as a number`)
        slider.oninput = () => { number.value = Number(slider.value).toFixed(3); say({set: k, to: Number(slider.value)}) }
        number.oninput = () => {
          const value = Number(number.value), good = number.value !== "" && value >= 0 && value <= 1
          number.setAttribute("aria-invalid", String(!good))
          number.title = good ? "" : "a score: a number from 0 to 1"
          if (good) { slider.value = value; say({set: k, to: value}) }
        }
        one.append(slider)
        two.append(number)
        tr.append(one, two)
        Object.assign(line, {slider, number})
      }
      for (let i = 0; i < 6; i++) { const td = make("td"); td.className = "number"; line.counts.push(td); tr.append(td) }
      const last = make("td")
      if (row.threshold != null) {
        const best = make("button", "Best F1")
        best.type = "button"
        best.setAttribute("aria-label", `Best F1 of ${row.name}`)
        best.onclick = () => say({best: k})
        last.append(best)
      }
      tr.append(last)
      body.append(tr)
      lines.push(line)
    })
    const top = make("thead")
    top.append(head)
    table.append(top, body)
    wide.replaceChildren(table)
    update()
  }
  const update = () => model.rows.forEach((row, k) => {
    if (lines[k]) { lines[k].root = wide.getRootNode(); fill(lines[k], row) }
  })
  const changed = () => {
    const known = [...wide.querySelectorAll("tbody th")].map((n) => n.textContent).join("\n")
    if (known === model.rows.map((r) => r.name).join("\n")) update(); else build()
  }
  model.on("rows", changed)
  build()
  return wide
}
