"""Language understanding: the pipeline components that config.yml names."""
