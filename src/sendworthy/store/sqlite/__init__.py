"""The store on SQLite: one writer thread with group commit, separate readers, statements by hand where it is hot."""
