"""What the windows show, without Qt: each model is told, and tells who subscribed to it."""
