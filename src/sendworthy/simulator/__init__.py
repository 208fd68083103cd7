"""A pretend Amazon SES: pure rules, thin doors, the reviewer, the clock."""
