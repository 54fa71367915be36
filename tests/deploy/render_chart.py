"""`python -m tests.deploy.render_chart [--check]`, as `make chart`: helm lints the chart, renders its examples into
deploy/helm/rendered, or compares them with `--check`, and refuses what it is to refuse. Helm is here as a library.
"""

import json
import sys
from typing import Any, Final

import yaml
from helm_python import Chart, HelmError, lint

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

INFORMATION: Final = 1
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


def _values(example: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(example_values(example).read_text())
    return read


def _render(chart: Chart, values: dict[str, Any]) -> str:
    """As `helm template`, the templates in the order of their names."""
    chart.validate_schema(values)
    files = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    made = {name: text.strip() for name, text in files.items() if not name.endswith("NOTES.txt")}
    return "".join(
        f"---\n# Source: {name}\n{text.removeprefix('---').strip()}\n" for name, text in sorted(made.items()) if text
    )


def _documents(text: str) -> list[str]:
    """In any order: it differs by helm's version."""
    return sorted(json.dumps(one, sort_keys=True) for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def _example(chart: Chart, example: str, *, check: bool) -> str | None:
    """What is wrong with it."""
    values = _values(example)
    report = lint(CHART, values, strict=True)
    if said := [one["error"] for one in report["messages"] if one["severity"] > INFORMATION] + report["errors"]:
        return f"{example}: {said}"
    made = _render(chart, values)
    if check:
        is_same = _documents(rendered(example).read_text()) == _documents(made)
        return None if is_same else f"{rendered(example)} is not what helm makes of the chart"
    head = f"# What helm made of {example_values(example).name}; `make chart` writes it anew. Chart: {chart_sum()}\n"
    rendered(example).write_text(head + made)
    return None


def _refusal(chart: Chart, example: str, setting: str, words: str) -> str | None:
    path, _, value = setting.partition("=")
    values = _values(example)
    *parents, last = path.split(".")
    place = values
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = yaml.safe_load(value) if value else ""
    try:
        _render(chart, values)
    except HelmError as error:
        return None if words in str(error) else f"{example} with {setting} is refused in other words: {error}"
    return f"{example} with {setting} is taken"


def main(arguments: list[str]) -> int:
    """Exit code 1 with what is wrong, on stderr."""
    RENDERED.mkdir(exist_ok=True)
    with Chart.load(CHART) as chart:
        wrong = [_example(chart, example, check="--check" in arguments) for example in EXAMPLES]
        wrong += [_refusal(chart, *case) for case in REFUSED]
    found = [words for words in wrong if words]
    sys.stderr.writelines(f"{words}\n" for words in found)
    sys.stdout.write(
        f"{len(EXAMPLES)} examples, {len(REFUSED)} refusals: {'wrong' if found else 'as they should be'}\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
