"""The product's code of collecting, storing, analysing and publishing, in a simulated world full of faults."""

import pyarrow

# Files of a few rows: threads to read them take longer than reading.
pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)
