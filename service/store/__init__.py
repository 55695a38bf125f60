"""Results and work, kept in one database: SQLite on a local disk, or PostgreSQL where several replicas run."""
