"""Payment providers: the port, a simulator, webhooks, refunds on their way, chargebacks."""
