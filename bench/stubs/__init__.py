"""The two ends of the gateway's benchmark: what sends to it, and a pretend SES that only counts."""
