"""Training steps: sent to the device one by one, or recorded and replayed."""
