"""What every capability stands on: money, time, database session, settings, errors, logs of change."""
