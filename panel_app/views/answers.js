// An image with what one or two models say of it. Threshold, classes and opacity are the browser's own.
// overlay.js stands before this text: make, number, maskPixels, fitted, sharp, overlay are there.
const percent = (value) => `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`
const USUAL = 0.3  // where a model does not tell its own
const SHARED = {threshold: null, fill: 0.45, names: true, shapes: true}

export function render({model, view}) {
  const say = speaker(model, view)
  const kept = (view.model.kept_by_answers ??= {...SHARED, hidden: new Set()})
  const state = {...kept, image: null, picture: null, slots: new Map()}
  const root = make("div", "root"), controls = make("aside", "controls"), panes = make("div", "panes")
  controls.setAttribute("aria-label", "What is shown")
  root.append(controls, panes)

  // ---- which of an answer is shown
  const limit = (item, label) => state.threshold ?? item.limits[label] ?? item.threshold ?? USUAL
  const hidden = (item) => new Set(item.labels.flatMap((one, i) => state.hidden.has(one.name) ? [i] : []))
  const shown = (item) => {
    const off = hidden(item), good = (index, score) =>
      !off.has(index) && (score == null || score >= limit(item, item.labels[index].name))
    const keep = (item.boxes ?? []).flatMap((box, i) => good(box[0], item.scores[i]) ? [i] : [])
    // The parts of a map have no model's own threshold: they hide only below one that a person chose.
    const ranked = item.task !== "semantic_segmentation" && item.rows && state.threshold != null
    const rows = (item.rows ?? []).filter((one) => !off.has(one.class) &&
      !(ranked && item.task !== "classification" && one.score != null && one.score < state.threshold))
    const parts = item.parts?.map((index, value) => {
      const row = item.segments != null ? item.rows[value - 1] : null
      return index < 0 || off.has(index) || (row && !rows.includes(row)) ? -1 : index
    })
    return {off, keep, rows, parts}
  }

  // ---- drawing
  const look = {hidden: new Set(), names: true, fill: 0.45}
  let current = []
  const {css, drawMask, drawShapes, drawName} = overlay(() => current, look)
  const paint = (pen, item, place, pixels, width) => {
    const {keep, parts, rows} = shown(item)
    current = item.labels
    Object.assign(look, {names: state.names, fill: state.fill})
    if (!state.shapes) return
    if (item.task === "classification" && rows[0])
      drawName(pen, `${rows[0].text} ${percent(rows[0].score)}`, place.x + 6, place.y + 22, rows[0].class)
    if (parts && pixels) drawMask(pen, {...item, parts}, pixels, place)
    drawShapes(pen, {
      boxes: keep.map((i) => item.boxes[i]),
      polygons: item.polygons && keep.map((i) => item.polygons[i]),
      texts: keep.map((i) => `${item.labels[item.boxes[i][0]].name} ${item.scores[i].toFixed(2)}`),
    }, place, -1, width)
  }
  const draw = (slot) => {
    const {canvas, item, pixels} = slot, image = state.image
    if (!canvas?.isConnected || !image?.naturalWidth) return
    const [ih, iw] = [state.picture.height, state.picture.width]
    canvas.style.aspectRatio = `${iw} / ${ih}`
    const [pen, w, h] = sharp(canvas), place = fitted(w, h, iw, ih)
    pen.imageSmoothingEnabled = place.w / image.naturalWidth < 3
    pen.drawImage(image, place.x, place.y, place.w, place.h)
    if (item) paint(pen, item, place, pixels, 2)
  }
  const redraw = () => {
    for (const key of ["threshold", "fill", "names", "shapes", "hidden"]) kept[key] = state[key]
    for (const slot of state.slots.values()) { draw(slot); list(slot) }
    count()
  }

  // ---- the words below an image
  const list = (slot) => {
    const {item} = slot
    if (!item) return
    const {keep, rows} = shown(item), lines = []
    current = item.labels
    const line = (index, text, much, share) => {
      const row = make("li", "line"), swatch = make("span", "swatch")
      swatch.style.background = css(index)
      row.append(swatch, make("span", "name", text), make("span", "much", much))
      if (share != null) {
        const bar = make("span", "bar"), fill = make("span")
        fill.style.cssText = `width:${Math.max(0.5, 100 * share)}%;background:${css(index)}`
        bar.append(fill)
        row.append(bar)
      }
      lines.push(row)
    }
    for (const i of keep) {
      const [index, x, y, w, h] = item.boxes[i]
      line(index, item.labels[index].name, `${item.scores[i].toFixed(3)} at ${Math.round(x)}, ` +
        `${Math.round(y)}, ${Math.round(w)} x ${Math.round(h)}`)
    }
    for (const one of rows) {
      const score = one.score == null ? "" : one.score.toFixed(3)
      const share = one.share == null ? "" : `${percent(one.share)} of the image`
      line(one.class, one.text, [score, share].filter(Boolean).join(", "), one.share ?? one.score)
    }
    const all = (item.boxes ?? item.rows).length, of = item.boxes ? "objects" : item.segments != null
      ? "segments" : "classes"
    slot.sum.textContent = lines.length === all ? `${number(all)} ${of}` :
      `${number(lines.length)} of ${number(all)} ${of}`
    if (!lines.length) lines.push(make("li", "empty", all
      ? "Nothing is left at this threshold and with these classes. Lower the threshold."
      : "The model found nothing in this image."))
    slot.list.replaceChildren(...lines.slice(0, 300))
  }

  // ---- the controls, shared by both models
  const check = (text, key) => {
    const row = make("label", "row"), box = make("input")
    box.type = "checkbox"
    box.checked = state[key]
    box.onchange = () => { state[key] = box.checked; redraw() }
    row.append(box, make("span", "name", text))
    return row
  }
  const range = (text, low, value, change) => {
    const row = make("label", "range"), said = make("output"), bar = make("input")
    Object.assign(bar, {type: "range", min: low, max: 1, step: 0.01, value})
    bar.id = row.htmlFor = text.replaceAll(" ", "-")
    const head = make("span", "head")
    head.append(make("span", "", text), said)
    row.append(head, bar)
    bar.oninput = () => change(Number(bar.value))
    return {row, said, bar}
  }
  const items = () => [...state.slots.values()].map((slot) => slot.item).filter(Boolean)
  let counts = new Map()
  const count = () => {
    for (const [name, node] of counts) {
      const said = items().map((item) => {
        const {keep, rows} = shown(item)
        if (item.boxes) return keep.filter((i) => item.labels[item.boxes[i][0]].name === name).length
        const own = rows.filter((one) => item.labels[one.class].name === name)
        return item.segments != null ? own.length : own[0] ? percent(own[0].share ?? own[0].score) : 0
      })
      node.textContent = said.some(Boolean) ? said.map((one) => one || "0").join(" | ") : ""
    }
  }
  const build = () => {
    const there = items(), parts = []
    controls.hidden = !there.length
    counts = new Map()
    if (!there.length) { controls.replaceChildren(); return }
    const scored = there.some((item) => item.boxes || (item.segments != null &&
      item.rows.some((row) => row.score != null)))
    if (scored) {
      const floor = Math.min(...there.map((item) => item.floor))
      const own = make("button", "", "Model's own thresholds")
      own.type = "button"
      const first = there[0].threshold ?? USUAL
      const {row, said, bar} = range("Score threshold", Math.min(floor, 0.05), state.threshold ?? first,
        (value) => { state.threshold = value; show(); redraw(); tellLook() })
      const show = () => {
        said.textContent = state.threshold == null
          ? there.some((item) => Object.keys(item.limits).length) ? "model's own, by class"
            : there[0].threshold == null ? first.toFixed(2) : `${first.toFixed(2)}, model's own`
          : state.threshold.toFixed(2)
        own.disabled = state.threshold == null
      }
      own.onclick = () => { state.threshold = null; bar.value = first; show(); redraw(); tellLook() }
      show()
      parts.push(row, own)
    }
    if (there.some((item) => item.boxes || item.mask)) {
      parts.push(check(there.some((item) => item.mask || item.polygons) ? "Show masks" : "Show boxes", "shapes"))
      if (there.some((item) => item.boxes)) parts.push(check("Show names", "names"))
    }
    if (there.some((item) => item.mask || item.polygons)) {
      const {row, said} = range("Opacity", 0, state.fill, (value) => { state.fill = value; show(); redraw() })
      const show = () => { said.textContent = percent(state.fill) }
      show()
      parts.push(row)
    }
    const names = [...new Set(there.flatMap((item) => item.labels.map((one) => one.name)))]
    const head = make("div", "both"), all = make("button", "", "All"), none = make("button", "", "None")
    const classes = make("div", "classes"), boxes = []
    all.type = none.type = "button"
    all.setAttribute("aria-label", "Show all classes")
    none.setAttribute("aria-label", "Hide all classes")
    const set = (on) => {
      state.hidden = new Set(on ? [] : names)
      for (const box of boxes) box.checked = on
      redraw()
    }
    all.onclick = () => set(true)
    none.onclick = () => set(false)
    head.append(make("h3", "", `${number(names.length)} classes`), all, none)
    for (const name of names) {
      const item = there.find((one) => one.labels.some((label) => label.name === name))
      const row = make("label", "row"), box = make("input"), swatch = make("span", "swatch"),
            much = make("span", "count")
      box.type = "checkbox"
      box.checked = !state.hidden.has(name)
      box.onchange = () => {
        if (box.checked) state.hidden.delete(name); else state.hidden.add(name)
        redraw()
      }
      swatch.style.background = `rgb(${item.labels.find((label) => label.name === name).color.join(",")})`
      row.append(box, swatch, make("span", "name", name), much)
      counts.set(name, much)
      boxes.push(box)
      classes.append(row)
    }
    parts.push(head, classes)
    controls.replaceChildren(...parts)
  }
  let told = 0
  const tellLook = () => {
    clearTimeout(told)
    told = setTimeout(() => say({type: "look", threshold: state.threshold}), 400)
  }

  // ---- downloads
  const save = (blob, name) => {
    const link = make("a")
    link.href = URL.createObjectURL(blob)
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  }
  const stem = () => state.picture.title.replace(/\.[^.]*$/, "") || "image"
  const asPng = (slot) => {
    const canvas = make("canvas"), {image} = state, {width: iw, height: ih} = state.picture
    canvas.width = image.naturalWidth
    canvas.height = image.naturalHeight
    const pen = canvas.getContext("2d"), place = {x: 0, y: 0, w: canvas.width, h: canvas.height, iw, ih}
    pen.drawImage(image, 0, 0)
    paint(pen, slot.item, place, slot.pixels, Math.max(2, canvas.width / 400))
    canvas.toBlob((blob) => save(blob, `${stem()}-${slot.name}.png`), "image/png")
  }
  const asJson = (slot) => {
    const text = JSON.stringify(slot.answer, null, 1)
    save(new Blob([text], {type: "application/json"}), `${stem()}-${slot.name}.json`)
  }
  const asCoco = (slot) => {
    const {item, answer} = slot, {keep} = shown(item), {title, width, height} = state.picture
    const annotations = keep.map((i, n) => {
      const [index, x, y, w, h] = item.boxes[i], own = answer.objects[i]
      const shape = own.mask ?? own.polygons ?? item.polygons?.[i]
      return {id: n + 1, image_id: 1, category_id: index + 1, bbox: [x, y, w, h], iscrowd: 0,
              area: Math.round(w * h * 100) / 100, score: item.scores[i], ...(shape && {segmentation: shape})}
    })
    const coco = {
      images: [{id: 1, file_name: title, width, height}],
      categories: item.labels.map((one, i) => ({id: i + 1, name: one.name})),
      annotations,
    }
    save(new Blob([JSON.stringify(coco, null, 1)], {type: "application/json"}), `${stem()}-${slot.name}-coco.json`)
  }

  // ---- one model's part
  const pane = (key) => {
    const node = make("section", "pane"), head = make("div", "head"), title = make("h2"),
          canvas = make("canvas"), words = make("p", "words"), time = make("p", "time"),
          sum = make("h3"), lines = make("ul"), saves = make("div", "saves")
    canvas.setAttribute("role", "img")
    words.setAttribute("role", "status")
    head.append(title)
    node.append(head, canvas, words, time, saves, sum, lines)
    const slot = {key, node, title, canvas, words, time, sum, list: lines, saves, item: null}
    lines.tabIndex = 0
    lines.setAttribute("aria-label", "What the model found")
    state.slots.set(key, slot)
    return slot
  }
  const fill = (slot, message) => {
    slot.name = message.name
    slot.title.textContent = message.title
    slot.words.textContent = message.words ?? ""
    slot.words.className = message.bad ? "words bad" : "words"
    slot.item = message.item ?? null
    slot.answer = message.answer ?? null
    slot.pixels = null
    slot.time.textContent = message.time ?? ""
    slot.canvas.hidden = !state.picture
    slot.canvas.setAttribute("aria-label", `${state.picture?.title ?? "no image"}: ${message.title}`)
    slot.saves.replaceChildren()
    slot.sum.textContent = ""
    slot.list.replaceChildren()
    slot.list.hidden = !slot.item
    if (slot.item) {
      const offer = [["PNG with overlays", asPng], ["JSON", asJson]]
      if (slot.item.boxes) offer.push(["COCO", asCoco])
      for (const [text, does] of offer) {
        const button = make("button", "", text)
        button.type = "button"
        button.setAttribute("aria-label", `Download ${text} of ${message.title}`)
        button.onclick = () => does(slot)
        slot.saves.append(button)
      }
    }
    if (slot.item?.mask) {
      const picture = new Image()
      picture.onload = () => { slot.pixels = maskPixels(picture); draw(slot) }
      picture.src = slot.item.mask
    }
  }
  const showPicture = (picture) => {
    if (state.picture?.url === picture?.url) return
    state.picture = picture
    state.image = null
    if (!picture) return
    const image = new Image()
    image.onload = () => { state.image = image; redraw() }
    image.onerror = () => {
      for (const slot of state.slots.values())
        if (!slot.words.textContent) slot.words.textContent = "The browser can't show this image."
    }
    image.src = picture.url
  }
  const told_ = (event) => {
    const message = event.data ?? event
    if (message.type !== "state") return
    if ("threshold" in message) state.threshold = message.threshold
    showPicture(message.picture)
    const keys = message.slots.map((one) => one.key)
    for (const key of [...state.slots.keys()]) if (!keys.includes(key)) state.slots.delete(key)
    for (const one of message.slots) {
      const slot = state.slots.get(one.key) ?? pane(one.key)
      if (slot.said !== one.number) { slot.said = one.number; fill(slot, one) }
      slot.canvas.hidden = !state.picture
    }
    panes.replaceChildren(...message.slots.map((one) => state.slots.get(one.key).node))
    panes.classList.toggle("two", message.slots.length > 1)
    root.hidden = !message.slots.length
    build()
    redraw()
  }
  model.on("msg:custom", told_)
  const watch = new ResizeObserver(() => { for (const slot of state.slots.values()) draw(slot) })
  watch.observe(panes)
  model.on("remove", () => watch.disconnect())
  root.hidden = true
  say({type: "ready"})
  return root
}
