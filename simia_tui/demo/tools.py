"""The tools of the library desk as declared to the assistant, and the check of arguments against them."""

from functools import cache
from typing import Any

from simia_tui.model import ToolSpec

MEMBER_ID = {"type": "string", "pattern": "^M-[0-9]{5}$", "description": "Member number, for example M-40217."}
ITEM_ID = {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{5}$", "description": "Item number, for example BK-10482."}
LOAN_ID = {"type": "string", "pattern": "^L-[0-9]{6}$", "description": "Loan number, for example L-583921."}
ISO_DATE = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _spec(name: str, description: str, required: list[str], **properties: dict[str, Any]) -> ToolSpec:
    parameters: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        parameters["required"] = required
    return ToolSpec(name=name, description=description, parameters=parameters)


TOOLS: tuple[ToolSpec, ...] = (
    _spec(
        "find_member",
        "Find a member by the number on the library card. Returns the member's record with fines and number of loans.",
        ["card_number"],
        card_number={"type": "string", "pattern": "^LC-[0-9]{6}$", "description": "For example LC-482913."},
    ),
    _spec(
        "find_member_by_name",
        "Find a member by full name and date of birth, when the card is not at hand.",
        ["full_name", "birth_date"],
        full_name={"type": "string", "minLength": 3},
        birth_date={**ISO_DATE, "description": "Date of birth as YYYY-MM-DD."},
    ),
    _spec(
        "list_loans",
        "List the loans of a member with due dates and renewals.",
        ["member_id", "status"],
        member_id=MEMBER_ID,
        status={"type": "string", "enum": ["open", "overdue", "all"], "description": "Which loans to list."},
    ),
    _spec(
        "search_catalogue",
        "Search the catalogue. An empty list means that nothing matched.",
        ["query", "field"],
        query={"type": "string", "minLength": 2},
        field={"type": "string", "enum": ["title", "author", "subject"]},
        limit={"type": "integer", "minimum": 1, "maximum": 10, "description": "Results at most; 5 if left out."},
    ),
    _spec("get_item", "Details of one item: copies on the shelf and members waiting.", ["item_id"], item_id=ITEM_ID),
    _spec("borrow_item", "Lend one item to a member.", ["member_id", "item_id"], member_id=MEMBER_ID, item_id=ITEM_ID),
    _spec("renew_loan", "Renew one loan, counted from today.", ["loan_id"], loan_id=LOAN_ID),
    _spec(
        "return_items",
        "Take back one or more loans of one member and book what they cost.",
        ["loan_ids", "condition"],
        loan_ids={"type": "array", "items": LOAN_ID, "minItems": 1, "maxItems": 8, "uniqueItems": True},
        condition={
            "type": "string",
            "enum": ["good", "worn", "damaged"],
            "description": "State of the returned items.",
        },
    ),
    _spec(
        "pay_fine",
        "Book a payment towards a member's fines.",
        ["member_id", "amount", "method"],
        member_id=MEMBER_ID,
        amount={"type": "number", "exclusiveMinimum": 0, "description": "Amount with at most two decimals."},
        method={"type": "string", "enum": ["card", "cash", "voucher"]},
    ),
    _spec(
        "place_hold",
        "Reserve an item that has no copy on the shelf.",
        ["member_id", "item_id", "pickup"],
        member_id=MEMBER_ID,
        item_id=ITEM_ID,
        pickup={"type": "string", "enum": ["main desk", "north branch", "book bus"]},
    ),
    _spec(
        "update_contact",
        "Change a member's address, email or phone. Leave out what stays as it is.",
        ["member_id"],
        member_id=MEMBER_ID,
        email={"type": "string"},
        phone={"type": "string"},
        address={
            "type": "object",
            "properties": {
                "street": {"type": "string", "minLength": 3},
                "city": {"type": "string", "minLength": 2},
                "postcode": {"type": "string", "minLength": 4},
            },
            "required": ["street", "city", "postcode"],
            "additionalProperties": False,
        },
    ),
)

NAMES = frozenset(tool.name for tool in TOOLS)

READS = frozenset({"find_member", "find_member_by_name", "list_loans", "search_catalogue", "get_item"})
"""Tools that change nothing."""


@cache
def _validator(name: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(next(tool.parameters or {} for tool in TOOLS if tool.name == name))


def schema_errors(name: str, arguments: dict[str, Any]) -> list[str]:
    """What the schema of tool `name` says against `arguments`; empty when they are valid.

    Raises:
        KeyError: there is no such tool.
    """
    if name not in NAMES:
        raise KeyError(name)
    return [error.message for error in _validator(name).iter_errors(arguments)]
