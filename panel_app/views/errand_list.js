// Cards of errands. Python gives `items`; a person's word goes back as `word`.

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function render({model}) {
  const root = element("div", {className: "errands"})
  root.setAttribute("role", "log")
  root.setAttribute("aria-label", "What is under way")
  const say = (word) => { model.word = {...word, at: (model.word.at || 0) + 1} }

  function bar(item) {
    const outer = element("div", {className: item.share === null ? "bar open" : "bar"})
    outer.setAttribute("role", "progressbar")
    outer.setAttribute("aria-label", item.title)
    const inner = element("div")
    if (item.share !== null) {
      const percent = Math.round(100 * item.share)
      outer.setAttribute("aria-valuenow", percent)
      inner.style.width = `${percent}%`
    }
    outer.append(inner)
    return outer
  }

  function card(item) {
    const runs = item.state === "RUNNING"
    const chip = element("span", {className: "chip", textContent: item.label})
    const button = element("button", {type: "button", className: "push text",
      textContent: runs ? "Cancel" : "Hide"})
    button.setAttribute("aria-label", `${runs ? "Cancel" : "Hide"}: ${item.title}`)
    button.addEventListener("click", () => say(runs ? {cancel: item.id} : {hide: item.id}))
    const top = element("div", {className: "line"}, [
      element("b", {textContent: item.title}), chip,
      element("span", {className: "about", textContent: item.about}), button,
    ])
    const parts = [top]
    if (runs) parts.push(bar(item), element("div", {className: "said", textContent: item.line}))
    if (item.text) parts.push(element("p", {textContent: item.text}))
    if (item.href) parts.push(element("a", {href: item.href, textContent: item.link || "Show"}))
    const made = element("div", {className: `errand ${item.state}`}, parts)
    made.dataset.id = item.id
    return made
  }

  const known = new Map()
  function show() {
    // A card that is as it was stays: who is about to press its button finds it where it was.
    const shown = model.items.map((item) => {
      const text = JSON.stringify(item)
      const old = known.get(item.id)
      if (old?.text === text) return old
      if (old && old.item.state === item.state && item.state === "RUNNING") {
        const fresh = card(item)
        const [top, ...rest] = fresh.children
        old.made.querySelector(".about").textContent = item.about
        old.made.replaceChildren(old.made.firstChild, ...rest)
        Object.assign(old, {text, item})
        return old
      }
      return {text, item, made: card(item)}
    })
    known.clear()
    shown.forEach((one) => known.set(one.item.id, one))
    const cards = shown.map((one) => one.made)
    if (cards.length !== root.children.length || cards.some((one, at) => root.children[at] !== one)) {
      root.replaceChildren(...cards)
    }
  }
  model.on("items", show)
  show()
  return root
}
