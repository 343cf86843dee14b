"""A saved model as ONNX, held against the trained one."""
