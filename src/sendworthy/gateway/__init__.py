"""The doors mail comes in by, and the worker that sends it on."""
