"""The web server that buyers reach: identity, the message log, order and delivery. It never decides about an order."""
