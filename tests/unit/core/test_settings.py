"""Settings come from the environment; a bad one is named."""

from __future__ import annotations

import pytest

from recourse.core.errors import ConfigurationError
from recourse.core.settings import (
    DEMO_PROVIDER_KEY,
    DEMO_SECRET,
    DEMO_WEBHOOK_SECRET,
    PROJECT_ROOT,
    from_environment,
)


def test_an_empty_environment_gives_the_demo() -> None:
    made = from_environment({})
    assert made.demo
    assert made.shop_secret == DEMO_SECRET
    assert made.data_dir == PROJECT_ROOT / "var"
    assert made.database_url == f"sqlite:///{PROJECT_ROOT / 'var' / 'recourse.db'}"
    assert (made.host, made.port) == ("127.0.0.1", 8000)
    assert made.allowed_origins == ()
    assert made.dev_buyer is None


def test_a_shops_own_secret_ends_the_demo() -> None:
    assert not from_environment({"RECOURSE_SHOP_SECRET": "s" * 40}).demo


def test_values_are_taken_over() -> None:
    made = from_environment(
        {
            "RECOURSE_DATA": "/srv/recourse",
            "RECOURSE_PORT": "8100",
            "RECOURSE_HOST": "0.0.0.0",  # noqa: S104
            "RECOURSE_ORIGINS": "https://shop.example, https://m.shop.example ,",
            "RECOURSE_DEV_BUYER": "b-1001",
        }
    )
    assert made.database_url == "sqlite:////srv/recourse/recourse.db"
    assert made.port == 8100
    assert made.allowed_origins == ("https://shop.example", "https://m.shop.example")
    assert made.dev_buyer == "b-1001"


def test_empty_values_count_as_not_set() -> None:
    assert from_environment({"RECOURSE_PORT": "", "RECOURSE_DATA": "", "RECOURSE_DEV_BUYER": ""}) == from_environment(
        {}
    )


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5", "８０００x"])
def test_a_bad_port_is_named(port: str) -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_PORT must be a port number"):
        from_environment({"RECOURSE_PORT": port})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_urls_go_to_psycopg(scheme: str) -> None:
    made = from_environment({"RECOURSE_DATABASE_URL": f"{scheme}://u:p@db/shop"})
    assert made.database_url == "postgresql+psycopg://u:p@db/shop"


@pytest.mark.parametrize("url", ["mysql://db/shop", "recourse.db", "postgresql+asyncpg://db/shop"])
def test_other_databases_are_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must start with sqlite:/// or postgresql://") as caught:
        from_environment({"RECOURSE_DATABASE_URL": url})
    assert "shop" not in str(caught.value)


def test_the_demo_has_a_provider_key_and_a_webhook_secret_of_its_own() -> None:
    made = from_environment({})
    assert (made.provider_url, made.provider_key, made.simulators) == (None, DEMO_PROVIDER_KEY, True)
    assert made.provider_webhook_secrets == (DEMO_WEBHOOK_SECRET,)


def test_a_shop_has_none_of_the_demos_secrets() -> None:
    made = from_environment({"RECOURSE_SHOP_SECRET": "s" * 40, "RECOURSE_PROVIDER_URL": "https://pay.example/v1/"})
    assert (made.provider_url, made.provider_key, made.provider_webhook_secrets) == ("https://pay.example/v1", "", ())
    assert not made.simulators


def test_two_webhook_secrets_are_known_while_one_is_replaced() -> None:
    second = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
    made = from_environment({"RECOURSE_PROVIDER_WEBHOOK_SECRET": f"{DEMO_WEBHOOK_SECRET}, {second}"})
    assert made.provider_webhook_secrets == (DEMO_WEBHOOK_SECRET, second)


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "not base64!", "whsec_"])
def test_a_weak_webhook_secret_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_PROVIDER_WEBHOOK_SECRET must be") as caught:
        from_environment({"RECOURSE_PROVIDER_WEBHOOK_SECRET": secret})
    assert secret.removeprefix("whsec_") not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no", "false"])
def test_simulators_can_be_switched_off(word: str) -> None:
    assert not from_environment({"RECOURSE_SIMULATORS": word}).simulators


def test_a_provider_is_reached_over_http() -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_PROVIDER_URL"):
        from_environment({"RECOURSE_PROVIDER_URL": "ftp://pay.example"})
