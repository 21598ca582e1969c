"""The engine: Rasa with the trained model, loaded once in a process of its own, and the actions in this one."""
