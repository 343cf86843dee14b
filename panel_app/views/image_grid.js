// Images in a grid with virtual scrolling, and one of them large. Texts go in by textContent only.
// overlay.js stands before this text: make, number, maskPixels, fitted, sharp, overlay are there.
const CELL = 178, CAPTION = 30, BLOCK = 48, MAX_BLOCKS = 40, MAX_HEIGHT = 12e6, OVERSCAN = 1

export function render({model, el, view}) {
  // A tab that is left takes this away and makes it again: what was switched on and off stays.
  const kept = (view.model.kept_by_grid ??= {hidden: new Set(), shapes: true, names: false, fill: 0.4})
  const state = {...kept, items: new Map(), blocks: new Map(), asked: new Set(), cells: new Map(), columns: 1,
                 open: null, view: null}
  const say = speaker(model, view)
  const root = make("div", "root"), legend = make("aside", "legend"), scroll = make("div", "scroll"),
        space = make("div", "space"), dialog = make("dialog")
  legend.setAttribute("aria-label", "Classes")
  scroll.tabIndex = 0
  scroll.setAttribute("role", "region")
  scroll.setAttribute("aria-label", "Images")
  scroll.append(space)
  root.append(legend, scroll)
  const {name, css, drawMask, drawShapes} = overlay(() => model.labels, state)
  const isMask = () => /segmentation/.test(model.kind)

  // ---- the legend: what is drawn
  const redraw = () => {
    const {hidden, shapes, names, fill} = state
    Object.assign(kept, {hidden, shapes, names, fill})
    for (const cell of state.cells.values()) draw(cell)
    drawLarge()
    offer()
  }
  // What would change nothing now is off.
  let offer = () => {}
  const check = (text, value, change) => {
    const row = make("label", "row"), box = make("input")
    box.type = "checkbox"
    box.checked = value
    box.onchange = () => { change(box.checked); redraw() }
    row.append(box, make("span", "name", text))
    return [row, box]
  }
  const buildLegend = () => {
    const switches = make("div", "switches"), classes = make("div", "classes"), boxes = []
    const what = isMask() ? "Masks" : model.kind === "classification" ? "Classes" : "Boxes"
    switches.append(check(`Show ${what.toLowerCase()}`, state.shapes, (on) => { state.shapes = on })[0])
    if (model.kind !== "classification")
      switches.append(check("Show names", state.names, (on) => { state.names = on })[0])
    if (isMask()) {
      const row = make("label"), range = make("input")
      range.type = "range"; range.min = 0; range.max = 1; range.step = 0.05; range.value = state.fill
      range.oninput = () => { state.fill = Number(range.value); redraw() }
      row.append(make("span", "", "Opacity"), range)
      switches.append(row)
    }
    const [shapesBox, ...others] = switches.querySelectorAll("input")
    const both = make("div", "both"), all = make("button", "", "All"), none = make("button", "", "None")
    const set = (on) => {
      state.hidden = new Set(on ? [] : [-1, ...model.labels.keys()])
      for (const box of boxes) box.checked = on
      redraw()
    }
    all.type = none.type = "button"
    all.onclick = () => set(true)
    none.onclick = () => set(false)
    all.setAttribute("aria-label", "Show all classes")
    none.setAttribute("aria-label", "Hide all classes")
    both.append(all, none)
    model.labels.forEach((label, index) => {
      const [row, box] = check(label.name, !state.hidden.has(index), (on) => {
        if (on) state.hidden.delete(index); else state.hidden.add(index)
      })
      const swatch = make("span", "swatch")
      swatch.style.background = css(index)
      row.title = label.name
      row.insertBefore(swatch, row.querySelector(".name"))
      if (label.count != null) row.append(make("span", "count", number(label.count)))
      boxes.push(box)
      classes.append(row)
    })
    legend.replaceChildren(switches, make("h3", "", `${number(model.labels.length)} classes`), both)
    if (model.labels.length > 15) {
      const find = make("input")
      find.type = "search"
      find.placeholder = "Find a class"
      find.setAttribute("aria-label", "Find a class")
      find.oninput = () => {
        const wanted = find.value.trim().toLowerCase()
        for (const row of classes.children) row.hidden = !row.textContent.toLowerCase().includes(wanted)
        for (const row of classes.children) row.style.display = row.hidden ? "none" : ""
      }
      legend.append(find)
    }
    legend.append(classes)
    offer = () => {
      for (const box of [...others, ...boxes]) box.disabled = !shapesBox.checked
      all.disabled = !shapesBox.checked || boxes.every((box) => box.checked)
      none.disabled = !shapesBox.checked || !boxes.some((box) => box.checked)
    }
    offer()
  }

  // ---- drawing: one way for thumbnails and the large view
  const draw = (cell) => {
    const {item, image, canvas} = cell
    if (cell.tag) cell.tag.hidden = !state.shapes || state.hidden.has(item.class)
    if (!item || !canvas || !image.complete || !image.naturalWidth) return
    const [pen, w, h] = sharp(canvas)
    if (!state.shapes) return
    const [ih, iw] = item.size ?? [image.naturalHeight, image.naturalWidth]
    const place = fitted(w, h, iw, ih)
    if (item.parts && cell.mask) drawMask(pen, item, cell.mask, place)
    drawShapes(pen, item, place)
  }

  // ---- the grid
  const cellHeight = () => state.cell + CAPTION
  const rows = () => Math.ceil(model.total / state.columns)
  const full = () => rows() * cellHeight()
  const layout = () => {
    const width = scroll.clientWidth
    if (!width) return
    state.columns = Math.max(1, Math.floor(width / CELL))
    state.cell = Math.floor(width / state.columns)
    space.style.height = `${Math.min(full(), MAX_HEIGHT)}px`
    for (const cell of state.cells.values()) cell.node.remove()
    state.cells.clear()
    show()
  }
  const offset = () => {  // where the shown part begins, in the true height
    const seen = Math.min(full(), MAX_HEIGHT), room = seen - scroll.clientHeight
    return full() <= MAX_HEIGHT || room <= 0 ? scroll.scrollTop
      : scroll.scrollTop / room * (full() - scroll.clientHeight)
  }
  const show = () => {
    if (!state.cell) return
    const top = offset(), first = Math.max(0, Math.floor(top / cellHeight()) - OVERSCAN),
          last = Math.min(rows(), Math.ceil((top + scroll.clientHeight) / cellHeight()) + OVERSCAN)
    const from = first * state.columns, to = Math.min(model.total, last * state.columns)
    for (const [index, cell] of state.cells)
      if (index < from || index >= to) { cell.node.remove(); state.cells.delete(index) }
    for (let index = from; index < to; index++) {
      let cell = state.cells.get(index)
      if (!cell) {
        cell = build(index)
        state.cells.set(index, cell)
        space.append(cell.node)
      }
      const row = Math.floor(index / state.columns)
      cell.node.style.transform = `translate(${(index % state.columns) * state.cell}px, ` +
        `${row * cellHeight() - top + scroll.scrollTop}px)`
      if (!cell.item && state.items.has(index)) fill(cell, state.items.get(index))
    }
    for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block++) ask(block)
    none.hidden = model.total > 0
    none.textContent = model.hint
  }
  const ask = (block) => {
    if (state.asked.has(block)) return
    state.asked.add(block)
    state.blocks.set(block, true)
    say({type: "window", start: block * BLOCK, count: BLOCK, generation: model.generation})
    if (state.blocks.size > MAX_BLOCKS) {  // forget the blocks farthest from here
      const far = [...state.blocks.keys()].sort((a, b) => Math.abs(b - block) - Math.abs(a - block))[0]
      state.blocks.delete(far)
      state.asked.delete(far)
      for (let i = far * BLOCK; i < (far + 1) * BLOCK; i++) state.items.delete(i)
    }
  }
  const build = (index) => {
    const node = make("button", "cell"), picture = make("span", "picture"), caption = make("span", "caption")
    node.type = "button"
    node.style.width = `${state.cell}px`
    node.dataset.index = index
    node.append(picture, caption)
    node.onclick = () => openLarge(index)
    return {node, picture, caption, index, item: null}
  }
  const fill = (cell, item) => {
    cell.item = item
    const image = make("img"), canvas = make("canvas")
    image.alt = ""
    image.decoding = "async"
    cell.image = image
    cell.canvas = canvas
    cell.node.setAttribute("aria-label", `${item.file}, ${item.said}`)
    cell.node.title = item.file
    cell.picture.replaceChildren(image, canvas)
    image.onload = () => {
      cell.picture.classList.toggle("small", image.naturalWidth < 120 && image.naturalHeight < 120)
      draw(cell)
    }
    image.onerror = () => cell.picture.replaceChildren(make("span", "broken", "This image can't be read"))
    image.src = item.url
    if (item.mask) {
      const picture = new Image()
      picture.onload = () => { cell.mask = maskPixels(picture); draw(cell) }
      picture.src = item.mask
    }
    if (item.class != null) {
      cell.tag = make("span", "tag", name(item.class))
      cell.tag.style.borderLeft = `4px solid ${css(item.class)}`
      cell.tag.hidden = !state.shapes || state.hidden.has(item.class)
      cell.picture.append(cell.tag)
    }
    if (item.faults) cell.picture.append(make("span", "badge", `! ${item.faults}`))
    cell.caption.replaceChildren(make("span", "file", item.file), make("span", "much", item.said))
  }
  const none = make("div", "none")
  scroll.append(none)

  // ---- one image, large
  const bar = make("div", "bar"), title = make("div", "title"), where = make("span", "place"),
        previous = make("button", "", "Previous"), next = make("button", "", "Next"),
        close = make("button", "", "Close"), stage = make("div", "stage"), big = make("canvas"),
        words = make("div", "words"), side = make("div", "side"), large = make("div", "large")
  for (const button of [previous, next, close]) button.type = "button"
  big.setAttribute("role", "img")
  bar.append(title, where, previous, next, close)
  stage.append(big, words)
  large.append(bar, stage, side)
  dialog.append(large)
  const openLarge = (index) => say({type: "detail", index, generation: model.generation})
  previous.onclick = () => openLarge(state.open.index - 1)
  next.onclick = () => openLarge(state.open.index + 1)
  close.onclick = () => dialog.close()
  dialog.onclose = () => { state.open = null; say({type: "closed"}) }
  dialog.onkeydown = (event) => {
    if (event.key === "ArrowLeft" && !previous.disabled) previous.click()
    if (event.key === "ArrowRight" && !next.disabled) next.click()
  }
  const showLarge = (item) => {
    const image = new Image()
    state.open = {...item, image, marked: -1}
    state.view = null
    title.textContent = item.file
    where.textContent = item.index >= 0 ? `${number(item.index + 1)} of ${number(model.total)}` : ""
    previous.disabled = item.index <= 0
    next.disabled = item.index < 0 || item.index + 1 >= model.total
    big.setAttribute("aria-label", `${item.file}, ${item.said}`)
    words.textContent = ""
    fillSide(item)
    const style = getComputedStyle(el), dark = luma(style.color) > 128
    dialog.style.setProperty("--ground", dark ? "#1b2227" : "#ffffff")
    dialog.style.setProperty("--ink", dark ? "#e8eef0" : "#16202a")
    large.classList.toggle("dark", dark)
    if (!dialog.open) dialog.showModal()
    image.onload = drawLarge
    image.onerror = () => { words.textContent = item.broken || "This image can't be read." }
    image.src = item.url
    if (item.mask) {
      const picture = new Image(), opened = state.open
      picture.onload = () => { opened.pixels = maskPixels(picture); drawLarge() }
      picture.src = item.mask
    }
    drawLarge()
  }
  const showWhenThere = (item, tries = 60) => {
    if (dialog.isConnected) showLarge(item)
    else if (tries) setTimeout(() => showWhenThere(item, tries - 1), 50)
  }
  const luma = (text) => {
    const [r, g, b] = (text.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number)
    return 0.299 * r + 0.587 * g + 0.114 * b
  }
  const drawLarge = () => {
    const open = state.open
    if (!open || !dialog.open) return
    const [pen, w, h] = sharp(big)
    if (!open.image.complete || !open.image.naturalWidth) return
    const [ih, iw] = open.size ?? [open.image.naturalHeight, open.image.naturalWidth]
    const base = fitted(w, h, iw, ih), view = state.view ?? {zoom: 1, x: 0, y: 0}
    const place = {...base, x: base.x * view.zoom + view.x, y: base.y * view.zoom + view.y,
                   w: base.w * view.zoom, h: base.h * view.zoom}
    pen.imageSmoothingEnabled = place.w / open.image.naturalWidth < 2
    pen.drawImage(open.image, place.x, place.y, place.w, place.h)
    if (!state.shapes && open.marked < 0) return
    if (state.shapes && open.parts && open.pixels) drawMask(pen, open, open.pixels, place, open.marked)
    if (state.shapes || open.marked >= 0)
      drawShapes(pen, state.shapes ? open : {...open, boxes: only(open)}, place, open.marked, 2)
  }
  const only = (open) => open.boxes?.map((box, i) => i === open.marked ? box : [-2, 0, 0, 0, 0, 0])
  big.onwheel = (event) => {
    event.preventDefault()
    const view = state.view ?? {zoom: 1, x: 0, y: 0}, box = big.getBoundingClientRect()
    const zoom = Math.min(60, Math.max(1, view.zoom * Math.exp(-event.deltaY / 400)))
    const x = event.clientX - box.left, y = event.clientY - box.top, f = zoom / view.zoom
    state.view = zoom === 1 ? null : {zoom, x: x - (x - view.x) * f, y: y - (y - view.y) * f}
    drawLarge()
  }
  big.onpointerdown = (event) => {
    big.setPointerCapture(event.pointerId)
    const view = state.view ?? {zoom: 1, x: 0, y: 0}, {clientX, clientY} = event
    big.onpointermove = (move) => {
      state.view = {...view, x: view.x + move.clientX - clientX, y: view.y + move.clientY - clientY}
      drawLarge()
    }
    big.onpointerup = () => { big.onpointermove = null }
  }
  big.ondblclick = () => { state.view = null; drawLarge() }
  const fillSide = (item) => {
    const parts = []
    for (const text of item.problems ?? []) parts.push(make("div", "fault top", text))
    const facts = make("dl")
    for (const [key, value] of item.facts ?? []) facts.append(make("dt", "", key), make("dd", "", value))
    parts.push(facts)
    if (item.objects?.length) {
      const box = make("div"), list = make("div", "objects")
      box.append(make("h3", "", `${number(item.objects.length)} annotations`), list)
      item.objects.forEach((object, i) => {
        const row = make("div", "object"), swatch = make("span", "swatch")
        row.tabIndex = 0
        swatch.style.background = css(object.class)
        row.append(swatch, make("span", "", `${object.label ?? name(object.class)}`),
                   make("span", "where", object.where))
        for (const fault of object.faults) row.append(make("span", "fault", fault))
        const mark = (on) => { if (state.open) { state.open.marked = on ? i : -1; drawLarge() } }
        row.onmouseenter = row.onfocus = () => mark(true)
        row.onmouseleave = row.onblur = () => mark(false)
        list.append(row)
      })
      parts.push(box)
    }
    side.replaceChildren(...parts)
  }

  // ---- what the server says
  const reset = () => {
    state.items.clear(); state.blocks.clear(); state.asked.clear()
    for (const cell of state.cells.values()) cell.node.remove()
    state.cells.clear()
    scroll.scrollTop = 0
    layout()
  }
  const told = (event) => {
    const message = event.data ?? event
    if (message.type === "window" && message.generation === model.generation) {
      message.items.forEach((item, i) => state.items.set(message.start + i, item))
      show()
    } else if (message.type === "detail") showWhenThere(message.item)
    else if (message.type === "close" && dialog.open) dialog.close()
  }
  model.on("msg:custom", told)
  model.on("generation", reset)
  model.on("labels", () => { state.hidden.clear(); buildLegend() })
  model.on("kind", buildLegend)
  let frame = 0
  scroll.addEventListener("scroll", () => {
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(show)
  }, {passive: true})
  const watch = new ResizeObserver(() => { layout(); drawLarge() })
  watch.observe(scroll)
  watch.observe(stage)
  model.on("remove", () => watch.disconnect())
  const height = () => root.style.setProperty("--height", `${Math.max(420, window.innerHeight - 376)}px`)
  height()
  window.addEventListener("resize", height)
  model.on("remove", () => window.removeEventListener("resize", height))
  buildLegend()
  const whole = make("div")
  whole.append(root, dialog)
  say({type: "ready"})
  return whole
}
