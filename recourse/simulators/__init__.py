"""Stand-ins for what Recourse talks to, for the demo and for tests: named so, and honest about how the real ones behave."""
