"""What is not an id or a type, although Bitrix24 would cast most of it to one."""

from __future__ import annotations

from decimal import Decimal

import numpy
import pytest
from undecided import Undecided


class Unprintable:
    """A thing whose ``repr`` fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


BAD_IDS = [
    pytest.param(value, id=name)
    for name, value in {
        "nothing": None,
        "the text None": "None",
        "an empty text": "",
        "a blank": " ",
        "zero": 0,
        "zero in text": "0",
        "a negative number": -5,
        "a negative text": "-5",
        "a sign": "+7",
        "trailing letters": "12abc",
        "a comma": "1,2",
        "a fraction": 12.7,
        "a whole float": 7.0,
        "a float in text": "7.0",
        "an exponent": "1e3",
        "a prefix": "0x1A",
        "an underscore": "1_000",
        "a leading blank": " 7",
        "a line break": "7\n",
        "true": True,
        "false": False,
        "a list": [3],
        "a mapping": {},
        "bytes": b"7",
        "Arabic digits": "\u0661\u0662",
        "a superscript": "\u00b2",
        "full-width digits": "\uff17",
        "beyond 64 bits": 2**63,
        "beyond 64 bits in text": str(2**63),
        "more digits than Python prints": 10**5000,
        "more digits than Python reads": "9" * 5000,
        "a fractional decimal": Decimal("7.5"),
        "a decimal that is no number": Decimal("NaN"),
        "a signalling decimal": Decimal("sNaN"),
        "an infinite decimal": Decimal("Infinity"),
        "an astronomic decimal": Decimal("1E+999999999"),
        "a NumPy float": numpy.float64(7),
        "a short NumPy float": numpy.float32(7),
        "a NumPy boolean": numpy.bool_(True),
        "a NumPy array": numpy.array([1, 2]),
        "a missing value": Undecided(),
        "an unprintable thing": Unprintable(),
        "a class": int,
    }.items()
]

GOOD_IDS = [
    pytest.param(value, number, id=name)
    for name, value, number in [
        ("a number", 7, 7),
        ("a text", "7", 7),
        ("leading zeros", "007", 7),
        ("a decimal", Decimal(7), 7),
        ("a decimal with zeros behind", Decimal("7.00"), 7),
        ("a decimal with an exponent", Decimal("7E+2"), 700),
        ("a NumPy integer", numpy.int64(7), 7),
        ("an unsigned NumPy byte", numpy.uint8(7), 7),
        ("a NumPy text", numpy.str_("7"), 7),
        ("the smallest", 1, 1),
        ("the largest", 2**63 - 1, 2**63 - 1),
        ("the largest in text", str(2**63 - 1), 2**63 - 1),
    ]
]

BAD_TYPES = [
    pytest.param(value, id=name)
    for name, value in {
        "a number": 2,
        "a number in text": "2",
        "a smart process's short code": "T80",
        "a short code": "D",
        "unknown": "unknown",
        "an empty text": "",
        "a blank": " ",
        "nothing": None,
        "a list": ["deal"],
        "true": True,
        "a recycle bin": "dynamic_192",
        "a recycle bin past 1030": "dynamic_1043",
        "a number of no smart process": "dynamic_12",
        "a smart process without number": "dynamic_",
        "a smart process with a zero": "dynamic_0128",
        "a smart process in Arabic digits": "dynamic_\u0661\u0662\u0668",
        "a smart process beyond everything": "dynamic_" + "2" * 30,
        "a requisite": "requisite",
        "two types": "deal,lead",
    }.items()
]

GOOD_TYPES = [
    pytest.param(value, name, id=value.strip())
    for value, name in [
        ("deal", "deal"),
        ("DEAL", "deal"),
        (" deal ", "deal"),
        ("Lead", "lead"),
        ("contact", "contact"),
        ("company", "company"),
        ("quote", "quote"),
        ("smart_invoice", "smart_invoice"),
        ("SMART_INVOICE", "smart_invoice"),
        ("order", "order"),
        ("dynamic_1042", "dynamic_1042"),
        ("DYNAMIC_128", "dynamic_128"),
        ("dynamic_191", "dynamic_191"),
        ("dynamic_1030", "dynamic_1030"),
    ]
]
