"""Settings: everything that is wrong is named at once, secrets do not print, docs agree."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.core.credentials import AppCredentials, TokenCredentials
from bot.demo.simulators.github import generate_private_key
from bot.depot.organisations import ANY_OWNER, DepotAccess
from bot.ops import variables as variables_
from bot.ops.settings import (
    Operator,
    Settings,
    SettingsError,
    database_url,
    load,
    renewed,
)
from bot.ops.variables import BOT_CONFIG, TABLE, VARIABLES, Secret, Variable, described
from tests import docs

ROOT = Path(__file__).parents[2]
KEY = generate_private_key().strip()
APP = {
    "GITHUB_WEBHOOK_SECRET": "hook-s3cret",
    "GITHUB_APP_ID": "41",
    "GITHUB_PRIVATE_KEY": KEY,
    "DEPOT_TOKEN": "depot-s3cret",
    "BOT_CONFIG": str(ROOT / "config" / "bot.toml"),
}
TOKEN = {
    "GITHUB_WEBHOOK_SECRET": "hook-s3cret",
    "GITHUB_TOKEN": "ghp_s3cret",
    "DEPOT_TOKEN": "depot-s3cret",
    "BOT_CONFIG": str(ROOT / "config" / "bot.toml"),
}


CURVE = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environment)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_the_least_that_works_as_an_app() -> None:
    got = load(APP)
    assert got.github == AppCredentials("41", KEY)
    assert got.webhook_secrets == ("hook-s3cret",)
    assert got.depot_access == {ANY_OWNER: DepotAccess("depot-s3cret")}
    assert (got.github_url, got.depot_url) == ("https://api.github.com", "https://api.depot.dev")
    assert got.database_url == "sqlite:///depot-bot.db"
    assert (got.host, got.port) == ("127.0.0.1", 8000)
    assert (got.log_level, got.log_format) == ("info", "")
    assert got.public_url == ""
    assert got.operator == Operator()
    assert got.warnings == ()


def test_the_least_that_works_with_a_token() -> None:
    assert load(TOKEN).github == TokenCredentials("ghp_s3cret")


def test_everything_can_be_set() -> None:
    got = load(
        {
            **APP,
            "GITHUB_API_URL": "https://ghes.example/api/v3/",
            "DEPOT_ORG_ID": " org ",
            "DEPOT_API_URL": "http://127.0.0.1:9000/",
            "DATABASE_URL": "sqlite:////var/lib/bot.db",
            "PUBLIC_URL": "https://bot.example/",
            "HOST": "::1",
            "PORT": "0",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "Json",
        }
    )
    assert got.github_url == "https://ghes.example/api/v3"
    assert got.depot_access[ANY_OWNER].org_id == "org"
    assert got.depot_url == "http://127.0.0.1:9000"
    assert got.database_url == "sqlite:////var/lib/bot.db"
    assert got.public_url == "https://bot.example"
    assert (got.host, got.port) == ("::1", 0)
    assert (got.log_level, got.log_format) == ("debug", "json")


def test_nothing_set_is_one_error_that_names_all() -> None:
    assert [problem.split()[0] for problem in problems({"BOT_CONFIG": APP["BOT_CONFIG"]})] == [
        *("GITHUB_WEBHOOK_SECRET", "GITHUB_APP_ID", "DEPOT_TOKEN"),
    ]


def test_everything_wrong_is_one_error_that_names_all(tmp_path: Path) -> None:
    wrong = {
        "GITHUB_WEBHOOK_SECRET": "half a \ud800",
        "GITHUB_APP_ID": "forty-one",
        "GITHUB_PRIVATE_KEY": "no key",
        "GITHUB_API_URL": "api.github.com",
        "DEPOT_API_URL": "ftp://api.depot.dev",
        "DATABASE_URL": "mysql://x",
        "PUBLIC_URL": "bot.example",
        "PORT": "eighty",
        "LOG_LEVEL": "loud",
        "LOG_FORMAT": "xml",
        "BOT_CONFIG": str(tmp_path / "none.toml"),
    }
    named = problems(wrong)
    for name in [*wrong, "DEPOT_TOKEN"]:
        assert sum(problem.startswith(name) for problem in named) == 1, name
    assert len(named) == len(wrong) + 1


@pytest.mark.parametrize(
    ("base", "change", "named"),
    [
        (APP, {"GITHUB_TOKEN": "ghp_x"}, "GITHUB_TOKEN and GITHUB_APP_ID are both set"),
        (TOKEN, {"GITHUB_PRIVATE_KEY": KEY}, "GITHUB_TOKEN and GITHUB_APP_ID are both set"),
        (APP, {"GITHUB_APP_ID": ""}, "GITHUB_APP_ID is missing"),
        (APP, {"GITHUB_PRIVATE_KEY": ""}, "GITHUB_PRIVATE_KEY or GITHUB_PRIVATE_KEY_PATH"),
        (APP, {"GITHUB_PRIVATE_KEY_PATH": "x"}, "GITHUB_PRIVATE_KEY and GITHUB_PRIVATE_KEY_PATH"),
        (APP, {"GITHUB_APP_ID": "-1"}, "GITHUB_APP_ID is not a number"),
        (APP, {"GITHUB_WEBHOOK_SECRET": "   "}, "GITHUB_WEBHOOK_SECRET is missing"),
        (APP, {"GITHUB_PRIVATE_KEY": KEY[:-60]}, "GITHUB_PRIVATE_KEY cannot be read: is it whole"),
        (APP, {"GITHUB_PRIVATE_KEY": CURVE}, "GITHUB_PRIVATE_KEY is not an RSA key"),
        (APP, {"DEPOT_TOKEN": "…"}, "DEPOT_TOKEN holds a space, or a character that is not ASCII"),
        (TOKEN, {"GITHUB_TOKEN": "ghp_1 2"}, "GITHUB_TOKEN holds a space, or a character"),
        (APP, {"PUBLIC_URL": "https://"}, "PUBLIC_URL names no host"),
        (APP, {"PUBLIC_URL": "https://bot.example/?x=1"}, "PUBLIC_URL has a query"),
        (APP, {"PORT": "65536"}, "PORT is not a port number"),
        (APP, {"PORT": "-1"}, "PORT is not a port number"),
        (APP, {"DATABASE_URL": "sqlite://"}, "DATABASE_URL must be sqlite:///FILE or postgresql:"),
        (APP, {"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL must be sqlite:///FILE or"),
        (APP, {"DATABASE_URL": "postgresql://"}, "DATABASE_URL must be sqlite:///FILE or"),
        (APP, {"DEPOT_API_URL": "file:///etc/passwd"}, "DEPOT_API_URL is not an http(s) address"),
    ],
)
def test_one_problem(base: dict[str, str], change: dict[str, str], named: str) -> None:
    (problem,) = problems({**base, **change})
    assert problem.startswith(named)


def test_two_secrets_while_one_is_replaced() -> None:
    got = load({**APP, "GITHUB_WEBHOOK_SECRET_OLD": "older s3cret"})
    assert got.webhook_secrets == ("hook-s3cret", "older s3cret")
    assert got.warnings == ()


def test_the_old_secret_alone_is_not_enough() -> None:
    (problem,) = problems(
        {**APP, "GITHUB_WEBHOOK_SECRET": "", "GITHUB_WEBHOOK_SECRET_OLD": "older"}
    )
    assert problem.startswith("GITHUB_WEBHOOK_SECRET is missing")


@pytest.mark.parametrize(
    ("secret", "is_doubtful"),
    [("new  old", True), ("four words in all", False), ("ünï\tcode", True), ("one", False)],
)
def test_a_secret_is_any_text_and_two_words_are_doubted(secret: str, is_doubtful: bool) -> None:
    got = load({**APP, "GITHUB_WEBHOOK_SECRET": f" {secret}\n"})
    assert got.webhook_secrets == (secret,)
    assert bool(got.warnings) == is_doubtful
    for warning in got.warnings:
        assert "GITHUB_WEBHOOK_SECRET_OLD" in warning
        assert secret not in warning


# --- secrets in files ----------------------------------------------------------------------------

SECRET_VARIABLES = [one for one in TABLE if one.secret]
VALUES = {
    "GITHUB_WEBHOOK_SECRET": "any text",
    "GITHUB_WEBHOOK_SECRET_OLD": "any other text",
    "GITHUB_PRIVATE_KEY": KEY,
    "GITHUB_TOKEN": "ghp_1",
    "DEPOT_TOKEN": "depot-1",
    "DATABASE_URL": "sqlite:///elsewhere.db",
    "ADMIN_PASSWORD": "twelve-chars",
}


@pytest.mark.parametrize("variable", SECRET_VARIABLES, ids=lambda one: one.name)
def test_every_secret_may_be_in_a_file(variable: Variable[object], tmp_path: Path) -> None:
    base = TOKEN if variable.name == "GITHUB_TOKEN" else APP
    file = tmp_path / "secret"
    file.write_text(VALUES[variable.name] + "\n")
    given = load({**base, variable.name: VALUES[variable.name]})
    from_file = {**base, variable.name: "", variable.file_name: str(file)}
    assert load(from_file) == given


@pytest.mark.parametrize("variable", SECRET_VARIABLES, ids=lambda one: one.name)
def test_a_secret_in_both_is_a_contradiction(variable: Variable[object], tmp_path: Path) -> None:
    base = TOKEN if variable.name == "GITHUB_TOKEN" else APP
    file = tmp_path / "secret"
    file.write_text(VALUES[variable.name])
    both = {variable.name: VALUES[variable.name], variable.file_name: str(file)}
    assert problems({**base, **both}) == (
        f"{variable.name} and {variable.file_name} are both set: use one of them",
    )


@pytest.mark.parametrize("variable", SECRET_VARIABLES, ids=lambda one: one.name)
@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_that_brings_nothing_is_the_only_problem(
    variable: Variable[object], content: bytes | None, tmp_path: Path
) -> None:
    base = TOKEN if variable.name == "GITHUB_TOKEN" else APP
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems({**base, variable.name: "", variable.file_name: str(file)})
    assert problem.startswith(f"{variable.file_name}: ")


def test_a_key_in_three_places_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(KEY)
    places = {"GITHUB_PRIVATE_KEY_FILE": str(file), "GITHUB_PRIVATE_KEY_PATH": str(file)}
    assert problems({**APP, **places}) == (
        "GITHUB_PRIVATE_KEY and GITHUB_PRIVATE_KEY_FILE are both set: use one of them",
        "GITHUB_PRIVATE_KEY and GITHUB_PRIVATE_KEY_PATH are both set: use one of them",
    )


def test_other_secrets_do_not_keep_the_ledger_from_being_found(tmp_path: Path) -> None:
    environment = {"DEPOT_TOKEN_FILE": str(tmp_path / "none"), "DATABASE_URL": "sqlite:///x.db"}
    assert database_url(environment) == "sqlite:///x.db"
    with pytest.raises(SettingsError):
        database_url({"DATABASE_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("newline", [r"\n", r"\\n"])
def test_a_key_with_its_newlines_escaped(newline: str) -> None:
    escaped = KEY.replace("\n", newline)
    assert load({**APP, "GITHUB_PRIVATE_KEY": escaped}).github == AppCredentials("41", KEY)


def test_a_key_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(KEY + "\n")
    environment = {**APP, "GITHUB_PRIVATE_KEY": "", "GITHUB_PRIVATE_KEY_PATH": str(file)}
    assert load(environment).github == AppCredentials("41", KEY)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"not a key"])
def test_a_key_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    environment = {**APP, "GITHUB_PRIVATE_KEY": "", "GITHUB_PRIVATE_KEY_PATH": str(file)}
    (problem,) = problems(environment)
    assert problem.startswith("GITHUB_PRIVATE_KEY")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("127.0.0.1", 8000)),
        ({"PORT": "80"}, ("0.0.0.0", 80)),  # as hosting panels expect
        ({"PORT": "80", "HOST": "10.0.0.1"}, ("10.0.0.1", 80)),
        ({"HOST": "10.0.0.1"}, ("10.0.0.1", 8000)),
        ({"PORT": " ", "HOST": " "}, ("127.0.0.1", 8000)),
    ],
)
def test_where_it_listens(change: dict[str, str], expected: tuple[str, int]) -> None:
    got = load({**APP, **change})
    assert (got.host, got.port) == expected


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", [APP, TOKEN])
def test_secrets_do_not_print(environment: dict[str, str]) -> None:
    got = load({**environment, "DATABASE_URL": "sqlite:///s3cret.db"})
    for text in (repr(got), str(got), f"{got}", f"{got!r}", f"{[got]}"):
        assert "s3cret" not in text
        assert "BEGIN" not in text
    assert repr(Secret("x")) == repr([Secret("x")])[1:-1] == "'***'"


def test_problems_hold_no_secrets() -> None:
    named = problems(
        {
            "GITHUB_WEBHOOK_SECRET": "s3cret1 s3cret2 \ud800",
            "GITHUB_TOKEN": "s3cret",
            "GITHUB_PRIVATE_KEY": "s3cret",
            "GITHUB_APP_ID": "s3cret",
            "DATABASE_URL": "mysql://u:s3cret@h/d",
        }
    )
    assert len(named) == 5
    assert "s3cret" not in "\n".join(named)


# --- the operator's TOML -------------------------------------------------------------------------


def _toml(tmp_path: Path, text: str | bytes) -> dict[str, str]:
    file = tmp_path / "bot.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {**APP, "BOT_CONFIG": str(file)}


def test_a_config_of_ones_own(tmp_path: Path) -> None:
    got = load(_toml(tmp_path, 'repositories = ["octo/*"]'))
    assert got.operator.repositories == ("octo/*",)


@pytest.mark.parametrize(
    "text",
    [
        'repositries = ["*"]',
        'repositories = "octo/*"',
        "repositories = [1]",
        "repositories = [",
        '[repositories]\na = "b"',
        "[limits]\nper_persn = 1",
        "[limits]\nper_person = 'many'",
        b"\xff",
    ],
)
def test_a_config_that_is_wrong_is_refused(tmp_path: Path, text: str | bytes) -> None:
    (problem,) = problems(_toml(tmp_path, text))
    assert "bot.toml" in problem or problem.startswith("BOT_CONFIG")


def test_a_config_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    (problem,) = problems(_toml(tmp_path, 'repositries = ["*"]'))
    assert "repositries" in problem


def test_without_a_config_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({**APP, "BOT_CONFIG": ""}).operator == Operator()


def test_a_named_config_has_to_be_there(tmp_path: Path) -> None:
    (problem,) = problems({**APP, "BOT_CONFIG": str(tmp_path / "none.toml")})
    assert problem.startswith("BOT_CONFIG: ")


OCTO = '[depot."Octo-Org"]\ntoken = "DEPOT_TOKEN_OCTO"\norg = "o2"\n'


def test_an_owner_with_a_depot_organisation_of_its_own(tmp_path: Path) -> None:
    got = load({**_toml(tmp_path, OCTO), "DEPOT_TOKEN_OCTO": "octo-s3cret"})
    assert got.depot_access == {
        ANY_OWNER: DepotAccess("depot-s3cret"),
        "octo-org": DepotAccess("octo-s3cret", "o2"),
    }
    assert "s3cret" not in repr(got)
    file = tmp_path / "token"
    file.write_text("octo-s3cret\n")
    from_file = load({**_toml(tmp_path, OCTO), "DEPOT_TOKEN_OCTO_FILE": str(file)})
    assert from_file.depot_access == got.depot_access


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (OCTO, {}, '[depot."Octo-Org"] names DEPOT_TOKEN_OCTO, and neither it nor'),
        (OCTO, {"DEPOT_TOKEN_OCTO": "…"}, "DEPOT_TOKEN_OCTO holds a space, or a character"),
        (OCTO, {"DEPOT_TOKEN_OCTO_FILE": "/nowhere"}, "DEPOT_TOKEN_OCTO_FILE: "),
        (
            OCTO,
            {"DEPOT_TOKEN_OCTO": "x", "DEPOT_TOKEN_OCTO_FILE": "/nowhere"},
            "DEPOT_TOKEN_OCTO and DEPOT_TOKEN_OCTO_FILE are both set",
        ),
        (OCTO.replace("Octo-Org", "octo/x"), {}, '[depot."octo/x"] is no owner on GitHub'),
        (
            OCTO + OCTO.replace("Octo-Org", "octo-org"),
            {"DEPOT_TOKEN_OCTO": "x"},
            '[depot."octo-org"] is there twice',
        ),
        (OCTO.replace("DEPOT_TOKEN_OCTO", "dpt-s3cret"), {}, "token is no name of a variable"),
        (OCTO.replace("DEPOT_TOKEN_OCTO", "dpt_s3cret"), {}, "token is no name of a variable"),
        (OCTO.replace("o2", "o 2"), {"DEPOT_TOKEN_OCTO": "x"}, "org holds a space, or a"),
        ('[depot."octo-org"]\norg = "o2"\n', {}, "missing required field `token`"),
    ],
)
def test_what_is_wrong_with_an_organisation_is_named(
    tmp_path: Path, text: str, change: dict[str, str], said: str
) -> None:
    (problem,) = problems({**_toml(tmp_path, text), **change})
    assert said in problem
    assert "s3cret" not in problem


# --- read again ----------------------------------------------------------------------------------


def test_what_takes_effect_while_the_bot_runs() -> None:
    old = load({**TOKEN, "ADMIN_PASSWORD": "twelve-chars"})
    again = renewed(old, load({**TOKEN, "ADMIN_PASSWORD": "twelve-chars"}))
    assert (again.settings, again.changed, again.at_restart) == (old, (), ())
    change = {
        "GITHUB_WEBHOOK_SECRET": "new",
        "GITHUB_WEBHOOK_SECRET_OLD": "hook-s3cret",
        "GITHUB_TOKEN": "ghp_new",
        "DEPOT_TOKEN": "depot-new",
        "ADMIN_PASSWORD": "other-password",
        "LOG_LEVEL": "debug",
    }
    new = load({**TOKEN, **change})
    renewal = renewed(old, new)
    assert renewal.settings == new
    assert renewal.at_restart == ()
    assert renewal.changed == (
        *("webhook_secrets", "github", "depot_access", "admin_password", "log_level"),
    )


def test_what_waits_for_the_next_start() -> None:
    old = load({**APP, "ADMIN_PASSWORD": "twelve-chars"})
    waits = {
        "GITHUB_APP_ID": "42",
        "GITHUB_API_URL": "https://git.example/api/v3",
        "DEPOT_API_URL": "https://depot.example",
        "DATABASE_URL": "sqlite:///other.db",
        "PUBLIC_URL": "https://other.example",
        "HOST": "10.0.0.1",
        "PORT": "81",
    }
    renewal = renewed(old, load({**APP, **waits, "LOG_LEVEL": "debug"}))
    assert set(renewal.at_restart) == {*waits, "ADMIN_PASSWORD"}
    assert renewal.changed == ("log_level",)
    assert renewal.settings == load({**APP, "ADMIN_PASSWORD": "twelve-chars", "LOG_LEVEL": "debug"})
    # An App in place of a bot account is another one, too.
    assert renewed(load(TOKEN), load(APP)).at_restart == ("GITHUB_APP_ID",)


def test_the_table_says_what_is_read_again() -> None:
    waits = {one.name for one in TABLE if not one.is_reread}
    assert waits == {
        *("GITHUB_APP_ID", "GITHUB_API_URL", "DEPOT_API_URL", "DATABASE_URL"),
        *("PUBLIC_URL", "HOST", "PORT"),
    }


# --- the files that explain them -----------------------------------------------------------------


NAMES = [one.name for one in TABLE]


def _example() -> list[str]:
    return (ROOT / "config" / "env.example").read_text().splitlines()


def test_the_example_lists_every_variable_once() -> None:
    named = [line.partition("=")[0] for line in _example() if line and not line.startswith("#")]
    assert named == NAMES


def test_the_example_explains_every_variable() -> None:
    # A comment stands above each paragraph, and belongs to the variables of that paragraph.
    paragraphs = "\n".join(_example()).split("\n\n")
    explained = []
    for paragraph in paragraphs:
        lines = paragraph.splitlines()
        comments = [line for line in lines if line.startswith("#")]
        variables = [line.partition("=")[0] for line in lines if not line.startswith("#")]
        if variables:
            assert comments, f"no comment above {variables}"
            assert lines[: len(comments)] == comments
        explained += variables
    assert explained == NAMES


def test_the_example_is_made_from_the_table() -> None:
    assert docs.EXAMPLE.read_text() == docs.env_example(), "to be made anew: make docs"


def test_every_default_can_be_read() -> None:
    for variable in TABLE:
        variable.parse(variable.default)


def test_what_is_read_as_a_secret_is_marked_as_one() -> None:
    kinds = {one.name: type(one.parse(one.default)) for one in TABLE}
    secrets = {one.name for one in TABLE if one.secret}
    assert {name for name, kind in kinds.items() if kind is Secret} == secrets
    assert set(VARIABLES) == {*NAMES, *(f"{name}_FILE" for name in secrets)}


def test_the_examples_values_are_the_defaults() -> None:
    example = dict(line.split("=", 1) for line in _example() if line and line[0] != "#")
    given = {name: value for name, value in example.items() if value and name != "BOT_CONFIG"}
    assert example["BOT_CONFIG"] == BOT_CONFIG.default
    # HOST is left to its default: given with PORT it says what PORT alone would not.
    assert load({**given, **APP}) == load({**APP, "HOST": "127.0.0.1"})


def test_every_variable_that_is_read_is_listed() -> None:
    source = Path(variables_.__file__).read_text()
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+|HOST|PORT)"', source))
    assert read == set(NAMES)


def test_the_config_file_has_every_key_with_its_default() -> None:
    written = tomllib.loads((ROOT / "config" / "bot.toml").read_text())
    assert written == msgspec.json.decode(msgspec.json.encode(Operator()))
    assert list(written) == [field.name for field in msgspec.structs.fields(Operator)]
    assert msgspec.convert(written, Operator) == Operator()


def test_the_config_file_explains_every_key() -> None:
    lines = (ROOT / "config" / "bot.toml").read_text().splitlines()
    for field in msgspec.structs.fields(Operator):
        begins = (f"{field.name} =", f"[{field.name}]")
        (at,) = (n for n, line in enumerate(lines) if line.startswith(begins))
        assert lines[at - 1].startswith("#"), field.name


def test_settings_are_frozen() -> None:
    got = load(APP)
    with pytest.raises(AttributeError):
        got.port = 1  # type: ignore[misc]
    assert isinstance(got, Settings)


def test_the_environment_itself_is_not_read() -> None:
    # What is not handed in is not there, whatever this process has in its environment.
    before = dict(os.environ)
    assert len(problems({"BOT_CONFIG": APP["BOT_CONFIG"]})) == 3
    assert dict(os.environ) == before


@pytest.mark.parametrize(("password", "fits"), [("eleven-char", False), ("twelve-chars", True)])
def test_a_password_is_long_enough(password: str, fits: bool) -> None:
    told = problems({**TOKEN, "ADMIN_PASSWORD": password}) if not fits else ()
    assert told == (() if fits else ("ADMIN_PASSWORD is shorter than 12 characters",))
    if fits:
        assert load({**TOKEN, "ADMIN_PASSWORD": password}).admin_password == password


def test_the_help_has_all_that_the_table_has() -> None:
    text = described(TABLE, 76)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for one in TABLE:
        assert " or ".join(one.names) in text
        assert " ".join(one.help.replace("`", "").split()) in words
