"""What the page Playground works with: models to ask, pictures to send, answers to draw.

models     which there are: endpoints, and models that have none yet
facts      what is known of the model behind an endpoint: classes, colours, thresholds
pictures   images that were given, kept on this machine by what is in them
samples    a few images of the data set that a model was trained on
drawing    an answer as the browser draws it
"""
