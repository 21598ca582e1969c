"""The modules that load inside Rasa 3.6.21 (Python 3.10): language understanding, the lock store and the patches."""
