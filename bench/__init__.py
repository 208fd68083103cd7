"""Benchmarks: run on demand, each beside a named peer or the raw limit in the same run."""
