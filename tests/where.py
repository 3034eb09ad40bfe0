"""Where the tests' things lie, and how long their programs may work. As a program: runs a command within that bound,
and writes down what it and its children have used of the CPU.

    where.py FILE COMMAND...
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of one process: what no test comes near, and what never ends reaches.
CPU_SECONDS = 1200


def git_says(*words):
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def neighbours():
    """Folders that the folder of real firmware may lie beside: this tree, the repository that it is a work tree of, the
    one that it was cloned from."""
    yield ROOT
    common = git_says("rev-parse", "--path-format=absolute", "--git-common-dir")
    if common:
        yield Path(common).parent
    origin = git_says("config", "remote.origin.url").removeprefix("file://")
    if origin.startswith("/"):
        yield Path(origin.removesuffix("/.git"))


def find_firmware():
    """The folder of firmware that projects shipped: ONESLOT_FIRMWARE, or shared/firmware beside one of the neighbours,
    there or not."""
    named = os.environ.get("ONESLOT_FIRMWARE")
    if named:
        return Path(named)
    places = [place.resolve().parent / "shared" / "firmware" for place in neighbours()]
    return next((place for place in places if place.is_dir()), places[0])


def limit_cpu(process, seconds):
    """From now on this process, and what it starts, may use so much of the CPU each. What a busy machine does to the
    clock on the wall is no matter."""
    try:
        resource.prlimit(process, resource.RLIMIT_CPU, (seconds, seconds + 5))
    except (ProcessLookupError, PermissionError):
        pass  # it has ended already


def main():
    file, *command = sys.argv[1:]
    limit_cpu(os.getpid(), CPU_SECONDS)
    status = subprocess.run(command, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(file).write_text(json.dumps(used.ru_utime + used.ru_stime))
    # A signal's number as shells have it.
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
