"""Long runs use the same real agents as the end-to-end tests."""

from tests.e2e.conftest import _ctrl_c_reaches_children, agent_program, short_folder

__all__ = ["_ctrl_c_reaches_children", "agent_program", "short_folder"]
