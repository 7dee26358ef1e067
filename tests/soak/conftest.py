"""Long runs use the same real agents as the end-to-end tests."""

from tests.e2e.conftest import agent_program, short_folder

__all__ = ["agent_program", "short_folder"]
