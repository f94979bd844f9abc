"""How many cases each test tries: few in CI and always the same ones, many and new ones for long.

pytest tests/fuzz                             the cases that CI tries
HYPOTHESIS_PROFILE=long pytest tests/fuzz     minutes, other cases each time, longer texts
FUZZ_CASES=100000 HYPOTHESIS_PROFILE=long …   as long as you like
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile(
    "fuzz",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "long",
    database=None,
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("FUZZ_CASES", "1000")),
    suppress_health_check=_SLOW,
)

_NAME = os.environ.get("HYPOTHESIS_PROFILE", "fuzz")
_CHOSEN = settings.get_profile(_NAME)

LONG = _NAME == "long"


def cases(share: float = 1.0) -> settings:
    """Settings for one test: *share* of the usual number of cases, less where each costs more.

    Not the session's default: other tests of the same run keep theirs.
    """
    return settings(_CHOSEN, max_examples=max(1, int(_CHOSEN.max_examples * share)))
