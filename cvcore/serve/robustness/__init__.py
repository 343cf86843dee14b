"""How a model does on images that got worse: blur, noise, JPEG, brightness, rotation."""
