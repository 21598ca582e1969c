"""What of the assistant the conversations exercised, and what they never did."""
