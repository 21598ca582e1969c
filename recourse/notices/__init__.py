"""News for a buyer: what happened since the last visit, said before anything else."""
