"""Custom actions: read slots, call one service, choose a response. One module per flow; no business rule lives here.

Run them with ``python -m rasa_sdk --actions actions`` or, as ``recourse up`` does, in one supervised process.
"""
