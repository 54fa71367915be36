"""The Helm chart by what helm made of its examples: shapes that a cluster takes, and what must hold between them."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import hocon
import pytest
import typer
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from starlette.routing import Mount, Route

from sunsweep import __version__
from sunsweep.cli.verbs import cli
from sunsweep.server.api import bare_app
from sunsweep.server.settings import Role
from tests.deploy.chart import CHART, EXAMPLES, ROOT, Document, chart_sum, documents, named, of_kind, rendered
from tests.support.emqx import CONF, configuration

SCHEMAS: Final = ROOT / "tests" / "deploy" / "schemas"
VALUES: Final = yaml.safe_load((CHART / "values.yaml").read_text())
VALUES_SCHEMA: Final = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES: Final = {file.name: file.read_text() for file in (CHART / "templates").iterdir()}
POD_KINDS: Final = ("Deployment", "Job")
SECRETS: Final = "/run/secrets/sunsweep"
PRIVATE: Final = frozenset({"/metrics", "/readyz"})
every_example: Final = pytest.mark.parametrize("example", EXAMPLES)


def _schema(file: str) -> tuple[str, Resource[Any]]:
    return file, Resource.from_contents(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **json.loads((SCHEMAS / file).read_text())}
    )


REGISTRY: Final[Registry[Any]] = Registry().with_resources([_schema("kubernetes-1.30.json"), _schema("operators.json")])
OF_OPERATORS: Final = frozenset({"EMQX", "PodMonitor"})
GROUPS: Final = {
    "v1": "core.v1",
    "apps/v1": "apps.v1",
    "batch/v1": "batch.v1",
    "autoscaling/v2": "autoscaling.v2",
    "networking.k8s.io/v1": "networking.v1",
    "policy/v1": "policy.v1",
}


def pod_of(document: Document) -> dict[str, Any]:
    pod: dict[str, Any] = document["spec"]["template"]["spec"]
    return pod


def containers(document: Document) -> list[dict[str, Any]]:
    pod = pod_of(document)
    return [*pod.get("initContainers", []), *pod["containers"]]


def labels_of_pods(example: str) -> dict[str, dict[str, str]]:
    """Of everything that becomes a pod, EMQX's nodes too."""
    found = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in of_kind(example, *POD_KINDS)
    }
    for emqx in of_kind(example, "EMQX"):
        for template in ("coreTemplate", "replicantTemplate"):
            if template in emqx["spec"]:
                found[template] = emqx["spec"][template]["metadata"]["labels"]
    return found


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among)
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


def paths(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from paths(value, (*path, key))
    else:
        yield path


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = VALUES_SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


# --- What is committed is what helm makes of the chart


@every_example
def test_it_was_rendered_from_this_chart(example: str) -> None:
    assert chart_sum() in rendered(example).read_text().partition("\n")[0], "`make chart` renders it anew"


def test_the_chart_is_of_this_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    assert (CHART / "files" / "emqx.conf").read_bytes() == CONF.read_bytes(), "a copy: charts reach no other folder"


# --- Values


def test_the_values_and_their_schema_name_the_same() -> None:
    Draft7Validator.check_schema(VALUES_SCHEMA)
    for path in paths(VALUES):
        schema = VALUES_SCHEMA
        for key in path:
            schema = resolved(schema)
            if "properties" not in schema:
                break  # a map of names of the reader's own
            assert key in schema["properties"], f"{'.'.join(path)} is not in the schema"
            schema = schema["properties"][key]

    def all_are_given(schema: dict[str, Any], values: dict[str, Any], path: str) -> None:
        assert schema.get("additionalProperties") is False, path
        for key, inner in resolved(schema)["properties"].items():
            if f"{path}{key}" == "global":
                continue
            assert key in values, f"{path}{key} is not in values.yaml"
            fields = resolved(inner).get("properties", {})
            if fields and "requests" not in fields:
                all_are_given(resolved(inner), values[key], f"{path}{key}.")

    all_are_given(VALUES_SCHEMA, VALUES, "")


def test_every_value_is_used_and_every_value_that_is_used_is_there() -> None:
    used: set[tuple[str, ...]] = set()
    for name, text in TEMPLATES.items():
        for found in re.finditer(r"\.Values((?:\.\w+)+)", text):
            path = tuple(found[1].strip(".").split("."))
            tree = VALUES
            for key in path:
                assert isinstance(tree, dict), f"{name}: {path}"
                assert key in tree, f"{name}: .Values.{'.'.join(path)} is not in values.yaml"
                tree = tree[key]
            used.add(path)
    used |= {(part, "autoscaling") for part in ("api", "ingest")}
    # What a template takes as a whole under a name of its own.
    whole = {("broker", "emqx"): "$emqx", ("networkPolicy",): "$policy", ("ingest",): "$ingest"}
    for prefix, variable in whole.items():
        used.discard(prefix)
        for text in TEMPLATES.values():
            used |= {
                (*prefix, *found[1].strip(".").split("."))
                for found in re.finditer(re.escape(variable) + r"((?:\.\w+)+)", text)
            }
    for path in paths(VALUES):
        assert any(path[: len(one)] == one for one in used), f"{'.'.join(path)} changes nothing"


def test_what_is_included_is_defined_and_what_is_defined_is_included() -> None:
    text = "\n".join(TEMPLATES.values())
    assert set(re.findall(r'include "([^"]+)"', text)) == set(re.findall(r'define "([^"]+)"', text))


@every_example
def test_the_examples_are_what_the_schema_allows(example: str) -> None:
    given = yaml.safe_load((CHART / "ci" / f"{example}-values.yaml").read_text())
    Draft7Validator(VALUES_SCHEMA).validate(given)


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"SUNSWEEP_SECRET_KEY": "hush"}},
        {"settings": {"SUNSWEEP_MQTT_PASSWORD_FILE": "/x"}},
        {"settings": {"SUNSWEEP_DATABASE_PASSWORD": "hush"}},
        {"settings": {"SUNSWEEP_PORT": "80"}},
        {"settings": {"SUNSWEEP_RETENTION_DAYS": 30}},
        {"broker": {"external": {"url": "mqtts://me:hush@broker"}}},
        {"broker": {"publicUrls": ["mqtts://a,mqtts://b"]}},
        {"broker": {"username": "m-0123456789abcdef"}},
        {"networkPolicy": {"dns": []}},
        {"networkPolicy": {"web": [{}]}},
        {"api": {"replica": 3}},
    ],
)
def test_the_schema_refuses_what_would_go_wrong(wrong: dict[str, Any]) -> None:
    given = {"existingSecret": "s", "database": {"host": "db"}, "broker": {}} | wrong
    assert not Draft7Validator(VALUES_SCHEMA).is_valid(given)


# --- What a cluster is given


@every_example
def test_every_document_has_its_kinds_shape(example: str) -> None:
    for document in documents(example):
        kind = document["kind"]
        group = GROUPS.get(document["apiVersion"])
        where = "operators.json#/$defs/" if kind in OF_OPERATORS else f"kubernetes-1.30.json#/$defs/io.k8s.api.{group}."
        validator = Draft202012Validator({"$ref": where + kind}, registry=REGISTRY)
        validator.validate(document)


def test_the_schemas_refuse_what_no_cluster_takes() -> None:
    document = copy.deepcopy(of_kind("large", "Deployment")[0])
    document["spec"]["template"]["spec"]["containers"][0]["comand"] = ["x"]
    validator = Draft202012Validator(
        {"$ref": "kubernetes-1.30.json#/$defs/io.k8s.api.apps.v1.Deployment"}, registry=REGISTRY
    )
    assert not validator.is_valid(document)


@every_example
def test_names_are_there_once_and_short_enough_to_be_hosts(example: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in documents(example)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


@every_example
def test_selectors_find_the_pods_that_are_meant_and_no_others(example: str) -> None:
    pods = labels_of_pods(example)
    for workload in of_kind(example, "Deployment"):
        found = {name for name, labels in pods.items() if matches(workload["spec"]["selector"], labels)}
        assert found == {workload["metadata"]["name"]}
        (budget,) = [
            one
            for one in of_kind(example, "PodDisruptionBudget")
            if matches(one["spec"]["selector"], pods[workload["metadata"]["name"]])
        ]
        assert budget["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in budget["spec"]
    for scaler in of_kind(example, "HorizontalPodAutoscaler"):
        target = named(example, "Deployment", scaler["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in target["spec"], "helm and the autoscaler would contradict each other at each upgrade"


@every_example
def test_services_lead_to_ports_that_are_there(example: str) -> None:
    pods = labels_of_pods(example)
    for service in of_kind(example, "Service"):
        spec = service["spec"]
        found = {name for name, labels in pods.items() if spec["selector"].items() <= labels.items()}
        if service["metadata"]["name"].endswith("-mqtt"):
            emqx = of_kind(example, "EMQX")[0]["spec"]
            assert found == {"replicantTemplate" if "replicantTemplate" in emqx else "coreTemplate"}
            assert {port["port"] for port in spec["ports"]} <= {8883, 8084}
            assert all(port["port"] == port["targetPort"] for port in spec["ports"])
            continue
        (name,) = found
        assert name.endswith("-api")
        open_ports = {port["name"] for port in containers(named(example, "Deployment", name))[0]["ports"]}
        assert {port["targetPort"] for port in spec["ports"]} <= open_ports


@every_example
def test_no_more_ingests_than_there_is_work_for(example: str) -> None:
    (ingest,) = [one for one in of_kind(example, "Deployment") if one["metadata"]["name"].endswith("-ingest")]
    (members,) = [word for word in containers(ingest)[0]["args"] if word.startswith("--members=")]
    count = int(members.partition("=")[2])
    assert ingest["spec"].get("replicas", 0) <= count + 1
    for scaler in of_kind(example, "HorizontalPodAutoscaler"):
        if scaler["metadata"]["name"].endswith("-ingest"):
            assert scaler["spec"]["maxReplicas"] <= count


@every_example
def test_pods_may_do_nothing_that_they_need_not(example: str) -> None:
    for document in of_kind(example, *POD_KINDS):
        pod = pod_of(document)
        assert pod["automountServiceAccountToken"] is False
        # A Service called sunsweep would put SUNSWEEP_PORT=tcp://… into their environment.
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in containers(document):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys()
            mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounted == {"secrets": SECRETS, "tmp": "/tmp"}
    for account in of_kind(example, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for emqx in of_kind(example, "EMQX"):
        for template in ("coreTemplate", "replicantTemplate"):
            spec = emqx["spec"].get(template, {}).get("spec")
            if spec is not None:
                assert spec["podSecurityContext"]["runAsNonRoot"] is True
                assert spec["containerSecurityContext"]["capabilities"] == {"drop": ["ALL"]}


@every_example
def test_long_running_pods_are_asked_how_they_are(example: str) -> None:
    for deployment in of_kind(example, "Deployment"):
        (container,) = containers(deployment)
        is_api = deployment["metadata"]["name"].endswith("-api")
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == ("/readyz" if is_api else "/healthz")
        # `/readyz` gives the database three seconds.
        assert container["readinessProbe"]["timeoutSeconds"] > 3
        topologies = {one["topologyKey"] for one in pod_of(deployment)["topologySpreadConstraints"]}
        assert topologies == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        if "lifecycle" in container:
            asleep_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert asleep_s + 5 < pod_of(deployment)["terminationGracePeriodSeconds"]


@every_example
def test_arguments_are_verbs_and_options_of_the_program(example: str) -> None:
    for document in of_kind(example, *POD_KINDS):
        for container in containers(document):
            assert container["command"] == ["sunsweep"]
            words = list(map(str, container["args"]))
            command: Any = typer.main.get_command(cli)
            context = None
            while hasattr(command, "commands"):
                context = typer.Context(command, info_name="sunsweep", parent=context)
                command = command.get_command(context, words.pop(0))
                assert command is not None, container["args"]
            command.make_context("sunsweep", words, parent=context)


@every_example
def test_secrets_are_files_that_are_mounted_and_nothing_else(example: str) -> None:
    readme = (CHART / "README.md").read_text()
    for document in of_kind(example, *POD_KINDS):
        (volume,) = [one["projected"] for one in pod_of(document)["volumes"] if one["name"] == "secrets"]
        assert volume["defaultMode"] == 0o440
        items = [item for source in volume["sources"] for item in source["secret"]["items"]]
        files = {item["path"] for item in items}
        asked = set()
        for container in containers(document):
            words = [*map(str, container["args"]), *(one.get("value", "") for one in container["env"])]
            asked |= {word.rpartition("/")[2] for word in words if SECRETS in word}
            for variable in container["env"]:
                assert "valueFrom" not in variable or variable["name"] == "SUNSWEEP_EMQX_KEY"
                assert not re.search(r"(PASSWORD|SECRET|SECRET_KEY|SMTP_URL)$", variable["name"])
        assert asked == files
        assert all(f"`{path}`" in readme for path in files)


@every_example
def test_no_variable_is_told_twice(example: str) -> None:
    for document in of_kind(example, *POD_KINDS):
        for container in containers(document):
            names = [one["name"] for one in container["env"]]
            assert len(names) == len(set(names))


# --- What comes in


@pytest.fixture(scope="module")
def served() -> set[str]:
    """Every path of the api's pods."""
    app = bare_app(roles=frozenset(Role))
    unlisted = {route.path for route in app.routes if isinstance(route, Route | Mount)}
    return {*unlisted, *app.openapi()["paths"], "/realtime", "/realtime/{machine_id}"}


@every_example
def test_the_ingress_leads_to_all_that_is_public_and_to_nothing_else(example: str, served: set[str]) -> None:
    for ingress in of_kind(example, "Ingress"):
        (rule,) = ingress["spec"]["rules"]
        (tls,) = ingress["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
        ways = [(way["path"], way["pathType"]) for way in rule["http"]["paths"]]

        def leads(path: str, ways: list[tuple[str, str]] = ways) -> bool:
            return any(path == way or (kind == "Prefix" and path.startswith(f"{way}/")) for way, kind in ways)

        assert {path for path in served if not leads(path)} == PRIVATE
        for way in rule["http"]["paths"]:
            service = named(example, "Service", way["backend"]["service"]["name"])
            assert way["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize("example", [name for name in EXAMPLES if name != "own-mosquitto"])
def test_every_pod_has_its_network_policy(example: str) -> None:
    policies = of_kind(example, "NetworkPolicy")
    for name, labels in labels_of_pods(example).items():
        (policy,) = [one for one in policies if matches(one["spec"]["podSelector"], labels)]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"], name


@every_example
def test_nothing_is_open_to_everybody_but_the_machines_door(example: str) -> None:
    for policy in of_kind(example, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            if not rule.get("from"):
                assert policy["metadata"]["name"].endswith("-broker")
                assert {port["port"] for port in rule["ports"]} <= {8883, 8084}
        for rule in policy["spec"]["egress"]:
            assert rule.get("ports") or all("podSelector" in peer for peer in rule["to"])
            assert rule.get("to") != []


@every_example
def test_the_policies_let_through_what_the_settings_name(example: str) -> None:
    for deployment in of_kind(example, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        policies = [one for one in of_kind(example, "NetworkPolicy") if matches(one["spec"]["podSelector"], labels)]
        env = {one["name"]: one.get("value", "") for one in containers(deployment)[0]["env"]}
        for policy in policies:
            ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
            for name in ("SUNSWEEP_DATABASE_URL", "SUNSWEEP_MQTT_URL", "SUNSWEEP_EMQX_URL"):
                if url := env.get(name):
                    named_port = re.search(r":(\d+)(/|$)", url)
                    assert int(named_port[1] if named_port else 8883) in ports, url


# --- EMQX


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {k: v for key, value in tree.items() for k, v in leaves(value, f"{path}.{key}").items()}
    return {path: tree}


@pytest.mark.parametrize("example", ["emqx-operator", "large"])
def test_emqx_is_configured_as_everywhere_but_for_its_addresses(example: str) -> None:
    (emqx,) = of_kind(example, "EMQX")
    ours = leaves(hocon.parse_string(emqx["spec"]["config"]["data"]).to_object())
    common = leaves(configuration())
    assert ours.keys() == common.keys()
    assert {path: value for path, value in ours.items() if value != common[path]} == {
        ".listeners.tcp.default.bind": "0.0.0.0:1883",
        ".dashboard.listeners.http.bind": "0.0.0.0:18083",
    }


@pytest.mark.parametrize("example", ["emqx-operator", "large"])
def test_emqx_asks_the_same_database_and_has_no_secret_of_its_own(example: str) -> None:
    (emqx,) = of_kind(example, "EMQX")
    (api,) = [one for one in of_kind(example, "Deployment") if one["metadata"]["name"].endswith("-api")]
    (url,) = [one["value"] for one in containers(api)[0]["env"] if one["name"] == "SUNSWEEP_DATABASE_URL"]
    start_sh = (CONF.with_name("start.sh")).read_text()
    readme = (CHART / "README.md").read_text()
    for template in ("coreTemplate", "replicantTemplate"):
        if template not in emqx["spec"]:
            continue
        env = {one["name"]: one for one in emqx["spec"][template]["spec"]["env"]}
        for place in ("EMQX_AUTHENTICATION__1__", "EMQX_AUTHORIZATION__SOURCES__1__"):
            assert place in start_sh
            server = json.loads(env[f"{place}SERVER"]["value"])
            name = json.loads(env[f"{place}DATABASE"]["value"])
            assert url.endswith(f"@{server}/{name}")
            assert json.loads(env[f"{place}USERNAME"]["value"]) == "sunsweep_mqtt"
        # HOCON takes 123 for a number, so what Kubernetes puts in stands in quotes; what it names comes before.
        order = list(env)
        for variable, one in env.items():
            if variable.endswith("PASSWORD") and variable.startswith("EMQX_"):
                (source,) = re.fullmatch(r'"\$\((\w+)\)"', one["value"]).groups()  # type: ignore[union-attr]  # it must
                assert order.index(source) < order.index(variable)
                assert f"`{env[source]['valueFrom']['secretKeyRef']['key']}`" in readme
        (certificates,) = emqx["spec"][template]["spec"]["extraVolumes"]
        files = {item["path"] for item in certificates["secret"]["items"]}
        (mount,) = emqx["spec"][template]["spec"]["extraVolumeMounts"]
        asked = {
            str(value) for path, value in leaves(configuration()).items() if path.endswith("file") and "ssl" in path
        }
        assert asked == {f"{mount['mountPath']}/{file}" for file in files}
