"""The sending rules that law and mailbox providers set for bulk mail. Pure."""
