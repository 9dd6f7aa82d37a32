"""A simulated wafer prober that speaks the Velox dialect, and the wafer on its chuck."""
