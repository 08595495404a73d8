"""A service's database: engine, transactions, column types, outbox, migrations; PostgreSQL and SQLite alike."""
