"""The worker: the detached process that does the background jobs of one workspace."""
