"""How simulated instruments are reached: in process by PyVISA, by raw sockets, by HiSLIP."""
