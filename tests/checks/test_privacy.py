import pytest

from simia_tui import checks
from simia_tui.model import Origin, ToolCall, Trajectory, Turn

SECRETS = [
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private key"),
    ("AKIAIOSFODNN7EXAMPLE", "cloud key"),
    ("sk-proj-abcdefghijklmnopqrstuvwxyz", "api key"),
    ("hf_abcdefghijklmnopqrstuvwxyzabcdef", "api key"),
    ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "repository token"),
    ("xoxb-1234567890-abcdefghijkl", "chat token"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r", "signed token"),
    ("postgres://ada:s3cret@db.internal/x", "password in address"),
]
NO_SECRETS = [
    "sk-",
    "ask-for-the-usual-price-of-this-thing",
    "https://example.com/a@b",
    "http://mms.carrier.com:8080/x",
    "AKIA",
    "the private key of success",
    "eyJhbGciOiJIUzI1NiJ9",
]
PERSONAL = [
    ("ada@lovelace-mail.org", "mail address"),
    ("078-05-1120", "social security number"),
    ("4539 1488 0343 6467", "payment card number"),
    ("378282246310005", "payment card number"),
    ("DE89 3704 0044 0532 0130 00", "bank account number"),
]
NOT_PERSONAL = [
    "ada@example.com and bob@mail.example.org",
    "mary@公司.com",
    "Write to manager@company.com, sales@mycompany.com or you@your-domain.org.",
    "user@localhost",
    "000-12-3456",
    "123-45-6789",
    "4539 1488 0343 6468",
    "4111111111111111",
    "order 4202497723, tracking 843053632392",
    "2024-05-15T10:00:00",
    "555-123-2002",
    "HAT0 1234 5678 9012 3456",
    "DE89 3704 0044 0532 0130 01",
]


def found(text: str, rule: str, origin: Origin | None = None) -> list[str]:
    turns = (Turn(role="user", content=text), Turn(role="assistant", content="Thank you."))
    findings = checks.run(Trajectory(turns=turns, origin=origin))[1]
    return [finding.message for finding in findings if finding.rule == rule]


@pytest.mark.parametrize(("text", "kind"), SECRETS)
def test_a_secret_is_reported_by_kind_and_never_repeated(text: str, kind: str) -> None:
    (message,) = found(text, "data.secret")
    assert kind in message
    assert text.rsplit(maxsplit=1)[-1] not in message and text not in message


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_only_resembles_a_secret_is_left_alone(text: str) -> None:
    assert found(text, "data.secret") == []


@pytest.mark.parametrize(("text", "kind"), PERSONAL)
def test_personal_data_is_reported_by_kind_and_never_repeated(text: str, kind: str) -> None:
    (message,) = found(f"Mine is {text}, thanks.", "data.personal")
    assert kind in message and text not in message


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_what_only_resembles_personal_data_is_left_alone(text: str) -> None:
    assert found(f"It is {text}.", "data.personal") == []


def test_what_a_simulator_made_up_belongs_to_no_one_but_a_key_is_a_key() -> None:
    made = Origin(job=1, ord=1)
    assert found("ada@lovelace-mail.org", "data.personal", made) == []
    assert found("AKIAIOSFODNN7EXAMPLE", "data.secret", made)


def test_arguments_of_calls_are_read_as_well() -> None:
    call = ToolCall(name="login", arguments={"token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"})
    turns = (Turn(role="user", content="Hello."), Turn(role="assistant", tool_calls=(call,)))
    assert "data.secret" in [finding.rule for finding in checks.run(Trajectory(turns=turns))[1]]
