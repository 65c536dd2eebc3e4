"""Runs one test file under MicroPython: `micropython run_file.py test_x.py`. Exit 1 when a test fails.

Prints one line a test, so that a failure is reported with its file, name and traceback.
"""

import asyncio
import gc
import sys

THRESHOLD = 16_384
"""Bytes after which garbage is collected. A heap that is filled to the brim before is split by what happens to live."""


def run(path: str) -> int:
    folder, _, name = path.rpartition("/")
    sys.path.insert(0, folder)
    gc.threshold(THRESHOLD)  # type: ignore[attr-defined] # MicroPython's
    module = __import__(name[: -len(".py")])
    failed = 0
    tests = [getattr(module, attr) for attr in sorted(dir(module)) if attr.startswith("test_")]
    for test in tests:
        # MicroPython has one loop for all: without a new one, tasks that a test left would run in the next. Loop and
        # coroutine hold what the test before made; all of that must be gone before this one takes its room.
        asyncio.new_event_loop()
        result = None
        gc.collect()
        try:
            result = test()
            if hasattr(result, "send"):
                asyncio.run(result)
        except Exception as exc:
            failed += 1
            print("FAIL", test.__name__)
            sys.print_exception(exc)  # type: ignore[attr-defined] # MicroPython's
        else:
            print("ok", test.__name__)
    print(f"{len(tests) - failed} of {len(tests)} passed")
    return 1 if failed or not tests else 0


sys.exit(run(sys.argv[1]))
