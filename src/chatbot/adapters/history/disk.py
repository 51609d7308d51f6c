"""Whether a disk has room for turns, and a reserve beyond that for what must work on a full one: deletes."""

import errno
import os
from pathlib import Path

RESERVE_BYTES = 16 * 2**20
"""Left free for deletes, which write before they free: a database notes what it is about to overwrite."""


def check_room(folder: Path) -> None:
    """Return when the folder's disk has more than the reserve.

    Raises:
        OSError: it has not, or the folder is gone.
    """
    disk = os.statvfs(folder)
    # Some file systems do not tell their size.
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < RESERVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
