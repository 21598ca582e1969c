"""What happens besides the chat: sellers, carriers, the payment provider, agents, the platform, and buyers on the shop's pages."""
