"""Claims, the request, the case and its states. Pure."""
