"""Scenarios that are not meant well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GOOD = 'plugins = ["biology"]\ninitial = { cycling = 20 }\nuntil = "2 d"\n'

SIZE = 1_000_000

MODULES = [
    "antigravity",
    "antigravity.antigravity",
    "this.that",
    "os.path",
    "idlelib.idle",
    "pip.__main__",
    "pytest.__main__",
    "test.autotest",
    "setuptools.launch",
    "senescape.cli.main",
    "__main__",
    ".",
    "..",
    ".evil",
    "evil.plugin",
    "evil",
    "os.system('touch marker')",
    "__import__('os').system('touch marker')",
    "evil.plugin; import os",
    "/tmp/evil.py",
    "../evil.plugin",
    "biology\x00.evil",
    "evil plugin.x",
    "x" * 100_000,
    "x." * 50_000 + "x",
]

TIMES = [
    "0",
    "-1",
    "inf",
    "nan",
    "1e308",
    "1e18",
    '"1e308 d"',
    '"9999999999999999 wk"',
    '""',
    '"d"',
    "true",
    "[]",
    "{}",
    "1e-300",
]

WHOLE = ["-1", "4294967295", "4294967296", "9223372036854775808", "1e400", '"1"', "[1]", "nan", "1.5"]


def quoted(text: str) -> str:
    """As a TOML text."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in text) + '"'


def texts() -> Iterator[tuple[str, str | bytes]]:
    """Whole files that are no proper text, or too much of one."""
    n = SIZE
    yield "empty", ""
    yield "zeros", b"\0" * n
    yield "not UTF-8", b"\xff\xfe" + GOOD.encode("utf-16-le")
    yield "byte order mark", b"\xef\xbb\xbf" + GOOD.encode()
    yield "lone surrogate", 'name = "\\ud800"\n' + GOOD
    yield "large", "#" * (11 * 2**20)
    yield "long comment", "#" * n + "\n" + GOOD
    yield "many lines", "\n" * n + GOOD
    yield "long text", 'description = "' + "x" * n + '"\n' + GOOD
    yield "escape codes", 'name = "\\u001b]0;owned\\u0007\\u001b[2J"\n' + GOOD
    yield "backspaces", 'name = "a\\b\\b\\bb\\u202e"\n' + GOOD
    yield "long key", "a." * (n // 2) + "a = 1\n" + GOOD
    yield "long quoted key", '"a".' * (n // 4) + "a = 1\n" + GOOD
    yield "long table", "[" + "a." * (n // 2) + "a]\n"
    yield "long tables", "\n".join("[" + "a." * 400 + f"b{i}]" for i in range(n // 810))
    yield "deep lists", "a = " + "[" * n
    yield "deep closed lists", "a = " + "[" * 5000 + "]" * 5000
    yield "deep tables", "a = " + "{a=" * (n // 3)
    yield "arrays of tables", "\n".join("[[" + ".".join("a" * (i + 1)) + "]]" for i in range(1000))
    yield "long number", "until = " + "9" * n
    yield "long float", "until = 0." + "9" * n
    yield "many unknown keys", GOOD + "\n".join(f"untill{i} = 1" for i in range(n // 15))
    yield "many parameters", GOOD + "[parameters]\n" + "\n".join(f'"escape.h{i}" = 1' for i in range(n // 20))
    yield "many fates", GOOD.replace("{ cycling = 20 }", "{" + ",".join(f"c{i}=1" for i in range(n // 10)) + "}")
    yield "many plugins", GOOD.replace('["biology"]', "[" + ",".join(f'"p{i}"' for i in range(n // 10)) + "]")
    yield "one plugin again", GOOD.replace('["biology"]', "[" + '"biology",' * (n // 10) + "]")
    yield "twice a key", GOOD + GOOD
    yield "no end of a text", GOOD + 'name = "' + "a" * n
    yield "quotes", '"' * n
    yield "a pickle", b"cos\nsystem\n(S'touch marker'\ntR."
    yield "python", "import os; os.system('touch marker')"
    yield "yaml", "!!python/object/apply:os.system ['touch marker']"
    yield "formats", 'name = "{0.__class__.__mro__}%n%s${jndi:ldap://localhost}"\n' + GOOD
    yield "many doses", GOOD + '[[doses]]\ndrug = "doxorubicin"\namount = 1\nat = 1\nrepeat = 20000\n' * 500
    yield "doses at once", GOOD + '[[doses]]\ndrug="doxorubicin"\namount=1\nat=1\nrepeat=20000\ninterval=0\n'
    yield (
        "doses for ever",
        GOOD + '[[pulses]]\ndrug="doxorubicin"\nconcentration=1\nstart=1\nduration=1\nrepeat=20000\n',
    )
    many = "repeat=20000\ninterval=0.0005\nduration=30\n"
    yield "pulses over each other", GOOD + '[[pulses]]\ndrug="doxorubicin"\nconcentration=1e-5\nstart=1\n' + many
    yield (
        "infusions over each other",
        GOOD + '[[doses]]\ndrug="doxorubicin"\namount=1e-5\nat=1\nroute="infusion"\n' + many,
    )
    yield "huge dose", GOOD + '[[doses]]\ndrug="doxorubicin"\namount=1e308\nat=1\nrepeat=9\ninterval=1e-300\n'
    yield "endless pulse", GOOD + '[[pulses]]\ndrug="doxorubicin"\nconcentration=1e308\nstart=0\nduration=1e308\n'
    yield "many observations", GOOD + "every = 1e-9\n"
    yield "many epochs", GOOD + "sync = 1e-9\n"
    yield "many visits", GOOD + "visits = 1e-7\n"
    yield "listed visits", GOOD + "visits = [" + ",".join(str(i) for i in range(n // 7)) + "]\n"
    yield "huge horizon", GOOD.replace('"2 d"', "1e300") + "every = 1e299\nsync = 1e300\n"
    yield "wild parameters", GOOD + '[parameters]\n"escape.h0" = 1e308\n"division.length" = 1e-300\n'


def bases(folder: Path) -> Iterator[tuple[str, str | bytes]]:
    """Scenarios that build on what is no scenario; makes the files that they need."""
    os.mkfifo(folder / "pipe.toml")
    (folder / "folder.toml").mkdir()
    (folder / "self.toml").write_text('base = "self.toml"')
    (folder / "one.toml").write_text('base = "two.toml"')
    (folder / "two.toml").write_text(f'base = "../{folder.name}/one.toml"')
    for i in range(300):
        (folder / f"chain{i}.toml").write_text(f'base = "chain{i + 1}.toml"\nname = "chain"')
    (folder / "link.toml").symlink_to("/dev/zero")
    (folder / "table.csv").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.csv")
    for base in [
        *("/dev/zero", "/dev/urandom", "/dev/stdin", "/dev/tty", "/proc/self/mem", "/proc/kcore", "/proc/self/environ"),
        *(
            "/etc/passwd",
            "pipe.toml",
            "folder.toml",
            "self.toml",
            "one.toml",
            "chain0.toml",
            "link.toml",
            "",
            ".",
            "\0",
        ),
        *("http://localhost/x.toml", "x" * 100_000),
    ]:
        yield f"base {base[:30]!r}", f"base = {quoted(base)}\n" + GOOD
    for base in ("1", "[]", "{}", "true"):
        yield f"base is {base}", f"base = {base}\n" + GOOD
    for file in (
        "/dev/zero",
        "table.csv",
        "pipe.csv",
        "/etc/passwd",
        "http://localhost/x.csv",
        "s3://a/b.parquet",
        "x.pkl",
    ):
        yield f"cells of {file}", GOOD + f"[cells]\nfile = {quoted(file)}\ntraits.priming = 'a'\n"


def corpus(folder: Path) -> Iterator[tuple[str, str | bytes]]:
    """All of them: names and contents."""
    yield from texts()
    yield from bases(folder)
    for name in MODULES:
        yield f"plugin {name[:30]!r}", GOOD.replace('["biology"]', f"[{quoted(name)}]")
        if name.startswith(("evil", "anti")):
            yield f"plugins biology and {name[:30]!r}", GOOD.replace('["biology"]', f'["biology", {quoted(name)}]')
    for value in TIMES:
        yield f"until {value}", GOOD.replace('"2 d"', value)
    for value in ("1e-300", "1e-12", "nan", "1e308"):
        yield f"every {value}", GOOD + f"every = {value}\n"
        yield f"sync {value}", GOOD + f"sync = {value}\n"
    for value in WHOLE:
        yield f"founders {value}", GOOD.replace("20", value)
        yield f"max_cells {value}", GOOD + f"max_cells = {value}\n"
    yield "too many cells", GOOD.replace("20", "4294967295") + "max_cells = 4294967295\n"
    yield "relapse", GOOD + '[relapse]\nabove = inf\nfates = ["cycling", "x"]\n'
