"""How often Python looks for garbage while very much is made that is none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (100_000, 20, 20)
"""After how many new objects Python looks among the youngest, and every how many times among older ones."""


@contextmanager
def seldom_looked_for() -> Iterator[None]:
    """Let Python look for garbage less often within the block.

    Modules and answers become objects by the hundred thousand, nearly all of which stay; with its usual
    thresholds Python goes through all objects of the process again and again meanwhile, which takes a fifth
    of the time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
