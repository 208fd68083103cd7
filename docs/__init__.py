"""Pages for users and for developers; `python -m docs.generate` writes those that come from code."""
