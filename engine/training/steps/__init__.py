"""The body of the training loop, one operation at a time or recorded as a CUDA graph."""
