"""The programs that the gateway is measured beside, each set up, run and ended by the bench."""
