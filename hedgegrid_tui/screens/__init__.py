"""The dashboard and the dialogs that stand above it."""
