"""Orders in and out: the importer and the exporter."""
