"""The assistant in a terminal: the same gateway, the same socket, the same words."""
