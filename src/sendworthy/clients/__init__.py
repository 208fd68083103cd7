"""Everything that dials out: AWS APIs, the SES send wire, DNS, websites."""
