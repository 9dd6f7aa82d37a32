"""Simulated instruments: they answer VISA calls from one shared circuit and a virtual clock."""
