"""Conversation tests: YAML files are loaded, driven through a running stack and checked, replies and rows alike."""
