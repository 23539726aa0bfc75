"""``python -m matgrad``: the command line, the same program as the binary."""

import signal
import sys

from ._matgrad import main as run


def main() -> None:
    """Does what ``sys.argv`` asks and ends the process with the binary's exit code."""
    # Signals end it, or stop a fit, as they do the binary: Python would only note them.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
