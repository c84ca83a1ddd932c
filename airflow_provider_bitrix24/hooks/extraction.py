"""Reads a dataset from a portal, chunk by chunk."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_bitrix24.crm.extraction.datasets import (
    Dataset,
    ListDataset,
    OwnedDataset,
    SmallDataset,
    parse_dataset,
)
from airflow_provider_bitrix24.crm.extraction.product_rows import OWNERS_A_CALL
from airflow_provider_bitrix24.crm.extraction.typed_rows import OnBadValue, TypedRows
from airflow_provider_bitrix24.crm.extraction.windows import (
    OVERLAP,
    Beginning,
    Window,
    begin,
    parse_since,
    window_since,
)
from airflow_provider_bitrix24.crm.fields.columns import Chunk, Column
from airflow_provider_bitrix24.crm.fields.known_calls import check_call
from airflow_provider_bitrix24.crm.fields.schema import CrmSchema, Names
from airflow_provider_bitrix24.crm.fields.where import parse_where
from airflow_provider_bitrix24.crm.inputs import listed
from airflow_provider_bitrix24.hooks.bulk import DEFAULT_IN_FLIGHT, LIST_IN_FLIGHT, check_list_in_flight
from airflow_provider_bitrix24.rest.batches import BATCH_SIZE
from airflow_provider_bitrix24.rest.calls import Call
from airflow_provider_bitrix24.rest.errors import Bitrix24Error, IncompleteListError, InvalidInputError
from airflow_provider_bitrix24.rest.methods import number_of
from airflow_provider_bitrix24.rest.plans import Plan, T
from airflow_provider_bitrix24.rest.shown import shown

if TYPE_CHECKING:
    from airflow_provider_bitrix24.hooks.rest import RestHook

#: rows that are made columns at once
CHUNK_ROWS = 2_500


class Extraction:
    """Reads a dataset from a portal.

    :param hook: asks the portal
    :param dataset: the dataset
    :param schema: the fields to read
    :param where: which rows to read, a filter in the API's names
    :param on_bad_value: whether a value that does not fit its field's type is an error, or ``None``
    :param max_in_flight: how many requests may be under way at once
    :param whole: all fields that the dataset has; ``None`` for those that are read
    """

    def __init__(
        self,
        hook: RestHook,
        dataset: Dataset,
        schema: CrmSchema,
        where: Mapping[str, Any],
        *,
        on_bad_value: OnBadValue = "fail",
        max_in_flight: int = LIST_IN_FLIGHT,
        whole: CrmSchema | None = None,
    ) -> None:
        self._hook = hook
        self._in_flight = max_in_flight
        self.dataset = dataset
        self.schema = schema
        self.where = where
        #: all fields that the dataset has, also those that are not read
        self.whole = schema if whole is None else whole
        #: how many rows came so far
        self.rows_read = 0
        #: what is read: lists that follow one another
        self.filters: Sequence[Mapping[str, Any]] = [where]
        self._typed = TypedRows(schema, on_bad_value)

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of its chunks."""
        return self._typed.columns

    @property
    def bad_values(self) -> Mapping[str, int]:
        """How many values were none of their field's type so far, by column; they are ``None``."""
        return self._typed.bad_values

    def begin(self) -> Beginning | None:
        """Ask for the portal's clock and whether dates can be filtered by; ``None`` without a list by id.

        :raises Bitrix24Error: a request failed
        """
        if not isinstance(self.dataset, ListDataset):
            return None
        return self._hook.carry_out(begin(self.dataset.ids_call(), self.dataset.changed_name))

    def narrow(self, window: Window) -> None:
        """Read nothing but a window, and log what is to be said of it.

        :param window: the window
        :raises InvalidInputError: the filter has a condition that the window sets itself
        """
        for note in window.notes:
            self._hook.log.info("%s", note)
        self.filters = window.filters(self.where)

    def chunks(self) -> Generator[Chunk]:
        """Yield the rows, 2,500 at a time; a failure is logged with the number of rows read before it.

        :raises BadValueError: a value does not fit its field's type
        :raises IncompleteListError: rows are missing or come twice
        :raises Bitrix24Error: a request failed
        """
        page: list[dict[str, Any]] = []
        with ExitStack() as stack:
            rows = iter(self._raw_rows())
            if isinstance(rows, Generator):
                stack.enter_context(closing(rows))
            try:
                for row in rows:
                    page.append(row)
                    if len(page) == CHUNK_ROWS:
                        yield self._counted(page)
                        page = []
                if page:
                    yield self._counted(page)
                    page = []
            except Bitrix24Error:
                what, count = self.dataset.name, self.rows_read + len(page)
                self._hook.log.warning("Reading %s ended with an error after %d rows.", what, count)
                raise

    def _counted(self, page: list[dict[str, Any]]) -> Chunk:
        chunk = self._typed.chunk(page)
        self.rows_read += len(page)
        return chunk

    def _raw_rows(self) -> Iterable[dict[str, Any]]:
        if isinstance(self.dataset, SmallDataset):
            return self._hook.carry_out(self.dataset.read())
        if isinstance(self.dataset, OwnedDataset):
            return self._of_owners(self.dataset)
        assert isinstance(self.dataset, ListDataset)  # noqa: S101 - there is no other kind
        return self.rows_of([self.dataset.call(self.schema, where) for where in self.filters])

    def rows_of(self, calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
        """Yield the rows of lists, with as many requests under way as the extraction may have.

        :param calls: the lists, one after the other
        :raises Bitrix24Error: a request failed
        """
        for call in calls:
            # not hook.records(), which reports what it reads to Airflow's lineage
            rows = self._hook.get_conn().records(check_call(call), in_flight=self._in_flight)
            with closing(rows):  # who reads no further stops what is under way
                yield from rows

    def _of_owners(self, dataset: OwnedDataset) -> Iterator[dict[str, Any]]:
        """Yield what belongs to items, some thousand of them at a time."""
        profile = self._hook.call("profile")
        together = isinstance(profile, Mapping) and profile.get("ADMIN") is True
        owners = self.rows_of([dataset.owners.ids_call(where) for where in self.filters])
        while page := list(islice(owners, BATCH_SIZE * OWNERS_A_CALL)):
            ids = [number for row in page if (number := number_of(row.get("id"))) is not None]
            if together:
                try:
                    yield from self.carry_out(dataset.read(ids, together=True))
                    continue
                except IncompleteListError as error:
                    together = False
                    self._hook.log.info("Product rows are read item by item: %s", error)
            yield from self.carry_out(dataset.read(ids, together=False))

    def carry_out(self, plan: Plan[T]) -> T:
        """Carry out a plan that only asks, with as many requests under way as the extraction may have.

        :param plan: the plan
        :raises Bitrix24Error: what the plan raises
        """
        return self._hook.carry_out(plan, in_flight=min(self._in_flight, DEFAULT_IN_FLIGHT))


def open_extraction(
    hook: RestHook,
    dataset: Any,
    *,
    fields: Any = None,
    where: Any = None,
    changed_since: Any = None,
    names: Any = "snake",
    on_bad_value: Any = "fail",
    max_in_flight: int = LIST_IN_FLIGHT,
) -> Extraction:
    """Read the metadata of a dataset, and return what reads its rows.

    :param hook: asks the portal
    :param dataset: the dataset's name
    :param fields: names of the fields to read; ``None`` for all but those that cost much
    :param where: a filter in the API's or in the columns' names
    :param changed_since: a moment from which changes are read; ``None`` to read everything
    :param names: ``snake`` or ``api``
    :param on_bad_value: ``fail`` or ``null``
    :param max_in_flight: how many requests may be under way at once
    :raises InvalidInputError: one of these is not valid; no row was read
    """
    found = parse_dataset(dataset)
    wanted = check_fields(fields)
    check_choice(names, "names", get_args(Names))
    check_choice(on_bad_value, "on_bad_value", get_args(OnBadValue))
    check_list_in_flight(max_in_flight)
    moment = None
    if changed_since is not None:
        check_dated(found, "changed_since")
        moment = parse_since(changed_since, "changed_since")
    whole = hook.carry_out(found.describe(names))
    extraction = Extraction(
        hook,
        found,
        whole.only(wanted),
        _condition_of(hook, found, where, whole, names),
        on_bad_value=on_bad_value,
        max_in_flight=max_in_flight,
        whole=whole,
    )
    beginning = extraction.begin() if moment is not None else None
    if beginning is not None:
        extraction.narrow(window_since(beginning, moment, OVERLAP, "changed_since"))
    return extraction


def _condition_of(
    hook: RestHook, dataset: Dataset, where: Any, schema: CrmSchema, names: Names
) -> dict[str, Any]:
    """Return a filter in the API's names."""
    if where is None:
        return {}
    if isinstance(dataset, OwnedDataset):  # its filter is one of the items
        schema = hook.carry_out(dataset.owners.describe(names))
    check_filtered(dataset)
    lists = dataset.owners if isinstance(dataset, OwnedDataset) else dataset
    of_items = isinstance(lists, ListDataset) and lists.method == "crm.item.list"
    return parse_where(where, schema, of_items=of_items)


def check_fields(value: Any) -> list[str] | None:
    """Return a value of ``fields``; one JSON text, as a template may give it, is read as such.

    :param value: names of fields, ``None`` for all
    :raises InvalidInputError: it is no list of names
    """
    if value is None:
        return None
    names = listed(value, "fields", "names of fields", "Give a list such as ['title', 'stage_id'].")
    if not names:
        raise InvalidInputError("fields: the list is empty", remedy="Leave it out to read every field.")
    return names


def check_dated(dataset: Dataset, field: str) -> None:
    """Refuse to read changes of a dataset that has no date of the last change.

    :param dataset: the dataset
    :param field: the argument that asks for changes
    :raises InvalidInputError: it has none
    """
    if not dataset.changed_name:
        raise InvalidInputError(
            f"{field}: {dataset.name} has no date of the last change",
            remedy="Leave it out: the dataset is read whole each time.",
        )


def check_filtered(dataset: Dataset) -> None:
    """Refuse a filter of a dataset that is always read whole.

    :param dataset: the dataset
    :raises InvalidInputError: it is one
    """
    if not dataset.takes_filter:
        raise InvalidInputError(
            f"where: {dataset.name} is always read whole", remedy="Leave it out, and filter what comes."
        )


def check_choice(value: Any, name: str, choices: Sequence[str]) -> None:
    """Refuse what is none of an argument's values.

    :param value: the argument
    :param name: its name
    :param choices: its values
    :raises InvalidInputError: it is none of them
    """
    if value not in choices:
        raise InvalidInputError(f"{name}: {shown(value)} is none of {', '.join(choices)}")
