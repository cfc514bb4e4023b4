"""How a network is trained: loss, optimizer and learning rate."""
