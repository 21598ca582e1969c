"""Demo data: twelve buyers, twelve sellers, and orders in every situation, with dates relative to the moment of seeding."""
