// Where an image comes from: a file (chosen, dropped, pasted), a web address, a sample, the webcam.
const tag = (name, className = "", text = "") => {
  const node = document.createElement(name)
  if (className) node.className = className
  if (text) node.textContent = text
  return node
}

export function render({model, view}) {
  const say = speaker(model, view)
  const root = tag("div", "source"), row = tag("div", "row"), told = tag("p", "told")
  told.setAttribute("role", "status")
  const words = (text, bad = false) => {
    told.textContent = text
    told.classList.toggle("bad", bad)
  }

  // ---- a file
  const pick = tag("label", "button main", "Upload an image"), file = tag("input")
  file.type = "file"
  file.accept = "image/*"
  file.setAttribute("aria-label", "Upload an image")
  pick.append(file)
  const send = (blob, name) => {
    if (blob.size > model.max_bytes) {
      words(`${name} has ${blob.size.toLocaleString("en")} bytes; an endpoint takes at most ` +
        `${model.max_bytes.toLocaleString("en")}. Choose a smaller one.`, true)
      return
    }
    words(`Sending ${name} ...`)
    const reader = new FileReader()
    reader.onload = () => say({type: "image", name, data: reader.result.split(",")[1] ?? ""})
    reader.onerror = () => words(`${name} can't be read by the browser.`, true)
    reader.readAsDataURL(blob)
  }
  file.onchange = () => {
    if (file.files[0]) send(file.files[0], file.files[0].name)
    file.value = ""
  }
  root.ondragover = (event) => { event.preventDefault(); root.classList.add("over") }
  root.ondragleave = () => root.classList.remove("over")
  root.ondrop = (event) => {
    event.preventDefault()
    root.classList.remove("over")
    const one = event.dataTransfer.files[0]
    if (one) send(one, one.name)
    else words("What was dropped is no file.", true)
  }
  const pasted = (event) => {
    const one = [...(event.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/"))
    if (one && root.isConnected && root.offsetParent) send(one, one.name || "pasted image")
  }
  document.addEventListener("paste", pasted)
  model.on("remove", () => document.removeEventListener("paste", pasted))

  // ---- the webcam
  const camera = tag("button", "button", "Use the webcam"), film = tag("div", "film"),
        video = tag("video"), shoot = tag("button", "button main", "Take the picture"),
        stop = tag("button", "button", "Close the webcam")
  for (const button of [camera, shoot, stop]) button.type = "button"
  film.hidden = true
  video.muted = video.autoplay = video.playsInline = true
  video.setAttribute("aria-label", "Webcam")
  film.append(video, shoot, stop)
  let stream = null
  const close = () => {
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = null
    film.hidden = true
    camera.hidden = false
  }
  camera.onclick = async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      words("A browser gives the webcam to https:// pages and to localhost only. Open this app by one " +
        "of those, or upload a picture.", true)
      return
    }
    camera.disabled = true
    words("Asking the browser for the webcam ...")
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 1280}}})
      video.srcObject = stream
      await video.play()
      film.hidden = false
      camera.hidden = true
      words("")
    } catch (error) {
      const why = {NotAllowedError: "it is not allowed; allow it in the browser's address bar",
                   NotFoundError: "there is none on this machine",
                   NotReadableError: "another program has it"}[error.name] ?? error.message
      words(`The webcam can't be used: ${why}.`, true)
      close()
    }
    camera.disabled = false
  }
  shoot.onclick = () => {
    const canvas = tag("canvas")
    canvas.width = video.videoWidth
    canvas.height = video.videoHeight
    canvas.getContext("2d").drawImage(video, 0, 0)
    canvas.toBlob((blob) => {
      if (blob) send(blob, "webcam.jpg")
      else words("The webcam gave no picture. Try again.", true)
    }, "image/jpeg", 0.92)
  }
  stop.onclick = close
  model.on("remove", close)
  model.on("closed", close)

  // ---- a web address
  const form = tag("form", "web"), label = tag("label", "", "Web address of an image"),
        address = tag("input"), fetch = tag("button", "button", "Fetch")
  address.type = "text"
  address.inputMode = "url"
  address.id = label.htmlFor = "address"
  address.placeholder = "https://example.org/photo.jpg"
  address.spellcheck = false
  fetch.type = "submit"
  form.append(label, address, fetch)
  form.onsubmit = (event) => {
    event.preventDefault()
    if (!address.value.trim()) { words("Type an address first.", true); return }
    words("Fetching ...")
    say({type: "url", url: address.value})
  }

  // ---- samples
  const samples = tag("div", "samples"), strip = tag("div", "strip"), hint = tag("span", "hint")
  samples.append(tag("h3", "", "Samples of its data set"), hint, strip)
  const showSamples = () => {
    const {items = [], words: text = ""} = model.samples
    samples.hidden = !items.length && !text
    hint.textContent = text
    strip.replaceChildren(...items.map(({url, row, name}) => {
      const button = tag("button", "sample"), image = tag("img")
      button.type = "button"
      button.title = name
      image.alt = `Sample ${name}`
      image.src = url
      button.append(image)
      button.onclick = () => { words(`Taking ${name} ...`); say({type: "sample", row}) }
      return button
    }))
  }
  model.on("samples", showSamples)
  model.on("told", () => words(model.told.text ?? "", Boolean(model.told.bad)))
  showSamples()
  words(model.told.text ?? "", Boolean(model.told.bad))
  row.append(pick, camera, form)
  root.append(row, film, told, samples)
  say({type: "ready"})
  return root
}
