"""What operators share that take one binding, by its parts or with a whole item, or many by ``bindings``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_bitrix24.crm.ids import parse_id
from airflow_provider_bitrix24.crm.items import CrmItem, parse_entity_type
from airflow_provider_bitrix24.crm.timeline.bindings import ALREADY_BOUND, BOUND, NOT_BOUND, UNBOUND, Binding
from airflow_provider_bitrix24.operators.arguments import or_none
from airflow_provider_bitrix24.operators.bulk import BulkOperator, Outcomes, named


class OneOrManyOperator(BulkOperator):
    """Base of operators that act on bindings, of timeline records or of activities."""

    #: names of the arguments that make one binding
    parts: ClassVar[tuple[str, str, str]]
    noun = "bindings"
    bindings: Any
    item: Any

    def take_bindings(self, **arguments: Any) -> None:
        """Keep the arguments that say which bindings are meant.

        :param arguments: the three parts, ``item`` and ``bindings``, as the constructor got them
        :raises InvalidInputError: a literal one is not valid
        """
        for name, value in arguments.items():
            setattr(self, name, or_none(value))
        self.arguments.note(**arguments)
        checks = dict(zip(self.parts, (parse_id, parse_entity_type, parse_id), strict=True))
        self.arguments.check_literals(
            **checks, item=CrmItem.parse, bindings=lambda value, _: self.parse_many(value)
        )

    def check_given(self) -> None:
        """Refuse a binding that is given in part, twice or not at all.

        :raises InvalidInputError: it is
        """
        thing, *parts = self.parts
        if self.arguments.has("item"):
            self.arguments.check_either(parts, "item")
            self.arguments.check_either((thing, "item"), "bindings")
        else:
            self.arguments.check_either(self.parts, "bindings")

    @abstractmethod
    def parse_one(self, *parts: Any) -> Binding:
        """Return a binding from its three parts."""

    @abstractmethod
    def parse_many(self, bindings: Any) -> Sequence[Binding]:
        """Return bindings from a list."""

    def parse(self) -> Sequence[Binding]:
        """Return the bindings that are meant."""
        if self.arguments.has("bindings"):
            return self.parse_many(self.bindings)
        if self.arguments.has("item"):
            return [self.parse_one(getattr(self, self.parts[0]), *CrmItem.parse(self.item).pair)]
        return [self.parse_one(*(getattr(self, name) for name in self.parts))]

    def sentence(self, outcomes: Outcomes) -> str:
        """Return a sentence on one record or activity."""
        return binding_sentence(outcomes)


#: what happened to a binding, in words
_WORDS = {
    BOUND: "now shows on",
    ALREADY_BOUND: "was already on",
    UNBOUND: "no longer shows on",
    NOT_BOUND: "was not on",
}


def binding_sentence(outcomes: Outcomes) -> str:
    """Return a sentence on what happened to the bindings of one record or activity, ``""`` for several.

    :param outcomes: what happened to each binding
    """
    things = {outcome.subject.thing for outcome in outcomes}
    if len(things) != 1:
        return ""
    told = []
    for status, words in _WORDS.items():
        items = dict.fromkeys(outcome.subject.item for outcome in outcomes if outcome.status == status)
        if items:
            told.append(f"{words} {named(list(items))}")
    return f"{things.pop()} {'; it '.join(told)}."
