"""The store on PostgreSQL: many processes on many hosts, row locks, the database's clock."""
