"""Which failures a declaration's error codes mean."""

import pytest

from resoto_dagster.providers.aws.errors import ApiError

NOT_FOUND = ApiError("ValidationException", "in one line", 'Could not find model "a".')


@pytest.mark.parametrize(
    ("codes", "is_one"),
    [
        (("ResourceNotFound", "ValidationException"), True),
        (("ResourceNotFound", "ValidationException: Could not find"), True),
        (("ValidationException: find model",), True),
        (("ValidationException: RecordNotFound", "ResourceNotFound: Could not find"), False),
        (("Validation",), False),
        ((), False),
    ],
)
def test_a_code_may_be_followed_by_words_of_the_message(codes: tuple[str, ...], is_one: bool) -> None:
    assert NOT_FOUND.is_one_of(codes) is is_one
