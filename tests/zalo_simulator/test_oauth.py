import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import requests

from tests.zalo_simulator.conftest import Business, MakeSimulator
from zalo_simulator.server import Simulator

APP_ID, SECRET = "1000000000000000001", "simulator-app-secret"
FIRST = "simulator-refresh-token"


def ask(zalo: Simulator, secret: str = SECRET, **form: str) -> Any:
    answer = requests.post(
        f"{zalo.base_url}/v4/oa/access_token",
        data={"app_id": APP_ID, **form},
        headers={"secret_key": secret},
        timeout=5,
    )
    assert answer.status_code == 200
    return answer.json()


def refresh(zalo: Simulator, token: str = FIRST, **changes: str) -> Any:
    return ask(zalo, **{"grant_type": "refresh_token", "refresh_token": token, **changes})


def test_refresh_gives_a_new_pair_that_lasts_25_hours(zalo: Simulator) -> None:
    pair = refresh(zalo)

    assert set(pair) == {"access_token", "refresh_token", "expires_in"}
    assert pair["expires_in"] == "90000"
    assert pair["refresh_token"] != FIRST


def test_refresh_token_works_once(zalo: Simulator) -> None:
    second = refresh(zalo)["refresh_token"]
    refused = refresh(zalo)

    assert refused["error"] == -14014
    assert refused["error_name"] == "Invalid refresh token"
    assert "access_token" not in refused
    assert "access_token" in refresh(zalo, second)


def test_wrong_app_and_wrong_secret_are_told_apart(zalo: Simulator) -> None:
    assert refresh(zalo, app_id="7")["error"] == -14002
    assert refresh(zalo, secret="nonsense")["error"] == -14004
    # Neither of them used the token up.
    assert "access_token" in refresh(zalo)


def test_authorization_code_works_once(zalo: Simulator) -> None:
    code = requests.post(
        f"{zalo.base_url}/simulator/credentials",
        json={"kind": "authorization_code"},
        timeout=5,
    ).json()["code"]
    grant = {"grant_type": "authorization_code", "code": code}

    assert "refresh_token" in ask(zalo, **grant)
    assert ask(zalo, **grant)["error"] == -14005


def test_consent_link_returns_a_code_bound_to_the_challenge(zalo: Simulator) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    answer = requests.get(
        f"{zalo.base_url}/v4/oa/permission",
        params={
            "app_id": APP_ID,
            "redirect_uri": "http://shop.test/back",
            "code_challenge": challenge,
            "state": "s1",
        },
        allow_redirects=False,
        timeout=5,
    )
    address = requests.models.PreparedRequest()
    address.prepare_url(answer.headers["Location"], {})
    assert address.url is not None
    assert "oa_id=1000000000000000002" in address.url
    assert address.url.endswith("state=s1")
    code = address.url.split("code=")[1].split("&")[0]
    grant = {"grant_type": "authorization_code", "code": code}
    assert ask(zalo, **grant, code_verifier="w" * 43)["error"] == -14005
    assert "access_token" in ask(zalo, **grant, code_verifier=verifier)


def test_unknown_access_token_is_named_differently_on_the_two_hosts(
    zalo: Simulator,
) -> None:
    stranger = Business(zalo)
    stranger.session.headers["access_token"] = "nonsense"

    assert stranger.by_phone() == {"error": -124, "message": "Access token is invalid"}
    assert stranger.by_uid() == {"error": -216, "message": "Access token is invalid"}


def test_access_token_expires(zalo: Simulator, business: Business) -> None:
    zalo.platform.clock.move_to(zalo.platform.clock.now() + timedelta(seconds=90_001))

    assert business.by_phone()["error"] == -124
    assert business.by_uid()["error"] == -220


def test_wrong_proof_is_refused_and_right_proof_accepted(
    zalo: Simulator, business: Business
) -> None:
    token = str(business.session.headers["access_token"])
    proof = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()

    business.session.headers["appsecret_proof"] = "0" * 64
    assert business.by_phone()["error"] == -1241
    assert business.by_uid()["error"] == -242
    business.session.headers["appsecret_proof"] = proof
    assert business.by_phone()["error"] == 0


def test_proof_can_be_required(make_zalo: MakeSimulator, connect: Any) -> None:
    assert connect(make_zalo(require_proof=True)).by_phone()["error"] == -1241


def test_used_token_stays_used_after_a_restart_until_it_is_minted_again(
    make_zalo: MakeSimulator, tmp_path: Any
) -> None:
    state_path = str(tmp_path / "state.sqlite3")
    first = make_zalo(state_path=state_path)
    access_token = refresh(first)["access_token"]
    second = make_zalo(state_path=state_path)

    assert refresh(second)["error"] == -14014
    answer = requests.get(
        f"{second.base_url}/v2.0/oa/getoa",
        headers={"access_token": access_token},
        timeout=5,
    )
    assert answer.json()["data"]["oa_id"] == "1000000000000000002"
    requests.post(f"{second.base_url}/simulator/credentials", timeout=5)
    assert "access_token" in refresh(second)
