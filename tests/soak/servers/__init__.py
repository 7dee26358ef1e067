"""The same small application on three servers. Its release's folder says how it behaves: ``behaviour``."""
