"""The database as the commands need it: brought up to date, filled with the demo where it is one, and checked."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from recourse import migrations
from recourse.core.clock import SystemClock
from recourse.core.db import reading, transaction
from recourse.core.settings import settings
from recourse.demo.seed import seed
from recourse.ops.doctor import Finding, Status
from recourse.orders import service as orders


def prepare() -> None:
    """Bring the schema up to date and fill an empty demo store. A store that is not a demo is never filled."""
    migrations.upgrade(settings().database_url)
    if not settings().demo:
        return
    with transaction() as session:
        if not orders.any_order(session):
            seed(session, SystemClock().now())


def refill(reset: bool) -> None:
    """Bring the schema up to date and fill the store with the demo. Raises RecourseError where it is not empty."""
    migrations.upgrade(settings().database_url)
    with transaction() as session:
        seed(session, SystemClock().now(), reset=reset)


def check() -> Finding:
    """Can the database be reached, and is its schema current? Changes nothing."""
    shown = make_url(settings().database_url).render_as_string(hide_password=True)
    try:
        if not migrations.is_current(settings().database_url):
            return Finding("Database", Status.FAIL, f"{shown}: not up to date", "run `recourse up` or `recourse seed`")
        with reading() as session:
            filled = orders.any_order(session)
    except SQLAlchemyError as error:
        fix = "check RECOURSE_DATABASE_URL, and that the server runs"
        return Finding("Database", Status.FAIL, f"{shown}: {type(error).__name__}", fix)
    if not filled:
        return Finding("Database", Status.WARN, f"{shown}: no orders in it", "run `recourse seed` for the demo's")
    return Finding("Database", Status.OK, shown)
