"""How a network is trained: optimizer, loss, learning rate."""
