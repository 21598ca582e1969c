"""Running Recourse on one machine: the processes, their supervisor, the trained model, the check-up."""
