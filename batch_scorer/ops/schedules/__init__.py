"""A job as an entry of a scheduler: cron, systemd, Kubernetes. Files to install, as text."""
