// A page of a table of runs. Python gives what is on it; clicks go back as messages. Text is never markup.

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function render({model, view}) {
  const root = element("div", {className: "runs"})
  const say = speaker(model, view)

  function head() {
    const row = element("tr")
    if (model.selectable) {
      const runs = model.rows.filter((one) => one.id)
      const all = element("input", {type: "checkbox", title: "Choose all of this page"})
      all.setAttribute("aria-label", "Choose all runs of this page")
      const on = runs.filter((one) => model.selected.includes(one.id)).length
      all.checked = runs.length > 0 && on === runs.length
      all.indeterminate = on > 0 && on < runs.length
      all.addEventListener("change", () => say({all: all.checked}))
      row.append(element("th", {className: "box"}, [all]))
    }
    for (const column of model.columns) {
      const cell = element("th", {scope: "col", className: column.align || ""})
      if (column.sort) {
        const key = model.sort.replace(/^-/, "")
        const mine = key === column.sort
        const down = model.sort.startsWith("-")
        const button = element("button", {type: "button", textContent: column.label})
        if (mine) button.append(element("span", {textContent: down ? " \u2193" : " \u2191"}))
        cell.setAttribute("aria-sort", mine ? (down ? "descending" : "ascending") : "none")
        button.addEventListener("click", () => say({sort: column.sort}))
        cell.append(button)
      } else cell.textContent = column.label
      row.append(cell)
    }
    return element("thead", {}, [row])
  }

  function line(one) {
    const row = element("tr")
    const span = model.columns.length + (model.selectable ? 1 : 0)
    if (!one.id) {
      row.className = "group"
      const cell = element("th", {colSpan: span, scope: "colgroup"}, [
        element("span", {textContent: one.group}), element("small", {textContent: one.about})])
      row.append(cell)
      return row
    }
    if (model.selectable) {
      const box = element("input", {type: "checkbox", checked: model.selected.includes(one.id)})
      box.setAttribute("aria-label", `Choose ${one.title}`)
      box.addEventListener("change", () => say({choose: one.id, on: box.checked}))
      row.append(element("td", {className: "box"}, [box]))
    }
    for (const column of model.columns) {
      const cell = element(column.key === "title" ? "th" : "td", {className: column.align || ""})
      const value = one[column.key] ?? ""
      if (column.key === "state") {
        cell.append(element("span", {className: `chip ${value}`, textContent: value}))
        if (one.reason) cell.title = one.reason
      } else if (column.key === "title") {
        cell.scope = "row"
        cell.append(element("a", {href: one.href, textContent: value}))
        for (const tag of one.tags || []) {
          cell.append(element("span", {className: "tag", textContent: tag}))
        }
      } else cell.textContent = value
      row.append(cell)
    }
    return row
  }

  function pager() {
    const bar = element("nav", {className: "pager"})
    bar.setAttribute("aria-label", "Pages of runs")
    if (model.pages < 2) return bar
    const step = (label, page) => {
      const button = element("button", {type: "button", textContent: label})
      button.disabled = page < 1 || page > model.pages
      button.addEventListener("click", () => say({page}))
      return button
    }
    bar.append(step("Newer", model.page - 1), step("Older", model.page + 1),
      element("span", {textContent: `page ${model.page} of ${model.pages}`}))
    bar.firstChild.textContent = "Previous"
    bar.children[1].textContent = "Next"
    return bar
  }

  function draw() {
    const focused = root.getRootNode().activeElement
    const label = focused && root.contains(focused)
      ? focused.getAttribute("aria-label") || focused.textContent : null
    const table = element("table", {}, [head(), element("tbody", {}, model.rows.map(line))])
    table.setAttribute("aria-label", model.caption)
    root.replaceChildren(element("div", {className: "scroll"}, [table]), pager())
    if (label !== null) {
      const same = [...root.querySelectorAll("button, input, a")].find(
        (one) => (one.getAttribute("aria-label") || one.textContent) === label)
      same?.focus()
    }
  }

  let waiting = false
  const soon = () => {
    // Several properties change at once; the table is drawn once.
    if (waiting) return
    waiting = true
    queueMicrotask(() => { waiting = false; draw() })
  }
  for (const name of ["rows", "columns", "sort", "selected", "page", "pages"]) model.on(name, soon)
  draw()
  return root
}
