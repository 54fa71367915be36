"""`python -m tests.deploy.render_chart [--check]`, as `make chart`: helm lints the chart, renders its examples into
deploy/helm/rendered, or compares them with `--check`, and refuses what it is to refuse. It needs `helm`.
"""

import json
import shutil
import subprocess
import sys
from typing import Final

import yaml

from tests.deploy.chart import (
    CHART,
    EXAMPLES,
    NAMESPACE,
    RELEASE,
    RENDERED,
    chart_sum,
    example_values,
    rendered,
)

KUBERNETES: Final = "1.30.0"
REFUSED: Final = (
    ("external-broker", "existingSecret=", "existingSecret: name the Secret"),
    ("external-broker", "database.host=", "database.host: where the database is"),
    ("external-broker", "broker.external.url=", "broker.external.url: mqtts://HOST:8883"),
    ("external-broker", "broker.external.url=http://broker", "mqtts?://"),
    ("external-broker", "broker.username=m-1", "username"),
    ("external-broker", "ingest.replicas=3", "one that stands by"),
    ("external-broker", "typing.error=1", "typing"),
    ("external-broker", "settings.SUNSWEEP_SECRET_KEY=hush", "SUNSWEEP_SECRET_KEY"),
    ("emqx-operator", "broker.emqx.tlsSecret=", "broker.emqx.tlsSecret: the Secret"),
    ("emqx-operator", "broker.caSecret=", "broker.caSecret: the Secret"),
    ("emqx-operator", "broker.publicUrls=null", "broker.publicUrls: what machines"),
    ("emqx-operator", "ingress.tlsSecret=", "ingress.tlsSecret: passwords"),
    ("emqx-operator", "ingress.host=", "ingress.host: the name"),
    ("emqx-operator", "api.trustedProxies=null", "api.trustedProxies: the networks"),
    ("emqx-operator", "api.mail.from=", "api.mail.from: the sender"),
    ("own-mosquitto", "prepare.asAdmin=true", "prepare.asAdmin makes"),
    ("large", "ingest.autoscaling.max=9", "only 8 members"),
    ("large", "ingest.autoscaling.min=9", "ingest.autoscaling.min is more"),
    ("large", "api.autoscaling.min=13", "api.autoscaling.min is more"),
)
"""Example, what is set on top, and what helm has to say then."""


def _helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)


def _template(example: str, *more: str) -> subprocess.CompletedProcess[str]:
    where = ("--namespace", NAMESPACE, "--kube-version", KUBERNETES, "--values", str(example_values(example)))
    return _helm("template", RELEASE, str(CHART), *where, *more)


def _documents(text: str) -> list[str]:
    """In any order: it differs by helm's version."""
    return sorted(json.dumps(one, sort_keys=True) for one in yaml.safe_load_all(text) if one)


def _example(example: str, *, check: bool) -> str | None:
    """What is wrong with it."""
    lint = _helm("lint", "--strict", str(CHART), "--values", str(example_values(example)))
    if lint.returncode:
        return lint.stdout + lint.stderr
    made = _template(example)
    if made.returncode:
        return made.stderr
    if check:
        is_same = _documents(rendered(example).read_text()) == _documents(made.stdout)
        return None if is_same else f"{rendered(example)} is not what helm makes of the chart"
    head = f"# What helm made of {example_values(example).name}; `make chart` writes it anew. Chart: {chart_sum()}\n"
    rendered(example).write_text(head + made.stdout)
    return None


def _refusal(example: str, setting: str, words: str) -> str | None:
    made = _template(example, "--set", setting)
    if made.returncode == 0:
        return f"{example} with {setting} is taken"
    return None if words in made.stderr else f"{example} with {setting} is refused in other words: {made.stderr}"


def main(arguments: list[str]) -> int:
    """Exit code 1 with what is wrong, on stderr."""
    if shutil.which("helm") is None:
        sys.stderr.write("helm is not installed: https://helm.sh/docs/intro/install\n")
        return 1
    RENDERED.mkdir(exist_ok=True)
    wrong = [_example(example, check="--check" in arguments) for example in EXAMPLES]
    wrong += [_refusal(*case) for case in REFUSED]
    found = [words for words in wrong if words]
    sys.stderr.writelines(f"{words}\n" for words in found)
    sys.stdout.write(
        f"{len(EXAMPLES)} examples, {len(REFUSED)} refusals: {'wrong' if found else 'as they should be'}\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
