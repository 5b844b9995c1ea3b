#!/usr/bin/env python3
"""Tests of setup/fetch.py without a network: a stand-in for npm hands out a package made here."""
import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fold  # noqa: E402

NPM = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  --version) echo 10.0.0 ;;
  pack) cp "$PACKAGE" . ;;
esac
"""

MANIFEST = """
tool = []
[[package]]
id = "p"
client = "npm"
name = "some-package"
version = "1.0.0"
size = {archive_size}
sha256 = "{archive_hash}"
[[runtime]]
machine = "{machine}"
package = "p"
member = "package/lib.so"
file = "lib.so"
size = {size}
sha256 = "{hash}"
[[model]]
name = "extra"
file = "extra.onnx"
optional = true
size = {size}
sha256 = "{hash}"
[[picture]]
package = "p"
member = "package/lib.so"
file = "face.jpg"
size = {size}
sha256 = "{hash}"
"""

CONTENT = b"the right bytes" * 1000


class Fetch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.var = self.home / "var"
        self.calls = self.home / "calls"
        self.package = self.home / "some-package-1.0.0.tgz"
        with tarfile.open(self.package, "w:gz") as archive:
            info = tarfile.TarInfo("package/lib.so")
            info.size = len(CONTENT)
            archive.addfile(info, io.BytesIO(CONTENT))
        npm = self.home / "bin" / "npm"
        npm.parent.mkdir()
        npm.write_text(NPM)
        npm.chmod(0o755)
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
        self.manifest = self.home / "manifest.toml"
        self.manifest.write_text(MANIFEST.format(
            machine=machine, size=len(CONTENT), hash=hashlib.sha256(CONTENT).hexdigest(),
            archive_size=self.package.stat().st_size,
            archive_hash=hashlib.sha256(self.package.read_bytes()).hexdigest()))

    def fetch(self, *more):
        path = os.pathsep.join([str(self.home / "bin"), os.environ["PATH"]])
        environment = dict(os.environ, PATH=path, CALLS=str(self.calls), PACKAGE=str(self.package))
        return subprocess.run([sys.executable, str(HERE / "fetch.py"), "--var", str(self.var), "--manifest",
                               str(self.manifest), *more], env=environment, capture_output=True, text=True)

    def packs(self):
        return self.calls.read_text().count("pack ") if self.calls.exists() else 0

    def test_a_second_run_asks_nobody(self):
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual((self.var / "runtime/lib.so").read_bytes(), CONTENT)
        self.assertEqual((self.var / "pictures/face.jpg").read_bytes(), CONTENT)
        self.assertEqual(self.packs(), 1)
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(self.packs(), 1)

    def test_a_damaged_and_a_shortened_file_are_noticed_and_mended(self):
        self.fetch()
        for wrong in (b"x" + CONTENT[1:], CONTENT[:100], b""):
            (self.var / "runtime/lib.so").write_bytes(wrong)
            self.assertEqual(self.fetch("--check").returncode, 1)
            self.assertEqual(self.fetch().returncode, 0)
            self.assertEqual((self.var / "runtime/lib.so").read_bytes(), CONTENT)

    def test_what_an_interrupted_run_left_is_swept_away(self):
        (self.var / "tmp-fetch-old").mkdir(parents=True)
        (self.var / "tmp-fetch-old/half.tgz").write_bytes(b"half")
        (self.var / "runtime").mkdir()
        (self.var / "runtime/tmp-fetch-half").write_bytes(b"half")
        self.assertEqual(self.fetch().returncode, 0)
        self.assertEqual(list(self.var.rglob("tmp-fetch-*")), [])

    def test_a_package_with_other_bytes_is_refused_and_nothing_is_put_in_place(self):
        self.package.write_bytes(self.package.read_bytes()[:-20])
        done = self.fetch()
        self.assertEqual(done.returncode, 1)
        self.assertIn("not the file that was pinned", done.stderr)
        self.assertIn("start again", done.stderr)
        self.assertFalse((self.var / "runtime/lib.so").exists())
        self.assertEqual(list(self.var.rglob("tmp-fetch-*")), [])

    def test_optional_models_are_copied_only_with_the_right_hash(self):
        given = self.home / "given"
        given.mkdir()
        (given / "extra.onnx").write_bytes(b"something else")
        self.assertEqual(self.fetch("--optional-from", str(given)).returncode, 1)
        self.assertFalse((self.var / "models/extra.onnx").exists())
        (given / "extra.onnx").write_bytes(CONTENT)
        self.assertEqual(self.fetch("--optional-from", str(given)).returncode, 0)
        self.assertEqual((self.var / "models/extra.onnx").read_bytes(), CONTENT)


class Fold(unittest.TestCase):
    def test_weights_in_blocks_become_plain_and_idle_inputs_go(self):
        def tensor(name, dims, kind, raw):
            return fold._join([(1, 0, d) for d in dims] + [(2, 0, kind), (8, 2, name), (9, 2, raw)])

        def attribute(name, number):
            return fold._join([(1, 2, name), (3, 0, number), (20, 0, 2)])

        node = fold._join([(1, 2, b"q"), (1, 2, b"s"), (1, 2, b"z"), (2, 2, b"w"), (4, 2, b"DequantizeLinear"),
                           (5, 2, attribute(b"axis", 1)), (5, 2, attribute(b"block_size", 2))])
        user = fold._join([(1, 2, b"x"), (1, 2, b"w"), (2, 2, b"y"), (4, 2, b"MatMul")])
        import struct
        graph = fold._join([
            (1, 2, node), (1, 2, user),
            (5, 2, tensor(b"q", [1, 3], fold.INT8, struct.pack("3b", 5, -3, 7))),
            (5, 2, tensor(b"s", [1, 2], fold.FLOAT, struct.pack("<2f", 0.5, 2.0))),
            (5, 2, tensor(b"z", [1, 2], fold.INT8, struct.pack("2b", 1, 0))),
            (11, 2, fold._join([(1, 2, b"x")])), (11, 2, fold._join([(1, 2, b"idle")]))])
        folded = fold.fold(fold._join([(1, 0, 6), (7, 2, graph)]))
        self.assertEqual(folded, fold.fold(fold._join([(1, 0, 6), (7, 2, graph)])))
        (_, _, version), (_, _, inside) = fold._fields(folded)
        self.assertEqual(version, 6)
        fields = list(fold._fields(inside))
        self.assertEqual([v for n, _, v in fields if n == 1], [user])
        self.assertEqual([fold._text(v, 1) for n, _, v in fields if n == 11], ["x"])
        (weight,) = [v for n, _, v in fields if n == 5]
        dims, numbers = fold._tensor(weight, fold.FLOAT)
        self.assertEqual((dims, list(numbers)), ([1, 3], [2.0, -2.0, 14.0]))

    def test_a_truncated_file_is_an_error(self):
        with self.assertRaises(fold.FoldError):
            fold.fold(b"\x3a\x7f\x01")


if __name__ == "__main__":
    unittest.main()
