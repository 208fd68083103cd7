"""Claims, the gate, the request's letter, the case and its states, and what AWS's answers mean. Pure."""
