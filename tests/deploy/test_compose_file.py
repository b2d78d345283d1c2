"""What docker-compose.yml must not lose, and what of it other files must agree with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PASSWORDS = ("POSTGRES", "DAGSTER", "WAREHOUSE", "ALERTS", "GRAFANA")

each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_a_service_has_no_right_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service


@each_service
def test_a_service_comes_back_is_watched_and_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["logging"]["options"]["max-size"]


@each_service
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_an_image_is_a_version_and_not_whatever_is_newest(name: str) -> None:
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", SERVICES[name]["image"])


@each_service
def test_a_service_is_an_ordinary_user(name: str) -> None:
    user, _, group = str(SERVICES[name]["user"]).partition(":")
    assert user not in ("", "0", "root")
    assert group not in ("0", "root")


def test_the_image_is_an_ordinary_users_and_built_on_a_version() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    _, _, shipped = DOCKERFILE.rpartition("\nFROM ")
    (user,) = re.findall(r"^USER (\S+)$", shipped, re.MULTILINE)
    assert user == "10001:10001"
    ours = [each for each in SERVICES.values() if each.get("build")]
    assert len(ours) == 4
    assert {each["user"] for each in ours} == {user}


def test_a_service_starts_when_what_it_needs_is_there() -> None:
    order = {
        name: {needed: how["condition"] for needed, how in service["depends_on"].items()}
        for name, service in SERVICES.items()
        if "depends_on" in service
    }
    assert order == {
        "code": {"postgres": "service_healthy"},
        "webserver": {"code": "service_healthy"},
        "daemon": {"code": "service_healthy"},
        "alerting": {"code": "service_healthy"},
        "prometheus": {"alerting": "service_started"},
        "grafana": {"prometheus": "service_started"},
    }


def test_the_database_and_the_code_server_are_open_to_nobody_outside() -> None:
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["code"]
    assert SERVICES["code"]["networks"] == SERVICES["postgres"]["networks"] == ["data"]
    assert SERVICES["grafana"]["networks"] == SERVICES["prometheus"]["networks"] == ["pictures"]


def test_without_a_password_compose_stops_with_a_sentence() -> None:
    for name in PASSWORDS:
        uses = re.findall(rf"\$\{{STACK_{name}_PASSWORD([^}}]*)\}}", TEXT)
        assert uses
        assert set(uses) == {":?run `make env` first, it writes .env"}


def test_grafana_lets_nobody_in_without_a_password() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_every_file_that_a_container_is_given_is_there() -> None:
    given = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(given) >= 6
    assert [path for path in given if not (ROOT / path).exists()] == []


def test_every_named_volume_is_used_and_made() -> None:
    used = {
        volume.replace("${STACK_LANDING_FOLDER:-landing}", "landing").split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith("./")
    }
    assert used == set(COMPOSE["volumes"])


def test_every_variable_of_the_alerts_file_reaches_those_who_read_it() -> None:
    variables = set(re.findall(r"\$\{([A-Z]\w+)", (ROOT / "alerts.yml").read_text("utf-8")))
    variables -= {"NAME"}  # the comment that explains the form
    assert len(variables) >= 9
    for name in ("code", "alerting"):
        environment = SERVICES[name]["environment"]
        assert variables - set(environment) == set()
        assert "./alerts.yml:/etc/wdh/alerts.yml:ro" in SERVICES[name]["volumes"]


def test_prometheus_scrapes_what_serves_metrics() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    targets = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]
    }
    assert targets["wdh"] == ["alerting:9464"]
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"


def test_dagster_finds_the_code_server_that_compose_runs() -> None:
    workspace = yaml.safe_load((ROOT / "deploy/dagster/workspace.yaml").read_text("utf-8"))
    server = workspace["load_from"][0]["grpc_server"]
    assert SERVICES["code"]["environment"]["STACK_CODE_HOST"] == server["host"] == "code"
    check = SERVICES["code"]["healthcheck"]["test"]
    assert check[-1] == f"127.0.0.1:{server['port']}"


def test_every_service_and_every_setting_is_documented() -> None:
    documented = (ROOT / "docs/deploy.md").read_text("utf-8")
    named = {name.removeprefix("$") for name in re.findall(r"STACK_[A-Z_]+", TEXT)}
    named -= {"STACK_CODE_HOST"}  # what deploy/code_server.py is called, no setting
    assert len(named) >= 14
    assert [name for name in sorted(named) if f"`{name}`" not in documented] == []
    assert [name for name in SERVICES if f"| `{name}` |" not in documented] == []


def test_the_image_holds_what_the_tests_ran_on() -> None:
    pin = re.compile(r"^([\w.-]+==\S+)", re.MULTILINE)
    image = set(pin.findall((ROOT / "deploy/requirements.lock").read_text("utf-8")))
    checkout = set(pin.findall((ROOT / "requirements.lock").read_text("utf-8")))
    assert len(image) >= 60
    assert image - checkout == set()
