"""Logging in and out, in the demo's way and by a provider, and what an attacker tries of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import RSAKey

from sinks.portal.identity import person_of
from sinks.portal.login import renamed, safe_path
from sinks.portal.portal import Choices, Provider
from tests.portal_support import PEOPLE, SECRET, Browser, browser, portal
from tests.support import bundled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition

ISSUER = "https://provider.example"
PROVIDER = Provider(ISSUER, "guldadra", "its secret", strong_levels=frozenset({"loa3"}), claims={"role": "portal_role"})
COMPANY = {"sub": "c9", "name": "Cilla", "portal_role": "company", "company": "Nordfalk Ortopedi", "acr": "loa3"}


@pytest.fixture(scope="module")
def hip() -> dict[str, RegistryDefinition]:
    return {"hip": bundled("hip")}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class FakeProvider:
    """A provider of identities as OpenID Connect describes one, over no network."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.claims: dict[str, Any] = dict(COMPANY)
        self.nonce = ""
        self.verifiers: list[str] = []
        self.asked = 0

    def signed(self, key: Any = None, alg: str = "RS256", **changed: Any) -> str:
        now = int(time.time())
        claims = {
            **self.claims,
            "iss": ISSUER,
            "aud": "guldadra",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": "k1"}, claims, key or self.key, algorithms=[alg])

    def confused(self) -> str:
        """A token whose signature anybody can make who has the public key, if it is taken for a secret."""
        head, body, _ = self.signed().split(".")
        head = _base64(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
        made = hmac.new(self.key.as_pem(private=False), f"{head}.{body}".encode(), hashlib.sha256).digest()
        return f"{head}.{body}.{_base64(made)}"

    def transport(self) -> httpx2.MockTransport:
        """The way to it."""
        return httpx2.MockTransport(self.answer)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if request.url.path.endswith("openid-configuration"):
            return httpx2.Response(
                200,
                json={
                    "issuer": ISSUER,
                    "authorization_endpoint": f"{ISSUER}/authorize",
                    "token_endpoint": f"{ISSUER}/token",
                    "jwks_uri": f"{ISSUER}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            )
        if request.url.path == "/keys":
            return httpx2.Response(200, json={"keys": [self.key.as_dict(private=False)]})
        form = parse_qs(request.content.decode())
        self.verifiers.append(form["code_verifier"][0])
        return httpx2.Response(
            200, json={"access_token": "x", "token_type": "Bearer", "id_token": self.signed(nonce=self.nonce)}
        )


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def visitor(hip: Mapping[str, RegistryDefinition], provider: FakeProvider) -> Browser:
    made = portal(hip, provider=PROVIDER)
    return browser(made, provider=provider.transport())


def sent_off(visitor: Browser, path: str = "/login?next=/r/hip/company") -> Mapping[str, str]:
    """What the browser is sent to the provider with."""
    answer = visitor.get(path)
    assert answer.status_code == 302, answer.text[-400:]
    at = urlsplit(answer.headers["location"])
    assert f"{at.scheme}://{at.netloc}{at.path}" == f"{ISSUER}/authorize"
    return {name: values[0] for name, values in parse_qs(at.query).items()}


def come_back(visitor: Browser, provider: FakeProvider, path: str = "/login?next=/r/hip/company") -> httpx2.Response:
    sent = sent_off(visitor, path)
    provider.nonce = sent["nonce"]
    return visitor.get("/auth/callback", params={"code": "the code", "state": sent["state"]})


def test_log_in_by_code_with_pkce_and_go_on_where_one_was(visitor: Browser, provider: FakeProvider) -> None:
    sent = sent_off(visitor)
    assert (sent["response_type"], sent["client_id"], sent["code_challenge_method"]) == ("code", "guldadra", "S256")
    assert sent["redirect_uri"] == "http://127.0.0.1/auth/callback"
    answer = come_back(visitor, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/r/hip/company")
    assert "Cilla" in visitor.get("/").text
    assert len(provider.verifiers[0]) >= 43  # RFC 7636: a verifier has 43 characters or more


def test_a_callback_that_nobody_was_sent_off_for_logs_nobody_in(visitor: Browser, provider: FakeProvider) -> None:
    sent = sent_off(visitor)
    provider.nonce = sent["nonce"]
    other = Browser(visitor.app)  # another browser: log-in forged across sites
    assert other.get("/auth/callback", params={"code": "the code", "state": sent["state"]}).status_code == 403
    assert visitor.get("/auth/callback", params={"code": "the code", "state": "of an attacker"}).status_code == 403
    assert "Cilla" not in visitor.get("/").text + other.get("/").text


def test_a_token_of_another_nonce_is_refused(visitor: Browser, provider: FakeProvider) -> None:
    sent = sent_off(visitor)
    provider.nonce = "of another log-in"
    assert visitor.get("/auth/callback", params={"code": "the code", "state": sent["state"]}).status_code == 403


def test_claims_that_make_nobody_are_refused_in_words(visitor: Browser, provider: FakeProvider) -> None:
    provider.claims = {"sub": "x", "portal_role": "company"}
    assert come_back(visitor, provider).status_code == 403


def test_the_session_before_the_log_in_is_worth_nothing_after_it(visitor: Browser, provider: FakeProvider) -> None:
    visitor.get("/")
    planted = dict(visitor.cookies)
    come_back(visitor, provider)
    fixed = Browser(visitor.app)
    fixed.cookies.update(planted)
    assert "Cilla" not in fixed.get("/").text


def test_nobody_is_sent_on_to_another_site() -> None:
    for path in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "",
        "evil",
    ):
        assert safe_path(path) == "/"
    assert safe_path("/r/hip/company?kind=cup") == "/r/hip/company?kind=cup"


def test_the_ready_identities_are_logged_in_as_they_are(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip))
    assert visitor.log_in("k1", "/r/hip/clinic/U01").headers["location"] == "/r/hip/clinic/U01"
    assert visitor.log_in("k1", "//evil.example").headers["location"] == "/"
    assert visitor.log_in("nobody").status_code == 404


def test_without_the_forms_token_nothing_is_said(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip))
    assert visitor.post("/login/ready", data={"subject": "k1"}).status_code == 403
    assert visitor.post("/login/ready", data={"subject": "k1", "forms": "of another"}).status_code == 403
    assert visitor.post("/logout").status_code == 403


def test_ready_identities_cannot_be_had_elsewhere() -> None:
    people = tuple(PEOPLE.values())
    with pytest.raises(ValueError, match="loopback"):
        Choices(SECRET, ready=people, host="0.0.0.0")
    with pytest.raises(ValueError, match="stand in"):
        Choices(SECRET, ready=people, provider=PROVIDER)
    with pytest.raises(ValueError, match="https"):
        Choices(SECRET, https=False, host="192.0.2.1")
    with pytest.raises(ValueError, match="32"):
        Choices("short")


def test_with_a_provider_there_are_no_ready_identities(visitor: Browser, provider: FakeProvider) -> None:
    come_back(visitor, provider)
    assert visitor.say("/login/ready", subject="k1").status_code == 404


def test_after_logging_out_one_is_nobody(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip), "agency")
    assert "Agda" in visitor.get("/").text
    assert visitor.say("/logout").status_code == 303
    assert "Agda" not in visitor.get("/").text


def test_over_https_the_cookie_is_bound_to_the_host(hip: Mapping[str, RegistryDefinition]) -> None:
    made = portal(hip, ready=(), https=True)
    answer = browser(made).get("/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-guldadra=")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def bearer(visitor: Browser, token: str) -> int:
    """What a page of everybody answers to who brings a token."""
    return visitor.get("/", headers={"authorization": f"Bearer {token}"}).status_code


def test_a_token_of_the_provider_is_taken(visitor: Browser, provider: FakeProvider) -> None:
    answer = visitor.get("/", headers={"authorization": f"Bearer {provider.signed()}"})
    assert answer.status_code == 200
    assert "Cilla" in answer.text


def test_other_tokens_are_not(visitor: Browser, provider: FakeProvider) -> None:
    now = int(time.time())
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    refused = {
        "another key": provider.signed(other),
        "for somebody else": provider.signed(aud="another"),
        "of somebody else": provider.signed(iss="https://evil.example"),
        "run out": provider.signed(exp=now - 3600),
        "never runs out": provider.signed(exp=None),
        "the public key as a secret": provider.confused(),
        "no token": "x",
        "nothing": "",
    }
    assert {name: bearer(visitor, token) for name, token in refused.items()} == dict.fromkeys(refused, 303)


def made(provider: FakeProvider, head: Mapping[str, Any], body: Any = None, signature: str | None = None) -> str:
    """A token put together by hand: signed by the provider's key unless a signature is given."""
    now = int(time.time())
    claims = {**provider.claims, "iss": ISSUER, "aud": "guldadra", "exp": now + 300} if body is None else body
    signed = f"{_base64(json.dumps(head).encode())}.{_base64(json.dumps(claims).encode())}"
    if signature is None:
        key = provider.key.private_key
        assert key is not None
        signature = _base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
    return f"{signed}.{signature}"


def test_a_token_put_together_by_hand_is_taken_too(visitor: Browser, provider: FakeProvider) -> None:
    # else those below would be refused for how they are made
    assert bearer(visitor, made(provider, {"alg": "RS256", "kid": "k1"})) == 200


FOREIGN = RSAKey.generate_key(2048, {"kid": "k1"})


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"},
        {"alg": "None", "kid": "k1"},
        {"alg": "NONE", "kid": "k1"},
        {"alg": ""},
        {"alg": None, "kid": "k1"},
        {"alg": ["RS256"], "kid": "k1"},
        {"kid": "k1"},
        {"alg": "HS256", "kid": "k1"},
        {"alg": "ES256", "kid": "k1"},
        {"alg": "RS256", "kid": "k2"},
        {"alg": "RS256", "kid": "../../dev/null"},
        {"alg": "RS256", "kid": "k1' UNION SELECT 'x"},
        {"alg": "RS256", "kid": ""},
        {"alg": "RS256", "kid": 1},
        {"alg": "RS256", "kid": ["k1"]},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": "k1", "jwk": FOREIGN.as_dict(private=False)},
        {"alg": "RS256", "kid": "k1", "jku": "https://evil.example/keys"},
        {"alg": "RS256", "kid": "k1", "x5u": "https://evil.example/certificate"},
        {"alg": "RS256", "kid": "k1", "crit": ["exp"], "exp": 1},
        {"alg": "RS256", "kid": "k1", "b64": False, "crit": ["b64"]},
        [],
        "RS256",
        None,
    ],
)
def test_no_head_makes_a_foreign_signature_good(visitor: Browser, provider: FakeProvider, head: Any) -> None:
    own, provider.key = provider.key, FOREIGN
    foreign = made(provider, head)
    provider.key = own
    assert bearer(visitor, foreign) == 303
    unsigned = foreign.rpartition(".")[0]
    for token in (f"{unsigned}.", unsigned, f"{unsigned}.{_base64(b'x' * 256)}", f"{foreign}.x", foreign * 20):
        assert bearer(visitor, token) == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": "2999-01-01"},
        {"exp": [9_999_999_999]},
        {"exp": 0},
        {"nbf": 9_999_999_999},
        {"iss": f"{ISSUER}/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": ""},
        {"aud": {"guldadra": True}},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"portal_role": "admin "},
        {"portal_role": ["admin"]},
        {"portal_role": "public"},
        {"portal_role": None, "role": None},
        {"company": None},
        {"auth_time": -1},
        {"auth_time": "now"},
    ],
)
def test_no_claim_but_the_right_one_counts(
    visitor: Browser, provider: FakeProvider, changed: Mapping[str, Any]
) -> None:
    assert bearer(visitor, provider.signed(**changed)) == 303


@pytest.mark.parametrize("body", [[], "x", 7, None, True, [["sub", "c9"]]])
def test_what_is_signed_must_be_claims(visitor: Browser, provider: FakeProvider, body: Any) -> None:
    token = made(provider, {"alg": "RS256", "kid": "k1"}, [body] if body is None else body)
    assert bearer(visitor, token) == 303


def test_a_token_for_several_is_for_us_too(visitor: Browser, provider: FakeProvider) -> None:
    assert bearer(visitor, provider.signed(aud=["another", "guldadra"])) == 200


def test_that_a_log_in_was_strong_is_told_by_its_level_alone() -> None:
    claims = {"sub": "k", "role": "clinic", "units": "hip/U01", "strong": True, "acr": "weak"}
    assert not person_of(renamed(claims, PROVIDER), strong_levels=PROVIDER.strong_levels).strong
    assert person_of(renamed({**claims, "acr": "loa3"}, PROVIDER), strong_levels=PROVIDER.strong_levels).strong


def test_the_provider_is_asked_for_new_keys_seldom(visitor: Browser, provider: FakeProvider) -> None:
    before = provider.asked
    for number in range(10):
        bearer(visitor, provider.signed(RSAKey.generate_key(2048, {"kid": f"k{number}"})))
    assert provider.asked - before <= 2  # its description and its keys


def test_a_token_of_a_key_that_the_provider_has_since_is_taken(visitor: Browser, provider: FakeProvider) -> None:
    assert bearer(visitor, provider.signed()) == 200
    provider.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
    bearers = visitor.app.state.bearer  # type: ignore[attr-defined] # of the application
    bearers._fetched -= 11  # it asks again no sooner than after ten seconds
    assert bearer(visitor, provider.signed()) == 200


def test_another_scheme_is_no_way_round_the_session(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip), "agency")
    assert visitor.get("/", headers={"authorization": "Basic YTpi"}).status_code != 200


def test_who_asks_too_much_is_told_when_to_come_again(hip: Mapping[str, RegistryDefinition]) -> None:
    visitor = browser(portal(hip, requests_a_minute=5))
    answers = [visitor.get("/") for _ in range(7)]
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert answers[-1].headers["retry-after"] == "60"
