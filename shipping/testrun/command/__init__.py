"""Running a part with any command that writes JUnit: the file is what is planned, run, retried and proven.

`words` fills the command's placeholders, `document` reads JUnit from whoever wrote it, `verdict` judges files by what the
command did and what its report says, `part` runs them.
"""

from shipping.testrun.command.part import CommandParts

__all__ = ["CommandParts"]
