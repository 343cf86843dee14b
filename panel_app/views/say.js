// How a component speaks to the server. Bokeh takes a model that has just come from the server for one made
// here and sends it whole, with its class; where that class came with it (first session of a process),
// sending fails.
const speaker = (model, view) => (message) => {
  view?.model?.document?._new_models?.delete?.(view.model)
  model.send_msg(message)
}

