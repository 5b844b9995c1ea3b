#!/usr/bin/env python3
"""Fetches ONNX Runtime, the models, the demonstration pictures and the tests' tools into var/, and keeps them right.

In: models/manifest.toml, which names for each file its package, version, place in the package and SHA-256.
Out: var/runtime/, var/models/, var/pictures/, var/checks/. Packages come through the package clients, pip and npm, by name.

A file under its own name in var/ always has the right hash: everything is downloaded and prepared in a temporary
folder beside it, checked, and moved into place in one step. So it may be interrupted at any moment and started
again; what is right already is left alone, and what is damaged is fetched anew. Needs Python 3.9 or later, and
nothing else of its own.
"""
import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True  # set-up leaves nothing beside the sources
import fold

ROOT = Path(__file__).resolve().parent.parent
TRIES = 3
CLIENT_SECONDS = 900  # after which a package client is taken to hang
MEMBER_BYTES_MOST = 200 * 1024 * 1024


class Trouble(Exception):
    """What went wrong, and what to do next."""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--var", type=Path, default=ROOT / "var", help="folder to fill (default: var)")
    arguments.add_argument("--manifest", type=Path, default=ROOT / "models" / "manifest.toml")
    arguments.add_argument("--optional-from", type=Path, metavar="DIR",
                           help="also copy the optional models that lie in DIR, if their hashes are right")
    arguments.add_argument("--check", action="store_true", help="only say what is missing or damaged")
    chosen = arguments.parse_args()
    try:
        return run(chosen)
    except Trouble as trouble:
        print(f"set-up stopped: {trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nset-up interrupted; start it again and it goes on where it was", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"set-up stopped: {error}. Mend that (space, permissions?) and start it again", file=sys.stderr)
    return 1


def run(chosen):
    manifest = read_manifest(chosen.manifest)
    wanted = targets(manifest, chosen.var)
    if chosen.optional_from:
        copy_optional(manifest, chosen.var, chosen.optional_from)
    missing = [target for target in wanted if not target.right()]
    if chosen.check:
        for target in missing:
            print(f"missing or damaged: {target.path}")
        return 1 if missing else 0
    if not missing:
        return 0
    chosen.var.mkdir(parents=True, exist_ok=True)
    with open(chosen.var / ".fetch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second set-up waits, then finds everything done
        sweep(chosen.var)
        missing = [target for target in missing if not target.right()]
        packages = {package["id"]: package for package in manifest["package"]}
        fetcher = Fetcher(chosen.var, manifest)
        order = list(dict.fromkeys(target.package for target in missing))
        for number, identity in enumerate(order, 1):
            label = f"[{number}/{len(order)}] {packages[identity]['name']} {packages[identity]['version']}"
            fetcher.fetch(packages[identity], [t for t in missing if t.package == identity], label)
    return 0


# --- what is wanted ---


class Target:
    """One file that is to lie in var/."""

    def __init__(self, path, entry):
        self.path = path
        self.package = entry.get("package")
        self.member = entry.get("member")
        self.shipped = entry["sha256"]
        self.prepare = entry.get("prepare")
        self.sha256 = entry.get("prepared_sha256", entry["sha256"])
        self.size = entry["size"]

    def right(self):
        try:
            return self.path.stat().st_size == self.size and file_hash(self.path) == self.sha256
        except OSError:
            return False

    def put(self, data):
        """Checks what the package shipped, prepares it, checks again, and moves it into place."""
        expect(self.member, digest(data), self.shipped)
        if self.prepare == "fold":
            data = fold.fold(data)
        expect(self.path.name, digest(data), self.sha256)
        place(data, self.path)


def read_manifest(path):
    try:
        import tomllib
    except ImportError:  # Python 3.9 and 3.10: pip brings a copy along
        try:
            from pip._vendor import tomli as tomllib
        except ImportError:
            raise Trouble("this Python has no TOML reader. Use Python 3.11 or later, or install pip") from None
    with open(path, "rb") as file:
        return tomllib.load(file)


def targets(manifest, var):
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    runtimes = [entry for entry in manifest["runtime"] if entry["machine"] == machine]
    if sys.platform != "linux" or not runtimes:
        known = ", ".join(entry["machine"] for entry in manifest["runtime"])
        raise Trouble(f"no ONNX Runtime is listed for {sys.platform} on {machine} (only Linux on {known}). "
                      "Add it to models/manifest.toml")
    found = [Target(var / "runtime" / entry["file"], entry) for entry in runtimes]
    found += [Target(var / "models" / entry["file"], entry)
              for entry in manifest["model"] if not entry.get("optional")]
    found += [Target(var / "pictures" / entry["file"], entry) for entry in manifest["picture"]]
    found += [Target(var / "checks" / entry["file"], entry) for entry in manifest.get("check", [])]
    return found


def copy_optional(manifest, var, folder):
    for entry in manifest["model"]:
        if not entry.get("optional"):
            continue
        target = Target(var / "models" / entry["file"], entry)
        source = folder / entry["file"]
        if target.right():
            continue
        if not source.is_file():
            print(f"{source} is not there: {entry['name']} left out", file=sys.stderr)
            continue
        target.put(source.read_bytes())
        print(f"{entry['name']} copied", file=sys.stderr)


# --- package clients ---


class Fetcher:
    """Gets packages into a temporary folder and takes files out of them."""

    def __init__(self, var, manifest):
        self.var = var
        self.tools = {tool["id"]: tool["requirements"] for tool in manifest["tool"]}
        self.python = None  # of the private environment, made when first needed

    def fetch(self, package, wanted, label):
        for attempt in range(1, TRIES + 1):
            work = Path(tempfile.mkdtemp(prefix="tmp-fetch-", dir=self.var))
            try:
                archive = self.download(package, work, label)
                expect(archive.name, file_hash(archive), package["sha256"])
                for target in wanted:
                    target.put(member(archive, target.member))
                return
            except (Trouble, fold.FoldError, tarfile.TarError, zipfile.BadZipFile) as trouble:
                if attempt == TRIES:
                    raise Trouble(f"{package['name']} {package['version']} could not be fetched in {TRIES} tries: "
                                  f"{trouble}\nCheck the network and the settings of {package['client']}, "
                                  "then start again") from None
                print(f"{label}: try {attempt} failed, trying again", file=sys.stderr)
                time.sleep(attempt)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def download(self, package, work, label):
        into = work / "package"
        into.mkdir()
        pinned = f"{package['name']}=={package['version']}"
        if package["client"] == "npm":
            command = self.npm() + ["pack", "--ignore-scripts", pinned.replace("==", "@")]
        else:
            lines = work / "requirements.txt"
            lines.write_text(f"{pinned} --hash=sha256:{package['sha256']}\n")
            command = self.pip() + ["download", "--no-deps", "--require-hashes", "-r", str(lines), "-d", str(into)]
            if package.get("source"):
                self.tool("setuptools")
                command += ["--no-binary", ":all:", "--no-build-isolation"]
            else:
                target = package["target"]
                command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", target["python"],
                            "--abi", target["abi"], "--platform", target["platform"]]
        watch(command, into, work, package["size"], label)
        archives = list(into.iterdir())
        if len(archives) != 1:
            raise Trouble(f"{package['client']} left {len(archives)} files where one was expected")
        return archives[0]

    def pip(self):
        """pip of a private environment under var/, so that the machine's own packages stay untouched."""
        if self.python is None:
            home = self.var / "venv"
            python = home / "bin" / "python"
            works = python.exists() and call([str(python), "-m", "pip", "--version"]).returncode == 0
            if not works:
                made = call([sys.executable, "-m", "venv", "--clear", str(home)])
                if made.returncode != 0:
                    raise Trouble("a virtual environment could not be made. On Debian and Ubuntu install "
                                  f"python3-venv, then start again. Python said:\n{tail(made)}")
            self.python = str(python)
        return [self.python, "-m", "pip", "--disable-pip-version-check", "--no-input"]

    def tool(self, identity):
        """Installs a pinned tool into the private environment; pip does nothing when it is there."""
        pip = self.pip()
        lines = self.var / "venv" / f"{identity}.txt"
        lines.write_text("\n".join(self.tools[identity]) + "\n")
        done = call(pip + ["install", "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", str(lines)])
        if done.returncode != 0:
            raise Trouble(f"{identity} could not be installed into {self.var / 'venv'}:\n{tail(done)}")

    def npm(self):
        """The machine's npm, or else the one that a package of pip's brings along."""
        found = shutil.which("npm")
        if found and call([found, "--version"]).returncode == 0:
            return [found]
        self.tool("npm")
        return [str(self.var / "venv" / "bin" / "npm")]


def call(command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{command[0]} did not end in {CLIENT_SECONDS} seconds") from None


def tail(done):
    return "\n".join(done.stdout.strip().splitlines()[-6:])


def watch(command, folder, work, size, label):
    """Runs a package client in `folder` and shows how much of `size` bytes has come."""
    log = work / "log"
    # Clients keep partial downloads in the temporary folder: there they are counted, and swept away.
    partial = work / "partial"
    partial.mkdir()
    environment = dict(os.environ, TMPDIR=str(partial), PATH=search_path(command[0]))
    bar = Bar(label, size)
    with open(log, "w") as out:
        client = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT)
        deadline = time.monotonic() + CLIENT_SECONDS
        try:
            while client.poll() is None:
                bar.show(max(folder_size(folder), folder_size(partial)))
                if time.monotonic() > deadline:
                    raise Trouble(f"{command[0]} did not end in {CLIENT_SECONDS} seconds")
                time.sleep(0.1)
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()
    if client.returncode != 0:
        bar.end("failed")
        last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-6:])
        raise Trouble(f"the package client said:\n{last}")
    bar.show(size)
    bar.end("done")


def search_path(program):
    """PATH with the program's own folder first: the packaged npm looks for the node beside it."""
    return os.pathsep.join([str(Path(program).parent), os.environ.get("PATH", os.defpath)])


class Bar:
    """A progress bar on a terminal, two plain lines elsewhere."""

    WIDTH = 30

    def __init__(self, label, size):
        self.label, self.size, self.live = label, size, sys.stderr.isatty()
        if not self.live:
            print(f"{label}: fetching {size / 1e6:.1f} MB", file=sys.stderr, flush=True)

    def show(self, come):
        if self.live:
            share = min(come / self.size, 1.0)
            filled = int(share * self.WIDTH)
            print(f"\r{self.label:45} [{'#' * filled}{'.' * (self.WIDTH - filled)}] "
                  f"{min(come, self.size) / 1e6:6.1f} of {self.size / 1e6:.1f} MB ", end="", file=sys.stderr, flush=True)

    def end(self, word):
        print(word if self.live else f"{self.label}: {word}", file=sys.stderr, flush=True)


# --- files ---


def member(archive, name):
    """The bytes of one file in a wheel or a tarball; nothing is ever unpacked to disk by its own name."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                if opened.getinfo(name).file_size > MEMBER_BYTES_MOST:
                    raise Trouble(f"{name} in {archive.name} is larger than {MEMBER_BYTES_MOST} bytes")
                return opened.read(name)
        with tarfile.open(archive) as opened:
            info = opened.getmember(name)
            if not info.isfile() or info.size > MEMBER_BYTES_MOST:
                raise Trouble(f"{name} in {archive.name} is no plain file of at most {MEMBER_BYTES_MOST} bytes")
            return opened.extractfile(info).read()
    except KeyError:
        raise Trouble(f"{archive.name} has no {name}") from None


def place(data, path):
    """Writes durably beside `path` and moves into place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="tmp-fetch-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sweep(var):
    """Removes what an interrupted set-up left. The lock is held: nobody else is at work."""
    for left in [*var.glob("tmp-fetch-*"), *var.glob("*/tmp-fetch-*")]:
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()


def folder_size(folder):
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(base, name))
            except OSError:
                pass  # moved away by the client while we looked
    return total


def expect(name, found, wanted):
    if found != wanted:
        raise Trouble(f"{name} is not the file that was pinned: SHA-256 {found}, expected {wanted}")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_hash(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
