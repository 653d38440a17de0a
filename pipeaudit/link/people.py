"""What a column's name says of people: protected attributes, proxies of them, direct identifiers, consent."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PROTECTED = frozenset(
    """race ethnicity ethnic_group ethnic race_ethnicity gender sex religion nationality citizenship disability disabled
    sexual_orientation pregnant pregnancy marital_status maritalstatus married caste skin_color native_country
    country_of_birth political_party union_membership""".split()
)
_PROXIES = frozenset(
    """zip zip_code zipcode postal_code postcode surname last_name lastname birthplace place_of_birth native_language
    mother_tongue first_name firstname neighborhood neighbourhood""".split()
)
_IDENTIFIERS = frozenset(
    """email e_mail email_address mail phone phone_number mobile mobile_number telephone ssn social_security_number
    national_id passport passport_number passport_no iban credit_card card_number account_number street street_address
    home_address ip_address ip_addr device_id imei full_name fullname first_name last_name surname drivers_license
    license_plate tax_id patient_name customer_name""".split()
)
_CONSENT = re.compile(r"(^|_)(consent\w*|opt_?(in|out)|gdpr\w*|do_not_use|do_not_contact|legal_basis)(_|$)")
_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def plain(column: str) -> str:
    """`maritalStatus` and `Marital Status` as `marital_status`."""
    return "_".join(part for part in _PARTS.split(column) if part).lower()


def protected(columns: Iterable[str]) -> list[str]:
    return [column for column in columns if plain(column) in _PROTECTED]


def proxies(columns: Iterable[str]) -> list[str]:
    """Columns that stand in for a protected attribute."""
    return [column for column in columns if plain(column) in _PROXIES]


def identifiers(columns: Iterable[str]) -> list[str]:
    """Columns that name or reach one person."""
    return [column for column in columns if plain(column) in _IDENTIFIERS]


def consents(columns: Iterable[str]) -> list[str]:
    return [column for column in columns if _CONSENT.search(plain(column))]
