"""What surrounds the pretend SES: a DNS server and a company's website."""
