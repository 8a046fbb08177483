"""What the analysis keeps: Parquet by table for those who ask, SQLite for what must survive a restart."""
