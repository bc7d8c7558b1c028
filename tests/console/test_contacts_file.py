"""A file of contacts is read as the API's own import reads it."""

from pathlib import Path

import pytest

from console.api_client import JsonObject
from console.contacts_file import read_contacts
from console.failures import UsageWrong


def a_file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def a_contact(number: str = "+14155550104", **call_variables: str) -> dict[str, object]:
    return {"phone_number": number, "call_variables": call_variables}


@pytest.mark.parametrize(
    ("content", "contacts"),
    [
        pytest.param("phone_number\n+14155550104\n", [a_contact()], id="phone_number"),
        pytest.param("mobile_number\n+14155550104\n", [a_contact()], id="mobile_number"),
        pytest.param(
            "mobile_number,phone_number\n+14155550199,+14155550104\n",
            [a_contact(mobile_number="+14155550199")],
            id="phone_number wins over mobile_number, which becomes a variable",
        ),
        pytest.param(
            "phone_number,external_id,timezone\n+14155550104,P-1,America/Denver\n",
            [a_contact() | {"external_id": "P-1", "timezone": "America/Denver"}],
            id="external_id and timezone are fields",
        ),
        pytest.param(
            "callee_name,phone_number,due\nInes Moreau,+14155550104,2026-09-18\n",
            [a_contact(callee_name="Ines Moreau", due="2026-09-18")],
            id="other columns are variables",
        ),
        pytest.param(
            'callee_name,phone_number\n"Brandt, Lena",+14155550104\n',
            [a_contact(callee_name="Brandt, Lena")],
            id="quoted comma",
        ),
        pytest.param("phone_number,due,note\n+14155550104,,\n", [a_contact()], id="empty cells are left out"),
        pytest.param("phone_number,due\n+14155550104\n", [a_contact()], id="missing cell at the end"),
        pytest.param(
            "phone_number,due\n,2026-09-18\n",
            [a_contact("", due="2026-09-18")],
            id="a missing number is the API's to refuse",
        ),
        pytest.param(" phone_number , due \n+14155550104,x\n", [a_contact(due="x")], id="names are trimmed"),
        pytest.param(
            "phone_number\r\n\r\n+14155550104\r\n  \r\n+14155550105\r\n",
            [a_contact(), a_contact("+14155550105")],
            id="blank lines and CRLF",
        ),
        pytest.param("\ufeffphone_number\n+14155550104\n", [a_contact()], id="byte order mark"),
        pytest.param(
            'phone_number,due\n,\n+14155550104,\n"",""\n , ,\n', [a_contact()], id="rows of blank cells"
        ),
        pytest.param('phone_number\n""\n+14155550104\n', [a_contact()], id="a blank cell in quotes"),
        pytest.param(
            "phone_number,external_id,timezone\n+14155550104, , \n", [a_contact()], id="blank fields"
        ),
        pytest.param(
            "execution_id,phone_number,transcript,last_error,due\nexec_1,+14155550104,Hello.,x,y\n",
            [a_contact(due="y")],
            id="how calls went",
        ),
    ],
)
def test_contacts_are_read(tmp_path: Path, content: str, contacts: list[JsonObject]) -> None:
    assert read_contacts(a_file(tmp_path, content)) == contacts


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        pytest.param("", "no header row", id="empty file"),
        pytest.param("phone_number\n", "no row below the header", id="header only"),
        pytest.param(
            "name,due\nx,y\n",
            "the header names neither phone_number nor mobile_number",
            id="no number column",
        ),
        pytest.param("phone_number,,x\n", "column 2 of the header has no name", id="nameless column"),
        pytest.param("phone_number,due,due\n", "the header names due twice", id="repeated name"),
        pytest.param(
            "phone_number\n+14155550104\n+14155550105,x\n",
            "row 3 has more cells than the header",
            id="surplus cell",
        ),
        pytest.param(b"phone_number,name\n+1415,\xff\xfe\n", "not UTF-8 text", id="not UTF-8"),
    ],
)
def test_unusable_file_is_refused_naming_the_fault(
    tmp_path: Path, content: str | bytes, refusal: str
) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(UsageWrong) as refused:
        read_contacts(path)

    assert str(refused.value) == f"{path}: {refusal}"


def test_broken_quoting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match="not a CSV file"):
        read_contacts(a_file(tmp_path, 'phone_number\n"+1415"5,\n'))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match=r"nobody\.csv: No such file or directory"):
        read_contacts(tmp_path / "nobody.csv")


def test_more_contacts_than_a_batch_may_hold_are_refused(tmp_path: Path) -> None:
    content = "phone_number\n" + "+14155550104\n" * 100_001
    with pytest.raises(UsageWrong, match="more than 100000 contacts"):
        read_contacts(a_file(tmp_path, content))
