"""vl-convert, which compiles and draws charts, once it is sure that it can work here.

Belongs here: the one import of vl-convert. Does not belong here: charts.
"""

import resource
from typing import Any

from pizza_assets.errors import PizzaAssetsError

#: V8, inside of vl-convert, reserves so much address space (33.6 GB measured), and little of it as memory.
ADDRESS_SPACE = 36 * 2**30


def converter() -> Any:  # noqa: ANN401 vl-convert has no types
    """Return the module vl_convert.

    Raises
    ------
    PizzaAssetsError
        When the process may not reserve what it needs: it would end the process without a word.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise PizzaAssetsError(
            f"The charts need an address space of {ADDRESS_SPACE / 2**30:.0f} GiB, and this process may have "
            f"{limit / 2**30:.1f} GiB (ulimit -v). Run without that limit; to limit memory, use a control group.",
            final=True,
        )
    import vl_convert

    return vl_convert
