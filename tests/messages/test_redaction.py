"""What looks like a credential is masked, what does not stays: two tables.

The credentials here are made up; those of known shape are put together so that no scanner takes
this file for a leak.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages.markdown import clean
from bot.messages.redaction import MASK, mask

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
UPPER = LETTERS.upper()

SECRETS = [
    "gh" + "p_" + LETTERS,
    "gh" + "s_" + LETTERS,
    "gh" + "o_" + LETTERS,
    "gh" + "u_" + LETTERS,
    "gh" + "r_" + LETTERS,
    "github" + "_pat_11AAAAAAA0" + LETTERS + "_" + LETTERS,
    "glpat" + "-" + LETTERS[:20],
    "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "AS" + "IA" + "IOSFODNN7EXAMPLE",
    "AI" + "za" + LETTERS[:35],
    "ya29" + ".a0" + LETTERS,
    "xox" + "b-2000000000-" + LETTERS,
    "sk" + "_live_" + LETTERS,
    "rk" + "_test_" + LETTERS,
    "sk" + "-proj-" + LETTERS,
    "sk" + "-ant-api03-" + LETTERS,
    "npm" + "_" + LETTERS,
    "pypi" + "-AgEIcHlwaS5vcmc" + LETTERS,
    "dop" + "_v1_" + "0123456789abcdef" * 4,
    "hf" + "_" + LETTERS,
    "depot" + "_org_" + LETTERS,
    "depot" + "_user_" + LETTERS,
    "da" + "pi" + "0123456789abcdef" * 2,
    "EAA" + "C" + LETTERS,
    "GR13" + "48941" + LETTERS,
    "gls" + "a_" + LETTERS + "_0a1b2c3d",
    "sntr" + "ys_" + LETTERS,
    "sq" + "p_" + "0123456789abcdef" * 2 + "01234567",
    "pscale" + "_tkn_" + LETTERS,
    "dp" + ".pt." + LETTERS,
    "ts" + "key-auth-" + LETTERS,
    "CCI" + "PAT_" + LETTERS,
    "gs" + "k_" + LETTERS,
    "ATB" + "B" + LETTERS,
    "fm" + "2_" + LETTERS,
    "AKC" + "p8" + LETTERS,
    "12345678" + ":AA" + LETTERS[:33],
    "abc" + "8Q~" + LETTERS[:34],
    "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0In0." + "dBjftJeZ4CVPmB92K27uhbUJU1p1r",
]

AROUND = ["{}", "token is {} here", "'{}'", '"{}"', "({})", "{}\n", "x={}", "https://{}@github.com"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_shape_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    assert mask(around.format(secret)) == around.format(MASK)


NAMED: list[tuple[str, str]] = [
    ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {MASK}"),
    ("authorization: basic dXNlcjpwdw==", f"authorization: basic {MASK}"),
    ("Authorization: token 0123456789", f"Authorization: token {MASK}"),
    ('curl -H "Authorization: Bearer abc" x', f'curl -H "Authorization: Bearer {MASK}" x'),
    ("postgres://user:pa55@db/x", f"postgres://user:{MASK}@db/x"),
    ("redis://:p4ssword@cache:6379", f"redis://:{MASK}@cache:6379"),
    ("https://oauth2:abc@git.example.com/o/r", f"https://oauth2:{MASK}@git.example.com/o/r"),
    ("PASSWORD=hunter2hunter2", f"PASSWORD={MASK}"),
    ("password = hunter2hunter2", f"password = {MASK}"),
    ("passwd: 'hunter2hunter2'", f"passwd: '{MASK}'"),
    ("DB_PASSWORD=hunter2hunter2; next", f"DB_PASSWORD={MASK}; next"),
    ('{"api_key": "0123456789"}', f'{{"api_key": "{MASK}"}}'),
    ("x-api-key: 0123456789", f"x-api-key: {MASK}"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", f"AWS_SECRET_ACCESS_KEY={MASK}"),
    ("SECRET_KEY='django-insecure-0123'", f"SECRET_KEY='{MASK}'"),
    ("DEPOT_TOKEN=abcdefgh", f"DEPOT_TOKEN={MASK}"),
    ("client_secret=abcdefgh&x=1", f"client_secret={MASK}"),
    ('{"accessToken":"abcdefgh1234"}', f'{{"accessToken":"{MASK}"}}'),
    ("//registry.npmjs.org/:_authToken=abcd1234", f"//registry.npmjs.org/:_authToken={MASK}"),
    ("DB_PASS=hunter2x", f"DB_PASS={MASK}"),
    ("MYSQL_PWD=secret99", f"MYSQL_PWD={MASK}"),
    ("PGPASSWORD='two words'", f"PGPASSWORD='{MASK}'"),
    ("dbPassword: hunter22", f"dbPassword: {MASK}"),
    ('password="two words"', f'password="{MASK}"'),
    ('"client_secret": "x y z 1"', f'"client_secret": "{MASK}"'),
    ("curl -u user:pa55word https://x", f"curl -u user:{MASK} https://x"),
    ("curl --user 'me:pa55word' x", f"curl --user 'me:{MASK}' x"),
    ("git clone https://TOKEN123@github.com/x", f"git clone https://{MASK}@github.com/x"),
    ("Authorization: abcdef123456", f"Authorization: {MASK}"),
    ("Cookie: session=abcdef", f"Cookie: {MASK}"),
    ("--api-key abcd1234", f"--api-key {MASK}"),
    (
        "12:00 | -----BEGIN RSA PRIVATE KEY-----\n12:00 | abcd\n"
        "12:00 | -----END RSA PRIVATE KEY-----",
        f"12:00 | {MASK}",
    ),
    ("12:00 | abcd\n12:00 | efgh\n12:00 | -----END PRIVATE KEY-----", MASK),
    (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n-----END PGP PRIVATE KEY BLOCK-----",
        MASK,
    ),
    ('"SecretAccessKey": "wJalrXUtnFEMI"', f'"SecretAccessKey": "{MASK}"'),
    ('{"SessionToken":"abcdefgh"}', f'{{"SessionToken":"{MASK}"}}'),
    ("DbPassword=hunter2x", f"DbPassword={MASK}"),
    ("MyApiKey=abcdefgh1", f"MyApiKey={MASK}"),
    ("SharedAccessKey=abcdefgh1", f"SharedAccessKey={MASK}"),
    ('password := "two words"', f'password := "{MASK}"'),
    (r'password="a\"bcdef" next', f'password="{MASK}" next'),
    ("'secret' => 'two words'", f"'secret' => '{MASK}'"),
    ('tokens: ["two words"]', f'tokens: ["{MASK}"]'),
    (r"{\"token\":\"abcdef1234567\"}", rf'{{\"token\":\"{MASK}"}}'),
    ("AZURE_DEVOPS_EXT_PAT=abcdefgh", f"AZURE_DEVOPS_EXT_PAT={MASK}"),
    ("amqp://user:pa:ss@host", f"amqp://user:{MASK}@host"),
    ("https://user:p@ssw0rd@host/x", f"https://user:{MASK}@host/x"),
    ("docker login -u octo -p hunter2", f"docker login -u octo -p {MASK}"),
    ("sshpass -p hunter2 ssh x", f"sshpass -p {MASK} ssh x"),
    ("mysql -u root -phunter2 db", f"mysql -u root -p{MASK} db"),
    ("redis-cli -h x -a hunter2 ping", f"redis-cli -h x -a {MASK} ping"),
    ("<password>hunter2</password>", f"<password>{MASK}</password>"),
    ("machine x login y password hunter2", f"machine x login y password {MASK}"),
    ("client-key-data: LS0tLS1CRUdJTiBS", f"client-key-data: {MASK}"),
    ("https://x.example/a?sv=1&sig=abcdefghijklmnopqrstuv%3D", f"https://x.example/a?sv=1&{MASK}"),
    ("NPM_TOKEN=a, OTHER=b", "NPM_TOKEN=a, OTHER=b"),  # too short to be one
]


@pytest.mark.parametrize(("line", "expected"), NAMED)
def test_a_value_with_a_telling_name_is_masked(line: str, expected: str) -> None:
    assert mask(line) == expected


BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a\n{BEGIN}\nMIIE\nvQIB\n{END}\nb", f"a\n{MASK}\nb"),
        (f"a\n{BEGIN}\nMIIE\nvQIB", f"a\n{MASK}"),
        (f"{BEGIN}\nMIIE\n{END} {BEGIN}\nvQIB\n{END}", f"{MASK} {MASK}"),
        (BEGIN.replace("RSA ", "") + "\\nMIIE\\n" + END.replace("RSA ", ""), MASK),
        (BEGIN.replace("RSA", "OPENSSH"), MASK),
    ],
)
def test_a_private_key_is_masked_whole(text: str, expected: str) -> None:
    assert mask(text) == expected


SURROUNDED = [
    ("{'Authorization': 'Bearer abcdefgh12345678'}", "abcdefgh12345678"),
    ('{"authorization": "Bearer abcdefgh12345678"}', "abcdefgh12345678"),
    ("SECRET_KEY_BASE=abcdefgh12345678", "abcdefgh12345678"),
    ("docker login -u octo --password hunter2hunter2", "hunter2hunter2"),
    (f"MIIE\nvQIBADANBgkqhkiG9w0\n{END}", "vQIBADANBgkqhkiG9w0"),
]


@pytest.mark.parametrize(("line", "secret"), SURROUNDED)
def test_a_credential_in_its_surroundings_is_masked(line: str, secret: str) -> None:
    assert secret not in mask(line)


ORDINARY = [
    "",
    "$ pytest -v",
    "collected 131 items",
    "tests/test_tokens.py::test_a_token_is_refused PASSED",
    "Token expired: refreshing",
    "error: password: cannot be blank",
    "KeyError: 'access_key'",
    "secret: not found",
    "def check(token: str) -> None:",
    "tokens=1234567890",
    "SyntaxError: Unexpected token: identifier",
    "ghp_short",
    "sk-1234",
    "see https://github.com/octo/hello/pull/1#issuecomment-1",
    "git@github.com:octo/hello.git",
    "npm install foo@1.0.0 https://registry.npmjs.org:443/foo@1.0.0",
    "http://localhost:8000/@user",
    "commit 3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "019b1c2d-7e8f-7a01-b2c3-d4e5f6a7b8c9",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "actions/cache: key: node-modules-abcdef",
    "Authorization: required",
    "E       assert 4 == 3",
    "##[error]Process completed with exit code 1.",
    "private key: /etc/ssl/key.pem",
    "eyJ is how a JSON Web Token begins",
    "AKIA is how a key id begins",
    "risk-based-authentication-flow",
    "ünïcödé ✓ 100% ████",
]


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_stays(line: str) -> None:
    assert mask(line) == line


@pytest.mark.parametrize("secret", SECRETS)
def test_colours_do_not_hide_a_credential(secret: str) -> None:
    middle = len(secret) // 2
    coloured = f"\x1b[31m{secret[:middle]}\x1b[0m{secret[middle:]}\x1b[m"
    assert mask(clean(coloured)) == MASK


@given(st.text(max_size=200), st.sampled_from(SECRETS), st.text(max_size=200))
def test_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    assert secret not in mask(f"{before} {secret} {after}")


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN A" + "A" * 50,
        "token-",
        "a-",
        "a_",
        "token ",
        "token:",
        "authorization: bearer ",
        "authorization ",
        "a://",
        "a://a:a",
        "://:",
        "sk-",
        "gh" + "p_",
        "xoxb-",
        "aaaa",
        " ",
        "=",
        '"',
    ],
)
def test_long_and_strange_input_comes_back(piece: str) -> None:
    """Nothing is timed: a pattern that backtracks without bound would never return."""
    mask(piece * (100_000 // len(piece)))
