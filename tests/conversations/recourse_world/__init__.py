"""Recourse as ``pytest_rasa`` sees it: who can speak, what happens besides the chat, and two worlds to play in.

``project.project()`` is what the plugin is given. The worlds are ``inprocess`` and ``stack``; a case looks the same in both.
"""
