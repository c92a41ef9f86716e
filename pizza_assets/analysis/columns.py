"""Columns of Arrow tables as arrays to count with.

Belongs here: texts as numbers, instants as numbers. Does not belong here: counting.
"""

import numpy as np
import numpy.typing as npt
import pyarrow


def codes(texts: pyarrow.ChunkedArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Return the number of each text, and the different texts, sorted, that the numbers count."""
    is_encoded = pyarrow.types.is_dictionary(texts.type)
    # Chunks have dictionaries of their own, until they are one.
    encoded = (texts if is_encoded else texts.dictionary_encode()).combine_chunks()
    names = encoded.dictionary.to_numpy(zero_copy_only=False)
    if len(names) == 1:
        return np.zeros(len(texts), dtype=np.int64), names
    order = np.argsort(names)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks[encoded.indices.to_numpy()], names[order]


def microseconds(instants: pyarrow.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return instants (UTC) as microseconds since 1970."""
    numbers: npt.NDArray[np.int64] = instants.cast(pyarrow.timestamp("us", "UTC")).to_numpy().view(np.int64)
    return numbers
