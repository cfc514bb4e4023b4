"""Training. `loop` is the notebook's loop, `trainer` starts it; everything else is what the loop calls."""
