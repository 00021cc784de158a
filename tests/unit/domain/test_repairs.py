"""How many repairs a record names."""

from __future__ import annotations

import json

from worker.domain.repairs import MOST_BYTES, told


def test_a_record_names_as_many_repairs_as_it_has_room_for_and_counts_the_others() -> None:
    repairs = [f"\x01{number:03}: a frame was replaced" for number in range(1000)]  # six characters more in JSON

    *named, rest = told(repairs)

    assert named == repairs[: len(named)]
    assert rest == f"{1000 - len(named)} more repairs are not named"
    assert (
        MOST_BYTES - 100
        < len(json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode())
        <= MOST_BYTES + 100
    )


def test_what_fits_is_named_in_full() -> None:
    assert told(["a frame was replaced"] * 100) == ("a frame was replaced",) * 100
    assert told([]) == ()
    assert told(["ü" * MOST_BYTES]) == ("1 more repairs are not named",)


def test_a_record_has_32_kib_of_repairs_as_json_in_utf_8() -> None:
    fitting = ["ü" * 8190, "x" * 16_382]  # 16,380 bytes and 16,382, each with two quotation marks and a comma
    assert sum(len(each.encode()) + 3 for each in fitting) == 32_768

    assert told(fitting) == tuple(fitting)
    assert told([fitting[0], fitting[1] + "x"]) == (fitting[0], "1 more repairs are not named")
