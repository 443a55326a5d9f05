"""Telling people how a run went: a webhook, a mail, a ping. docs/notifications.md says what and when."""
