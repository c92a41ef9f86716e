"""A process that may not reserve enough is told so, instead of being ended by V8."""

import subprocess
import sys


def test_too_little_address_space_is_one_sentence() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))\n"
        "from pizza_assets.errors import PizzaAssetsError\n"
        "from pizza_assets.platform.vega import converter\n"
        "try:\n    converter().vegalite_to_svg({'mark': 'bar'})\n"
        "except PizzaAssetsError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "need an address space of 36 GiB, and this process may have 8.0 GiB (ulimit -v)" in done.stdout
