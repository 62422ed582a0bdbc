"""All parts of the imitated company together, and the things that can happen in it."""

import threading
from typing import Any

from zalo_simulator import webhooks
from zalo_simulator.clock import Clock
from zalo_simulator.errors import Host, refuse
from zalo_simulator.faults import Faults
from zalo_simulator.http_types import Request
from zalo_simulator.messages import Message, Messages, NewMessage
from zalo_simulator.oauth import Tokens
from zalo_simulator.options import Options
from zalo_simulator.people import People, Person
from zalo_simulator.sms_memory import SmsMemory
from zalo_simulator.store import Store
from zalo_simulator.templates import (
    BUILT_IN,
    Template,
    template_from_json,
    with_status,
)


class Platform:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        self.store = Store(options.state_path)
        self.tokens = Tokens(options, self.store, self.clock)
        self.people = People(self.store, self.clock)
        self.messages = Messages(self.store, self.clock, options.delivery_seconds)
        self.faults = Faults()
        self.sms = SmsMemory()
        self.webhooks = webhooks.Webhooks(options, self.clock)
        self.templates = {template.template_id: template for template in BUILT_IN}
        for saved in self.store.saved_templates():
            self._know(template_from_json(saved))
        self.daily_quota = options.daily_quota
        self._balance = options.balance
        self._lock = threading.Lock()
        self._calls_in_minute = (0, 0)

    @property
    def balance(self) -> int | None:
        return self._balance

    def set_balance(self, balance: int | None) -> None:
        self._balance = balance

    def pay(self, price: int) -> bool:
        """Take the price from the account; False when there is not enough money."""
        with self._lock:
            if self._balance is None:
                return True
            if self._balance < price:
                return False
            self._balance -= price
            return True

    def check_call(self, request: Request, host: Host) -> None:
        """Do what every API call begins with: the rate limit, the token, its proof."""
        limit = self.options.requests_per_minute
        if limit and self._num_calls_this_minute() > limit:
            raise refuse("rate_limit", host)
        self.tokens.check(request, host)

    def _num_calls_this_minute(self) -> int:
        minute = self.clock.milliseconds() // 60_000
        with self._lock:
            last_minute, num_calls = self._calls_in_minute
            num_calls = num_calls + 1 if minute == last_minute else 1
            self._calls_in_minute = (minute, num_calls)
            return num_calls

    def accept(self, new: NewMessage) -> Message:
        """Take a message, and promise the receipt the platform would send."""
        message = self.messages.accept(new)
        if message.delivered_at is not None:
            self._promise_receipt(message)
        return message

    def _promise_receipt(self, message: Message) -> None:
        after = self.options.delivery_seconds
        if message.channel in ("phone", "hash"):
            self.webhooks.send(
                "user_received_message",
                self._phone_receipt(message),
                after=after,
                is_zns=True,
            )
            return
        self.webhooks.send(
            "user_received_message",
            self._from_account_to(message.user_id)
            | {"message": {"msg_id": message.message_id}},
            after=after,
        )

    def _phone_receipt(self, message: Message) -> dict[str, Any]:
        return {
            "sender": {"id": self.options.oa_id},
            "recipient": {"id": message.recipient},
            "message": {
                "delivery_time": str(message.delivered_at),
                "msg_id": message.message_id,
                "tracking_id": message.tracking_id,
            },
        }

    def _from_account_to(self, user_id: str) -> dict[str, Any]:
        return {
            "sender": {"id": self.options.oa_id},
            "recipient": {"id": user_id},
            "user_id_by_app": webhooks.app_scoped_id(user_id),
        }

    def see(self, person: Person, number: int | None = None) -> int:
        """The person reads messages; the business hears of those sent by user id only."""
        seen = self.messages.mark_seen(person.key, number)
        ids = [message.message_id for message in seen if message.channel in ("uid", "cs")]
        if ids:
            user_id = person.user_id or person.key
            self.webhooks.send(
                "user_seen_message",
                self._from_account_to(user_id) | {"message": {"msg_ids": ids}},
            )
        return len(seen)

    def follow(self, person: Person, follows: bool) -> None:
        self.people.set_follows(person.key, follows)
        if follows:
            self.people.note_interaction(person.key)
        if person.user_id:
            members = {
                "oa_id": self.options.oa_id,
                "follower": {"id": person.user_id},
                "user_id_by_app": webhooks.app_scoped_id(person.user_id),
                "source": "oa_profile",
            }
            self.webhooks.send("follow" if follows else "unfollow", members)

    def reply(self, person: Person, text: str) -> None:
        """The person writes to the Official Account."""
        self.people.note_interaction(person.key)
        new = NewMessage("reply", person.user_id, person.key, template_data={"text": text})
        message = self.messages.accept(new)
        if person.user_id:
            members = {
                "sender": {"id": person.user_id},
                "recipient": {"id": self.options.oa_id},
                "user_id_by_app": webhooks.app_scoped_id(person.user_id),
                "message": {"text": text, "msg_id": message.message_id},
            }
            self.webhooks.send("user_send_text", members)

    def add_template(self, template: Template) -> None:
        self.store.save_template(template.template_id, template.as_json())
        self._know(template)

    def change_template_status(self, template_id: str, status: str) -> None:
        """Do what a reviewer does, and tell the business."""
        before = self.templates[template_id]
        self.add_template(with_status(before, status))
        self.webhooks.send(
            "change_template_status",
            {
                "oa_id": self.options.oa_id,
                "template_id": template_id,
                "status": {"prev_status": before.status, "new_status": status},
                "reason": "",
            },
        )

    def _know(self, template: Template) -> None:
        self.templates[template.template_id] = template

    def change_daily_quota(self, quota: int) -> None:
        before, self.daily_quota = self.daily_quota, quota
        self.webhooks.send(
            "change_oa_daily_quota",
            {
                "oaId": self.options.oa_id,
                "quota": {"prev_value": before, "new_value": quota},
            },
        )

    def reset(self) -> None:
        """Forget everything and start as on the first day."""
        self.messages.delete_all()
        self.store.forget_everything()
        self.tokens.revoke_access()
        self.tokens.mint()
        self.faults.clear()
        self.clock.reset()
        self.templates = {template.template_id: template for template in BUILT_IN}
        self.daily_quota, self._balance = self.options.daily_quota, self.options.balance

    def text(self, value: int) -> str | int:
        """Write a number the way the platform does where it sends strings."""
        return value if self.options.flip_types else str(value)

    def number(self, value: int) -> str | int:
        return str(value) if self.options.flip_types else value
