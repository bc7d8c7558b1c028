"""What the environment may hold, and the one line with which anything else ends the start."""

from pathlib import Path

import pytest
from pydantic import AnyUrl, HttpUrl, SecretStr
from structlog.testing import capture_logs

from api.app import warn_of_unsigned_webhooks
from domain.call import CallStatus
from observability.logging import warn_of_short_secrets
from settings import Settings, inherited_environment, read_settings, variables
from telephony.jambonz.settings import JambonzSettings
from telephony.rotary.settings import RotarySettings
from worker import warn_of_choice

SID = "0f6a1c1e-5d0b-4b53-9d0a-000000000000"


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, and no `.env` file."""
    monkeypatch.chdir(tmp_path)
    for name in inherited_environment():
        if name.startswith("APOLLO_"):
            monkeypatch.delenv(name)


def test_nothing_set_is_a_simulator_with_the_neutral_contract_elsewhere() -> None:
    settings = read_settings()

    assert (settings.provider, settings.sim.base_url, settings.requests_per_second) == (
        "simulator",
        "http://127.0.0.1:8090",
        0,
    )
    assert (settings.rotary, settings.jambonz) == (RotarySettings(), JambonzSettings())


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.setenv(name, "")

    assert read_settings() == Settings.model_construct()


def test_everything_said_of_rotary_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "BASE_URL": "https://rotary.test/api",
        "API_KEY": "key",
        "CREATE_PATH": "/make",
        "GET_PATH": "/one/{call_id}",
        "FIND_PATH": "/all/{execution_id}",
        "HANG_UP_PATH": "/end/{call_id}",
        "HANG_UP_METHOD": "POST",
        "HANG_UP_BODY": "{}",
        "AUTH_HEADER": "X-Api-Key",
        "AUTH_VALUE": "k={api_key}",
        "EXTRA_HEADERS": '{"X-Tenant": "north"}',
        "CALL_ID_PATHS": "uuid, result.uuid",
        "STATUS_MAP": '{"unanswered": "no_answer"}',
        "LOOKUP_IS_PROOF": "true",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"APOLLO_ROTARY_{name}", value)

    rotary = read_settings().rotary
    assert rotary == RotarySettings.model_validate(
        {
            **{name.lower(): value for name, value in said.items()},
            "extra_headers": {"X-Tenant": "north"},
            "status_map": {"unanswered": CallStatus.NO_ANSWER},
            "lookup_is_proof": True,
        }
    )
    assert rotary.headers == {"X-Tenant": "north", "X-Api-Key": "k=key"}
    assert rotary.id_paths == ("uuid", "result.uuid")
    assert rotary.status_words.status_of("Un-Answered") is CallStatus.NO_ANSWER


def test_everything_said_of_jambonz_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "BASE_URL": "https://jambonz.test",
        "ACCOUNT_SID": "acc-1",
        "API_KEY": "key",
        "APPLICATION_SID": SID,
        "APPLICATIONS": f'{{"agent_care": "{SID}"}}',
        "CALL_HOOK": "wss://hook.test/call",
        "AMD": "true",
        "TAG": "ids",
        "AMD_HOOK": "https://hook.test/amd",
        "TRUNK": "north",
        "STRIP_PLUS": "true",
        "REFUSED_ON_500": "true",
        "SPEECH_SYNTHESIS_VENDOR": "v",
        "SPEECH_SYNTHESIS_LANGUAGE": "l",
        "SPEECH_SYNTHESIS_VOICE": "w",
        "SPEECH_RECOGNIZER_VENDOR": "x",
        "SPEECH_RECOGNIZER_LANGUAGE": "y",
    }
    for name, value in said.items():
        monkeypatch.setenv(f"APOLLO_JAMBONZ_{name}", value)
    account = read_settings().jambonz

    assert {name.upper(): value for name, value in account} == {
        **said,
        "BASE_URL": HttpUrl("https://jambonz.test"),
        "API_KEY": SecretStr("key"),
        "APPLICATIONS": {"agent_care": SID},
        "CALL_HOOK": AnyUrl("wss://hook.test/call"),
        "AMD": True,
        "AMD_HOOK": AnyUrl("https://hook.test/amd"),
        "STRIP_PLUS": True,
        "REFUSED_ON_500": True,
    }


def test_simulator_is_set_by_a_file_and_the_environment_wins_over_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("APOLLO_SIM_PORT=8091\nAPOLLO_SIM_RING_SECONDS=3\n")
    monkeypatch.setenv("apollo_sim_ring_seconds", "4")

    sim = read_settings().sim

    assert (sim.port, sim.ring_seconds, sim.talk_seconds) == (8091, 4, 2)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        pytest.param("PROVIDER", "twilio", "'simulator', 'jambonz' or 'rotary'", id="provider"),
        pytest.param("PROVIDER_REQUESTS_PER_SECOND", "-1", "greater than or equal to 0", id="negative rate"),
        pytest.param("PROVIDER_REQUESTS_PER_SECOND", "inf", "less than or equal to 10000", id="endless rate"),
        pytest.param("PROVIDER_REQUESTS_PER_SECOND", "fast", "a valid number", id="rate in words"),
        pytest.param("ROTARY_BASE_URL", "rotary.test", "valid URL", id="rotary without scheme"),
        pytest.param(
            "ROTARY_BASE_URL", "http://r.test/?a=b", "must end with its path", id="rotary with a query"
        ),
        pytest.param("ROTARY_HANG_UP_METHOD", "GET", "'DELETE', 'POST', 'PUT' or 'PATCH'", id="method"),
        pytest.param("ROTARY_CREATE_PATH", "/" * 2049, "at most 2048 characters", id="endless path"),
        pytest.param("ROTARY_EXTRA_HEADERS", "X-A: b", "must be a JSON object", id="headers, no JSON"),
        pytest.param("ROTARY_EXTRA_HEADERS", '["X-A"]', "must be a JSON object", id="headers, a list"),
        pytest.param(
            "ROTARY_EXTRA_HEADERS", '{"X-A": 5}', "X-A: Input should be a valid string", id="no text"
        ),
        pytest.param("ROTARY_STATUS_MAP", "{", "must be a JSON object", id="words, no JSON"),
        pytest.param(
            "ROTARY_STATUS_MAP", '{"gone": "vanished"}', "gone: must be one of queued,", id="no status"
        ),
        pytest.param(
            "ROTARY_STATUS_MAP", '{"gone": "unknown"}', "gone: must be one of queued,", id="ours alone"
        ),
        pytest.param("ROTARY_STATUS_MAP", '{"gone": []}', "gone: must be one of queued,", id="a list"),
        pytest.param("ROTARY_STATUS_MAP", '{"- _": "busy"}', "should match", id="an empty word"),
        pytest.param("ROTARY_LOOKUP_IS_PROOF", "perhaps", "a valid boolean", id="proof"),
        pytest.param("JAMBONZ_BASE_URL", "https://j.test/v1", "must leave out /v1", id="version"),
        pytest.param(
            "JAMBONZ_BASE_URL", "ws://j.test", "scheme should be 'http' or 'https'", id="web socket"
        ),
        pytest.param("JAMBONZ_ACCOUNT_SID", "a/b", "should match", id="account"),
        pytest.param("JAMBONZ_APPLICATION_SID", "app-1", "should match", id="application"),
        pytest.param("JAMBONZ_APPLICATIONS", "care", "must be a JSON object", id="applications, no JSON"),
        pytest.param(
            "JAMBONZ_APPLICATIONS", '{"agent_care": "app-1"}', "agent_care: String should", id="no sid"
        ),
        pytest.param("JAMBONZ_TAG", "none", "'full' or 'ids'", id="tag"),
        pytest.param("JAMBONZ_CALL_HOOK", "/hook", "valid URL", id="relative hook"),
        pytest.param(
            "JAMBONZ_CALL_HOOK", "ftp://h.test", "'http', 'https', 'ws' or 'wss'", id="hook's scheme"
        ),
        pytest.param("JAMBONZ_AMD_HOOK", "http://", "valid URL", id="machine hook"),
        pytest.param("JAMBONZ_TRUNK", " north", "should match", id="trunk"),
        pytest.param("JAMBONZ_STRIP_PLUS", "yes please", "a valid boolean", id="plus"),
        pytest.param("JAMBONZ_REFUSED_ON_500", "2", "a valid boolean", id="500"),
        pytest.param("JAMBONZ_SPEECH_SYNTHESIS_VOICE", "v" * 256, "at most 255 characters", id="voice"),
        pytest.param("JAMBONZ_API_KEY", "a\nb", "no header can carry", id="jambonz' key"),
        pytest.param("ROTARY_API_KEY", "clé", "no header can carry", id="rotary's key"),
        pytest.param("SIM_PORT", "0", "greater than or equal to 1", id="port"),
        pytest.param("SIM_RING_SECONDS", "601", "less than or equal to 600", id="ring"),
        pytest.param("SIM_TALK_SECONDS", "7201", "less than or equal to 7200", id="talk"),
        pytest.param("ROTARY", "{}", "valid dictionary", id="a whole provider"),
        pytest.param("SIM", "off", "valid dictionary", id="a whole simulator"),
        pytest.param("BOOTSTRAP_TOKEN", "secret", "must start with gat_", id="token"),
    ],
)
def test_wrong_value_ends_the_start_with_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(f"APOLLO_{variable}", value)

    with pytest.raises(SystemExit) as caught:
        read_settings()

    line = str(caught.value.code)
    assert line.startswith(f"APOLLO_{variable}: ")
    assert complaint in line
    assert "\n" not in line


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOLLO_ROTARY_EXTRA_HEADERS", '{"X-Key": "s3cret"}')
    monkeypatch.setenv("APOLLO_JAMBONZ_API_KEY", "s3cret")
    monkeypatch.setenv("APOLLO_ROTARY_API_KEY", "s3cret")

    assert "s3cret" not in repr(read_settings())


JAMBONZ = {"APOLLO_PROVIDER": "jambonz"}
OPEN = {"APOLLO_WEBHOOK_URL": "https://apollo.test/webhooks/call-status", "APOLLO_WEBHOOK_SECRET": "hush"}


@pytest.mark.parametrize(
    ("environment", "warned_of"),
    [
        pytest.param({}, [], id="simulator"),
        pytest.param({"APOLLO_PROVIDER": "rotary", "APOLLO_MAX_CALL_SECONDS": "7200"}, [], id="rotary"),
        pytest.param(JAMBONZ | OPEN, [], id="all is well"),
        pytest.param(JAMBONZ | OPEN | {"APOLLO_MAX_CALL_SECONDS": "3000"}, [], id="just remembered"),
        pytest.param(
            JAMBONZ | OPEN | {"APOLLO_MAX_CALL_SECONDS": "3001"}, ["APOLLO_MAX_CALL_SECONDS"], id="forgotten"
        ),
        pytest.param(
            JAMBONZ | {"APOLLO_WEBHOOK_SECRET": "hush"}, ["APOLLO_WEBHOOK_URL"], id="default address"
        ),
        *(
            pytest.param(
                JAMBONZ | OPEN | {"APOLLO_WEBHOOK_URL": f"http://{host}:8000/x"},
                ["APOLLO_WEBHOOK_URL"],
                id=host,
            )
            for host in ("127.0.0.2", "[::1]", "localhost", "LOCALHOST")
        ),
        pytest.param(
            JAMBONZ | {"APOLLO_WEBHOOK_URL": "https://apollo.test/x"},
            ["APOLLO_WEBHOOK_SECRET"],
            id="unsigned",
        ),
    ],
)
def test_log_warns_of_a_choice_that_will_lose_calls(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], warned_of: list[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()

    with capture_logs() as lines:
        warn_of_choice(settings)
        warn_of_unsigned_webhooks(settings)

    assert [line["log_level"] for line in lines] == ["warning"] * len(warned_of)
    assert all(name in line["event"] for name, line in zip(warned_of, lines, strict=True))


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        pytest.param({}, [], id="nothing set"),
        pytest.param({"APOLLO_WEBHOOK_SECRET": "x" * 16}, [], id="long enough"),
        pytest.param(
            {"APOLLO_WEBHOOK_SECRET": f"{'x' * 16},hush"}, ["APOLLO_WEBHOOK_SECRET"], id="one of two"
        ),
        pytest.param({"APOLLO_BOOTSTRAP_TOKEN": "gat_hunter2"}, ["APOLLO_BOOTSTRAP_TOKEN"], id="token"),
        pytest.param(
            {"APOLLO_ROTARY_API_KEY": "k", "APOLLO_JAMBONZ_API_KEY": "k"},
            ["APOLLO_JAMBONZ_API_KEY", "APOLLO_ROTARY_API_KEY"],
            id="providers' keys",
        ),
    ],
)
def test_short_secrets_work_and_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], warned: list[str]
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    with capture_logs() as logs:
        warn_of_short_secrets(read_settings().short_secrets)

    assert [(each["log_level"], each["variable"]) for each in logs] == [("warning", each) for each in warned]
