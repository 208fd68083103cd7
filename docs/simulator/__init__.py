"""Pages about the simulator, and what makes the generated ones."""
