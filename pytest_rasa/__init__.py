"""A pytest plugin that plays conversations with a Rasa assistant and checks replies, slots, actions and rows."""
