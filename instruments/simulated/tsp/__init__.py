"""A TSP instrument without a front: scripts in a real Lua interpreter, errors, common commands."""
