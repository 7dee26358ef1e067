"""Long runs use the same real agents as the end-to-end tests."""

from tests.e2e.conftest import _ctrl_c_reaches_children, agent_program, short_folder
from tests.objects import object_server, objects

__all__ = ["_ctrl_c_reaches_children", "agent_program", "object_server", "objects", "short_folder"]
