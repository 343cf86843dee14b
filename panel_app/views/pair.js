// One image twice. overlay.js stands before this text. Texts go in by textContent only.
export function render({model, el, view}) {
  const say = speaker(model, view)
  const look = {hidden: new Set(), names: true, fill: 0.35}
  const {css, drawMask, drawShapes} = overlay(() => model.labels, look)
  const root = make("div", "root"), bar = make("div", "bar"), previous = make("button", "", "Previous image"),
        next = make("button", "", "Next image"), where = make("span", "where"), legend = make("div", "legend"),
        sides = make("div", "sides")
  previous.type = next.type = "button"
  where.setAttribute("role", "status")
  bar.append(previous, next, where)
  const halves = [0, 1].map(() => {
    const figure = make("figure"), caption = make("figcaption"), canvas = make("canvas")
    canvas.setAttribute("role", "img")
    figure.append(caption, canvas)
    sides.append(figure)
    return {caption, canvas, item: null, image: null, mask: null}
  })
  root.append(bar, legend, sides)
  let at = 0
  const draw = (half) => {
    const {canvas, item, image} = half
    if (!item || !image?.complete || !image.naturalWidth) return
    const [pen, w, h] = sharp(canvas), [ih, iw] = item.size, place = fitted(w, h, iw, ih)
    pen.imageSmoothingEnabled = place.w / image.naturalWidth < 2
    pen.drawImage(image, place.x, place.y, place.w, place.h)
    if (item.parts && half.mask) drawMask(pen, item, half.mask, place)
    drawShapes(pen, item, place, -1, 2)
  }
  const all = () => halves.forEach(draw)
  const build = () => {
    const parts = model.labels.map((label, index) => {
      const row = make("label"), box = make("input"), swatch = make("span", "swatch")
      box.type = "checkbox"
      box.checked = !look.hidden.has(index)
      box.onchange = () => { if (box.checked) look.hidden.delete(index); else look.hidden.add(index); all() }
      swatch.style.background = css(index)
      row.append(box, swatch, make("span", "", label.name))
      return row
    })
    const names = make("label"), box = make("input")
    box.type = "checkbox"
    box.checked = look.names
    box.onchange = () => { look.names = box.checked; all() }
    names.append(box, make("span", "", "names"))
    legend.replaceChildren(...parts, names)
  }
  const ask = () => {
    root.hidden = !model.total
    previous.disabled = at <= 0
    next.disabled = at + 1 >= model.total
    if (model.total) say({pair: at, generation: model.generation})
  }
  previous.onclick = () => { at = Math.max(0, at - 1); ask() }
  next.onclick = () => { at = Math.min(model.total - 1, at + 1); ask() }
  model.on("msg:custom", (event) => {
    const message = event.data ?? event
    if (message.generation !== model.generation || message.at !== at) return
    where.textContent = `${number(at + 1)} of ${number(model.total)}: ${message.items[0].file}, ${message.said}`
    message.items.forEach((item, i) => {
      const half = halves[i], image = new Image()
      half.caption.textContent = `${model.titles[i]}: ${item.said}${item.class != null ? `, says ${model.labels[item.class]?.name}` : ""}`
      half.canvas.setAttribute("aria-label", `${item.file}: ${half.caption.textContent}`)
      Object.assign(half, {item, image, mask: null})
      image.onload = () => draw(half)
      image.onerror = () => { half.caption.textContent += " (the image can't be read)" }
      image.src = item.url
      if (item.mask) {
        const picture = new Image()
        picture.onload = () => { half.mask = maskPixels(picture); draw(half) }
        picture.src = item.mask
      }
    })
  })
  model.on("labels", build)
  model.on("generation", () => { at = 0; ask() })
  const watch = new ResizeObserver(all)
  watch.observe(sides)
  model.on("remove", () => watch.disconnect())
  build()
  ask()
  return root
}
