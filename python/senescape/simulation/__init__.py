"""Simulation: what a run is asked for, the engine, checkpoints and code that is called on the way."""
