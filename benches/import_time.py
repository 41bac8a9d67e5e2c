"""How long `import senescape` takes: the median of several fresh interpreters, that of an empty one subtracted."""

import subprocess
import sys
import time

import numpy as np


def seconds(code):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin


def main():
    seconds("import senescape")
    empty, numpy, senescape = (
        np.median([seconds(code) for _ in range(15)]) for code in ("pass", "import numpy", "import senescape")
    )
    print(f"import senescape: {senescape - empty:.3f} s, of which numpy {numpy - empty:.3f} s")


if __name__ == "__main__":
    main()
