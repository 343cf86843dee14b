// A text with a button that copies it.

export function render({model}) {
  const root = document.createElement("div")
  root.className = "code"
  const pre = document.createElement("pre")
  pre.tabIndex = 0
  pre.setAttribute("aria-label", model.label)
  const button = document.createElement("button")
  button.type = "button"
  button.textContent = "Copy"
  button.setAttribute("aria-label", `Copy ${model.label}`)
  const said = document.createElement("span")
  said.className = "said"
  said.setAttribute("role", "status")
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.text)
    } catch {
      // Not a secure context: the old way.
      const area = document.createElement("textarea")
      area.value = model.text
      document.body.append(area)
      area.select()
      document.execCommand("copy")
      area.remove()
    }
    button.textContent = "Copied"
    said.textContent = `${model.label} copied`
    setTimeout(() => {
      button.textContent = "Copy"
      said.textContent = ""
    }, 1500)
  })
  function show() {
    pre.className = model.language
    pre.style.maxHeight = model.height_px ? `${model.height_px}px` : ""
    if (model.language !== "yaml") { pre.textContent = model.text; return }
    pre.replaceChildren(...model.text.split("\n").flatMap((line) => {
      const found = line.match(/^(\s*(?:- )?)([\w./-]+:)(.*)$/)
      if (!found) return [line + "\n"]
      const key = document.createElement("span")
      key.className = "key"
      key.textContent = found[2]
      return [found[1], key, found[3] + "\n"]
    }))
  }
  model.on(["text", "language", "height_px"], show)
  root.append(pre, button, said)
  show()
  return root
}
