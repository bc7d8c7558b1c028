"""Whether a text is a possible telephone number in E.164 form, by the numbering plans of `phonenumbers`."""

import re
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

_PLUS_AND_DIGITS = re.compile(r"\+[0-9]{2,20}")
_LONGEST_COUNTRY_CODE = 3


def is_possible_e164(text: str) -> bool:
    """Return whether a call could be placed to `text`, written exactly as E.164.

    The answer is that of the library; a number without a national prefix depends only on its country code
    and length, so that most of a long list is answered from memory, some twenty times as fast.
    """
    if not _PLUS_AND_DIGITS.fullmatch(text):
        return False
    country_code, national = _split(text)
    if country_code == 0 or national.startswith("0"):
        return _ask_library(text)
    if (prefix := _national_prefix(country_code)) is not None and prefix.match(national):
        return _ask_library(text)
    known = _is_possible_length(country_code, len(national))
    return _ask_library(text) if known is None else known


def _split(text: str) -> tuple[int, str]:
    """Country codes are prefix-free, so the first that fits is the only one."""
    for end in range(2, 2 + _LONGEST_COUNTRY_CODE):
        if int(text[1:end]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE and text[1] != "0":
            return int(text[1:end]), text[end:]
    return 0, text


def _ask_library(text: str) -> bool:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    reason: int = phonenumbers.is_possible_number_with_reason(number)
    written: str = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return reason == ValidationResult.IS_POSSIBLE and written == text


@cache
def _national_prefix(country_code: int) -> re.Pattern[str] | None:
    region = phonenumbers.region_code_for_country_code(country_code)
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        metadata = PhoneMetadata.metadata_for_nongeo_region(country_code)
    else:
        metadata = PhoneMetadata.metadata_for_region(region)
    pattern = metadata.national_prefix_for_parsing if metadata is not None else None
    return re.compile(pattern) if pattern else None


@cache
def _is_possible_length(country_code: int, digits: int) -> bool | None:
    """Ask about one number without a national prefix; it stands for all of this length."""
    prefix = _national_prefix(country_code)
    for first in "23456789":
        national = first * digits
        if prefix is None or not prefix.match(national):
            return _ask_library(f"+{country_code}{national}")
    return None
