"""The panels of the window: each shows models, and tells them what a person asked for."""
