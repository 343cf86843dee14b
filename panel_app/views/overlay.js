// What is drawn over an image: boxes, polygons, masks and their names. Put before a component's own text
// (panel_app/views/script.py), so there is one way to draw for every page.
const make = (tag, name = "", text = "") => {
  const node = document.createElement(tag)
  if (name) node.className = name
  if (text !== "") node.textContent = text
  return node
}
const number = (value) => Number(value).toLocaleString("en")
const light = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b > 150

// A mask comes as a picture: the value of a pixel is red + 256 * green, an index into item.parts.
const maskPixels = (picture) => {
  const canvas = make("canvas")
  canvas.width = picture.naturalWidth
  canvas.height = picture.naturalHeight
  const pen = canvas.getContext("2d", {willReadFrequently: true})
  pen.drawImage(picture, 0, 0)
  const {data} = pen.getImageData(0, 0, canvas.width, canvas.height)
  const values = new Uint16Array(data.length / 4)
  for (let i = 0; i < values.length; i++) values[i] = data[4 * i] + 256 * data[4 * i + 1]
  return {values, canvas, pen}
}

// An image of iw x ih in the middle of a space of w x h: where its pixels come to lie.
const fitted = (w, h, iw, ih) => {
  const f = Math.min(w / iw, h / ih)
  return {x: (w - iw * f) / 2, y: (h - ih * f) / 2, w: iw * f, h: ih * f, iw, ih}
}

// A canvas with as many pixels as the screen has for it; units stay those of CSS.
const sharp = (canvas) => {
  const ratio = window.devicePixelRatio || 1, {clientWidth: w, clientHeight: h} = canvas
  canvas.width = Math.max(1, Math.round(w * ratio))
  canvas.height = Math.max(1, Math.round(h * ratio))
  const pen = canvas.getContext("2d")
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  return [pen, w, h]
}

// labels(): [{name, color: [r, g, b]}]; look: {hidden: Set of indices, names: bool, fill: 0..1}, read at
// each drawing. An item has boxes [[class, x, y, w, h, crowd]] in its own pixels, polygons (per box,
// [[x, y, x, y, ...]]), texts (per box, in place of the name of its class), parts (class per value of the
// mask), segments (a line around each part).
const overlay = (labels, look) => {
  const color = (index) => labels()[index]?.color ?? [230, 60, 60]
  const name = (index) => labels()[index]?.name ?? "not in the list of classes"
  const css = (index, alpha = 1) => `rgba(${color(index).join(",")},${alpha})`
  const drawMask = (pen, item, mask, place, marked = -1) => {
    const {values, canvas} = mask, out = mask.pen.createImageData(canvas.width, canvas.height)
    const alpha = Math.round(255 * Math.max(look.fill, 0.02)), w = canvas.width
    const show = item.parts.map((c) => (c >= 0 && !look.hidden.has(c) ? color(c) : null))
    for (let i = 0; i < values.length; i++) {
      const value = values[i], rgb = show[value]
      if (!rgb) continue
      const edge = ((i + 1) % w && values[i + 1] !== value) ||
        (i + w < values.length && values[i + w] !== value)
      out.data[4 * i] = rgb[0]; out.data[4 * i + 1] = rgb[1]; out.data[4 * i + 2] = rgb[2]
      const inner = marked < 0 ? alpha : value === marked + 1 ? 200 : alpha / 3
      out.data[4 * i + 3] = edge && item.segments ? 255 : inner
    }
    mask.pen.putImageData(out, 0, 0)
    pen.imageSmoothingEnabled = false
    pen.drawImage(canvas, place.x, place.y, place.w, place.h)
  }
  const drawName = (pen, text, x, y, index) => {
    pen.font = "600 12px system-ui, sans-serif"
    const wide = pen.measureText(text).width + 8
    pen.fillStyle = css(index, 0.92)
    pen.fillRect(x, y - 16, wide, 16)
    pen.fillStyle = light(color(index)) ? "#111" : "#fff"
    pen.fillText(text, x + 4, y - 4)
  }
  const drawShapes = (pen, item, place, marked = -1, width = 1.5) => {
    const fx = place.w / place.iw, fy = place.h / place.ih
    const at = (x, y) => [place.x + x * fx, place.y + y * fy]
    ;(item.boxes ?? []).forEach(([index, x, y, w, h, crowd], i) => {
      if (look.hidden.has(index) && i !== marked) return
      const strong = i === marked
      pen.lineWidth = strong ? width + 2 : width
      pen.strokeStyle = css(index)
      const parts = item.polygons?.[i] ?? []
      if (parts.length) {
        pen.beginPath()
        for (const part of parts) {
          for (let k = 0; k < part.length; k += 2) pen[k ? "lineTo" : "moveTo"](...at(part[k], part[k + 1]))
          pen.closePath()
        }
        pen.fillStyle = css(index, strong ? Math.min(1, look.fill + 0.25) : look.fill)
        pen.fill("evenodd")
        pen.stroke()
      } else {
        const [left, top] = at(x, y)
        pen.setLineDash(crowd ? [5, 4] : [])
        if (w > 0 && h > 0) pen.strokeRect(left, top, w * fx, h * fy)
        else {  // a box without area still has a place
          pen.strokeStyle = "#ff3b30"
          pen.lineWidth = 2
          pen.beginPath()
          pen.moveTo(left - 7, top - 7); pen.lineTo(left + 7, top + 7)
          pen.moveTo(left + 7, top - 7); pen.lineTo(left - 7, top + 7)
          pen.stroke()
        }
        pen.setLineDash([])
      }
      if (look.names || strong) drawName(pen, item.texts?.[i] ?? name(index), ...at(x, y), index)
    })
  }
  return {color, name, css, drawMask, drawShapes, drawName}
}
