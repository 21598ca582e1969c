"""What to say: turns results of services into responses of ``domain.yml`` with their values. Decides nothing."""
