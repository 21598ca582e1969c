"""Cancellations: may this order be cancelled, what comes back, the request, and the seller's answer."""
