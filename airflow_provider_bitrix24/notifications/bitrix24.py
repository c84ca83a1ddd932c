"""The notifier: tells people in Bitrix24 what happened to a DAG or a task."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.sdk import BaseNotifier

from airflow_provider_bitrix24.chat.messages import Delivery, Message, notify_users, write_to
from airflow_provider_bitrix24.connection.form import DEFAULT_CONN_ID
from airflow_provider_bitrix24.crm.inputs import check_text, holds_template
from airflow_provider_bitrix24.crm.telling import first_of
from airflow_provider_bitrix24.hooks.errors import InvalidInputError, joined
from airflow_provider_bitrix24.hooks.flags import check_flag
from airflow_provider_bitrix24.hooks.rest import RestHook
from airflow_provider_bitrix24.notifications.parsing import parse_attach, parse_dialog, parse_users
from airflow_provider_bitrix24.notifications.patience import awithin, within
from airflow_provider_bitrix24.notifications.rendering import as_written, masked, render_text, render_texts
from airflow_provider_bitrix24.rest.errors import AmbiguousWriteError, Bitrix24Error
from airflow_provider_bitrix24.rest.plans import Plan

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

#: users as they may be given: one, several, or a template that becomes one or a list
UserIdsLike: TypeAlias = int | str | Collection[int | str]
#: blocks as the API takes them, a mapping that holds them, or a template that becomes JSON
AttachLike: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | str

#: seconds that a callback may take
_LONGEST = 30.0


class Bitrix24Notifier(BaseNotifier):
    """Tells users, or a chat, what happened: for callbacks of DAGs and tasks, deadlines and approvals.

    It uses ``im.notify.personal.add``, ``im.notify.system.add`` or ``im.message.add``, and needs the scope
    ``im``. BB codes are allowed in the message's own text. What its expressions render to is shown as it is,
    so an exception's ``[b]`` stays a ``[b]``; secrets that Airflow knows become ``***``. A message of more
    than 20,000 characters is cut, with a mark.

    A message is sent once: if its answer is lost, it is not repeated. The notifier never raises: what went
    wrong stands in the log, and the task's own failure stays what it was. In ``on_failure_callback`` and the
    like ``notify`` is called, in the triggerer ``async_notify``.

    .. code-block:: python

        DEFAULT_ARGS = {
            "on_failure_callback": Bitrix24Notifier(
                user_ids=[1], message="[b]{{ ti.dag_id }}[/b]: {{ ti.task_id }} failed."
            )
        }

    :param message: the text; templated
    :param user_ids: the users who are notified: one id, or several; templated. Give these or ``dialog_id``
    :param dialog_id: the dialog that is written to: ``chat5``, the chat ``sg7`` of a group, or a user's id;
        templated
    :param system: whether it comes from the system, and not from the connection's user
    :param attach: an attachment as the API takes it: a list of blocks, or a mapping with ``BLOCKS``;
        templated
    :param max_wait: seconds after which it is given up, at most 30. It waits two thirds of them for the
        portal's limits
    :param bitrix24_conn_id: Airflow connection of type ``bitrix24``; templated
    :raises InvalidInputError: an argument that is no template cannot be right
    """

    template_fields: Sequence[str] = ("message", "user_ids", "dialog_id", "attach", "bitrix24_conn_id")

    def __init__(
        self,
        *,
        message: str,
        user_ids: UserIdsLike | None = None,
        dialog_id: int | str | None = None,
        system: bool = False,
        attach: AttachLike | None = None,
        max_wait: float = _LONGEST,
        bitrix24_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.user_ids = user_ids
        self.dialog_id = dialog_id
        self.system = system
        self.attach = attach
        self.max_wait = max_wait
        self.bitrix24_conn_id = bitrix24_conn_id
        with joined():
            self._check()

    def _check(self) -> None:
        """Check what is known when the DAG is parsed."""
        if (self.user_ids is None) == (self.dialog_id is None):
            raise InvalidInputError(
                "user_ids, dialog_id: give exactly one of the two",
                remedy="Name users to notify in user_ids, or the chat to write to in dialog_id.",
            )
        check_flag(self.system, "system")
        if not _is_number(self.max_wait) or not 0 < self.max_wait <= _LONGEST:
            raise InvalidInputError(f"max_wait: {self.max_wait!r} is not a number of seconds up to 30")
        check_text(self.message, "message")
        check_text(self.bitrix24_conn_id, "bitrix24_conn_id")
        if not holds_template(repr((self.user_ids, self.dialog_id))):
            self._recipients()
        if self.attach is not None and not holds_template(repr(self.attach)):
            parse_attach(self.attach)

    # --- what Airflow calls ---

    def __call__(self, *args: Any) -> None:
        """Render and send, without ever raising.

        :param args: the context
        """
        with self._reporting():
            # One notifier may serve many tasks, and rendering takes the templates' place.
            context = args[0]
            rendered = copy.copy(self)
            rendered.render_template_fields(context)
            rendered.notify(context)

    def __await__(self) -> Any:
        """Render and send in an event loop, without ever raising."""
        return self._arun().__await__()

    async def _arun(self) -> None:
        with self._reporting():
            rendered = copy.copy(self)
            rendered.render_template_fields(self.context)
            await rendered.async_notify(self.context)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the arguments. Texts stay texts, also in a DAG that renders to Python objects.

        :param context: what the templates may name
        :param jinja_env: not used: values in the message are rendered in an environment of their own
        """
        dag, names = context.get("dag"), dict(context)
        environment = dag.get_template_env(force_sandboxed=True) if dag else self.get_template_env()

        def render(value: Any) -> Any:
            if isinstance(value, str):
                return environment.from_string(value).render(names)
            return [render(part) for part in value] if isinstance(value, Collection) else value

        with self._logging("The message is sent as it is written, because its template fails"):
            template, self.message = str(self.message), as_written(str(self.message), names)
            self.message = render_text(template, names, environment)
        self.user_ids = render(self.user_ids)
        self.dialog_id = render(self.dialog_id)
        self.bitrix24_conn_id = render(self.bitrix24_conn_id)
        attach, self.attach = self.attach, None
        with self._logging("The message is sent without its attachment"):
            if attach is not None:
                is_json = isinstance(attach, str)
                rendered = render(attach) if is_json else render_texts(attach, names, environment)
                self.attach = masked(parse_attach(rendered))

    def notify(self, context: Context) -> None:
        """Send the message, wait ``max_wait`` at most, and log what came of it. Never raises.

        :param context: not used: the arguments are rendered already
        """
        with self._reporting():
            hook = self._hook()
            try:
                self._report(within(self.max_wait, partial(_send, hook, self._plan())))
            finally:
                hook.stop()

    async def async_notify(self, context: Context) -> None:
        """Send the message as :meth:`notify` does, without blocking the event loop.

        :param context: not used: the arguments are rendered already
        """
        with self._reporting():
            self._report(await awithin(self.max_wait, self._hook().acarry_out(self._plan())))

    # --- how ---

    def _hook(self) -> RestHook:
        return RestHook(self.bitrix24_conn_id, max_wait=self.max_wait * 2 / 3, max_attempts=3)

    def _plan(self) -> Plan[list[Delivery]]:
        attach = None if self.attach is None else parse_attach(self.attach)
        message = Message(check_text(self.message, "message"), attach, self.system)
        recipients = self._recipients()
        if isinstance(recipients, str):
            return write_to(recipients, message)
        return notify_users(recipients, message)

    def _recipients(self) -> list[int] | str:
        if self.user_ids is None:
            return parse_dialog(self.dialog_id)
        return parse_users(self.user_ids)

    def _report(self, deliveries: Sequence[Delivery]) -> None:
        reached = [delivery.recipient for delivery in deliveries if delivery.error is None]
        if reached:
            self.log.info("The message was sent in Bitrix24 to %s.", ", ".join(first_of(reached, "more")))
        failures = [_told(delivery.recipient, delivery.error) for delivery in deliveries if delivery.error]
        for failure in first_of(failures, "more failures"):
            self.log.error("%s", failure)

    def _reporting(self) -> AbstractContextManager[None]:
        """Let nothing out: a notifier is not to hide the failure it tells of."""
        return self._logging("The message was not sent in Bitrix24")

    @contextmanager
    def _logging(self, consequence: str) -> Iterator[None]:
        """Log what goes wrong, and go on.

        :param consequence: what that means, in words
        """
        try:
            yield
        except Exception as error:  # anybody's: a template calls what it likes
            reason = _reason(error)
            if isinstance(error, AmbiguousWriteError):
                consequence = "The message may have been sent in Bitrix24, and is not sent again"
        else:
            return
        self.log.error("%s: %s", consequence, reason)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _reason(error: Exception) -> str:
    """Return why something failed, in words that hold no customer's values."""
    from jinja2 import TemplateError

    if isinstance(error, (Bitrix24Error, TemplateError)):
        return str(masked(str(error)))
    return type(error).__name__


def _send(hook: RestHook, plan: Plan[list[Delivery]]) -> list[Delivery]:
    try:
        return hook.carry_out(plan)
    finally:
        hook.close()


def _told(recipient: str, error: Bitrix24Error) -> str:
    fate = "may have been sent in Bitrix24, and is not sent again"
    return (
        f"The message to {recipient} {fate if error.may_have_acted else 'was not sent in Bitrix24'}: {error}"
    )


send_bitrix24_notification = Bitrix24Notifier
