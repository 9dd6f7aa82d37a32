"""Simulated generators: the Keysight 33500B/33600A and 81160A, and what they share."""
