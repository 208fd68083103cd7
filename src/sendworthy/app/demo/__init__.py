"""The demonstration: the whole road on the bundled simulator, with the real product."""
