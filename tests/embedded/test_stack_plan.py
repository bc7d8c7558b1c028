"""What the parts are told: addresses always, secrets never on a command line."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from embedded.plan import StackPlan, with_absolute_folder
from embedded.stack_commands import StackCommands
from settings import ProviderName, Settings
from telephony.simulator.settings import SimulatorSettings
from temporal.client import connect_config
from workflows.options import DIAL

DATABASE_URL = "postgresql+psycopg://postgres@/apollo?host=/run/apollo"


def a_plan(**changes: object) -> StackPlan:
    settings = Settings.model_construct().model_copy(update={"data_dir": Path("/data"), **changes})
    return StackPlan(settings=settings, environment={"HOME": "/nowhere"}, working_dir=Path("/work place"))


def the_parts(plan: StackPlan) -> StackCommands:
    return StackCommands(plan, database_url=DATABASE_URL, temporal_address="127.0.0.1:7233")


def test_every_port_of_the_whole_stack_is_wanted() -> None:
    wanted = [(each.port, each.setting) for each in a_plan().wanted_ports()]

    assert wanted == [
        (8000, "APOLLO_API_PORT"),
        (7233, "APOLLO_TEMPORAL_PORT"),
        (8233, "APOLLO_TEMPORAL_UI_PORT"),
        (8090, "APOLLO_SIM_PORT"),
    ]


def test_ports_of_parts_that_are_not_started_may_be_taken() -> None:
    plan = a_plan(temporal_address="temporal.example:7233", provider=ProviderName.ROTARY)

    assert [each.setting for each in plan.wanted_ports()] == ["APOLLO_API_PORT"]


def test_port_of_a_workers_metrics_is_wanted_where_it_is_set() -> None:
    plan = a_plan(
        temporal_address="temporal.example:7233", provider=ProviderName.ROTARY, worker_metrics_port=9464
    )

    assert [(each.port, each.host) for each in plan.wanted_ports()] == [
        (8000, "127.0.0.1"),
        (9464, "127.0.0.1"),
    ]
    assert environment_of(plan)["APOLLO_WORKER_METRICS_PORT"] == "9464"


def test_further_worker_leaves_the_port_of_metrics_to_the_first() -> None:
    line = the_parts(a_plan(worker_metrics_port=9464)).another_worker().line

    assert "APOLLO_WORKER_METRICS_PORT=0" in line
    assert "APOLLO_WORKER_METRICS_PORT" not in the_parts(a_plan()).another_worker().line


def test_children_are_told_every_address_beside_what_they_inherit() -> None:
    told = dict(the_parts(a_plan(api_port=9001)).worker().environment)
    told.pop("PYTHONPATH")

    assert told == {
        "HOME": "/nowhere",
        "APOLLO_API_HOST": "127.0.0.1",
        "APOLLO_API_PORT": "9001",
        "APOLLO_DATABASE_URL": DATABASE_URL,
        "APOLLO_DATA_DIR": "/data",
        "APOLLO_PROVIDER": "simulator",
        "APOLLO_SIM_PORT": "8090",
        "APOLLO_TEMPORAL_ADDRESS": "127.0.0.1:7233",
        "APOLLO_TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_API_KEY": "",
        "TEMPORAL_CONFIG_FILE": "/dev/null",
        "TEMPORAL_PROFILE": "",
        "TEMPORAL_TLS": "false",
    }


def test_key_and_certificates_for_another_server_are_not_shown_to_the_embedded_one() -> None:
    theirs = {"TEMPORAL_API_KEY": "key", "TEMPORAL_PROFILE": "prod", "TEMPORAL_TLS": "true"}
    plan = replace(a_plan(), environment=theirs)
    own = replace(a_plan(temporal_address="temporal.example:7233"), environment=theirs)

    config = connect_config(Settings.model_construct(temporal_address="127.0.0.1:7233"), environment_of(plan))

    assert config == {"target_host": "127.0.0.1:7233", "namespace": "default", "tls": False}
    assert theirs.items() <= environment_of(own).items()


def environment_of(plan: StackPlan) -> Mapping[str, str]:
    return the_parts(plan).worker().environment


def test_worker_may_take_as_long_to_stop_as_a_dial_may_take() -> None:
    assert the_parts(a_plan()).worker().patience > DIAL["start_to_close_timeout"]


def test_password_of_an_own_database_is_inherited_and_not_told() -> None:
    parts = the_parts(a_plan(database_url=SecretStr("postgresql://ada:hunter2@db.example/apollo")))

    assert "APOLLO_DATABASE_URL" not in parts.worker().environment


def test_simulator_signs_when_a_secret_is_set_and_is_not_told_it_on_its_command_line() -> None:
    parts = the_parts(a_plan(webhook_secret=SecretStr("hush")))

    simulator = parts.simulator()

    assert simulator.argv[-2:] == ("--webhook-secret-from", "APOLLO_WEBHOOK_SECRET")
    assert simulator.environment["APOLLO_WEBHOOK_SECRET"] == "hush"
    assert "hush" not in " ".join(simulator.argv)


def test_simulator_without_a_secret_gets_its_lengths_of_time_only() -> None:
    simulator = the_parts(a_plan(sim=SimulatorSettings(ring_seconds=0.3, talk_seconds=1.0))).simulator()

    assert simulator.argv[3:] == (
        "telephony.simulator",
        *("--port", "8090", "--ring-seconds", "0.3", "--talk-seconds", "1.0"),
    )


def test_simulator_is_told_what_the_plan_has_for_it() -> None:
    plan = replace(a_plan(), simulator_arguments=("--lost-share", "0.05"))

    assert the_parts(plan).simulator().argv[-2:] == ("--lost-share", "0.05")


def test_python_path_of_the_operator_is_kept_behind_ours() -> None:
    plan = a_plan()
    with_path = StackPlan(
        settings=plan.settings, environment={"PYTHONPATH": "/mine"}, working_dir=plan.working_dir
    )

    assert the_parts(with_path).api().environment["PYTHONPATH"].split(":")[1] == "/mine"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8000", id="loopback"),
        pytest.param("0.0.0.0", "http://127.0.0.1:8000", id="every address"),  # noqa: S104 - nothing listens
        pytest.param("10.1.2.3", "http://10.1.2.3:8000", id="one address"),
        pytest.param("::1", "http://[::1]:8000", id="version 6"),
    ],
)
def test_api_is_reached_where_it_listens(host: str, url: str) -> None:
    assert a_plan(api_host=host).api_url == url


def test_data_folder_means_the_same_from_every_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert with_absolute_folder(Settings.model_construct()).data_dir == tmp_path / ".apollo"


def test_web_console_is_told_where_the_api_is_and_no_secret() -> None:
    plan = replace(
        a_plan(api_port=9001, webhook_secret=SecretStr("of-the-provider")),
        environment={"HOME": "/nowhere", "APOLLO_DATABASE_URL": "postgresql://secret"},
        has_console=True,
    )

    told = dict(the_parts(plan).console(temporal_ui_url="http://127.0.0.1:8233").environment)

    told.pop("PYTHONPATH")
    assert told == {
        "HOME": "/nowhere",
        "APOLLO_TEMPORAL_NAMESPACE": "default",
        "APOLLO_WEB_API_URL": "http://127.0.0.1:9001",
        "APOLLO_WEB_HOST": "127.0.0.1",
        "APOLLO_WEB_OVER_HTTPS": "false",
        "APOLLO_WEB_PORT": "8030",
        "APOLLO_WEB_TEMPORAL_UI_URL": "http://127.0.0.1:8233",
    }


def test_port_of_the_web_console_is_wanted_where_there_is_one() -> None:
    wanted = [each.setting for each in replace(a_plan(), has_console=True).wanted_ports()]

    assert wanted[-1] == "APOLLO_WEB_PORT"
