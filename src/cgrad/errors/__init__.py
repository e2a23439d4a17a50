"""Every error that cgrad raises itself: what was wrong, with which operand of which operation, and the way out.

One style: ``mul: operand 2 is a str ('abc'): ...``. The functions build an exception, the caller raises it. One
module a topic; all their functions are names of this package: ``raise errors.bad_operand(...)``.
"""

from .arguments import *  # noqa: F403
from .arrays import *  # noqa: F403
from .distributed import *  # noqa: F403
from .exceptions import *  # noqa: F403
from .files import *  # noqa: F403
from .frames import *  # noqa: F403
from .functions import *  # noqa: F403
from .programs import *  # noqa: F403
from .structural import *  # noqa: F403
from .sweeps import *  # noqa: F403
from .tapes import *  # noqa: F403
from .tracing import *  # noqa: F403
from .training import *  # noqa: F403
from .values import *  # noqa: F403
