"""The agent API, under /v3: one file per subject."""
