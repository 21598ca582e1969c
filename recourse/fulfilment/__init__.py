"""What moves an order besides a buyer's request to cancel: the seller, the carrier, the payment, and time."""
