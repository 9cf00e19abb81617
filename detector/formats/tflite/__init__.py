"""TFLite files: written straight from weights, quantized, and with the ModelSpec inside; no TensorFlow."""
