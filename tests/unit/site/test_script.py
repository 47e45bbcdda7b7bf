import ast
import json

import pytest

from toffee.site.script import literal, write_script

TEXTS = (
    "</script>",
    "<!--",
    "it's",
    'say "x"',
    "back\\slash \\u0041",
    "\u2028 \u2029 \n\r\t",
    "é 漢 🙂",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_literal_is_the_same_data_again_and_ends_nothing(text):
    data = {text: [text, 1, 2.5, None, True]}
    text = literal(data)
    assert text.isascii() and text.isprintable() and "<" not in text
    # single-quoted strings with these escapes mean the same in Python
    assert json.loads(ast.literal_eval(text)) == data


def test_numbers_that_json_lacks_are_null():
    data = {"a": [float("nan"), float("inf"), 1.0], 3: (float("-inf"),)}
    assert json.loads(ast.literal_eval(literal(data))) == {"a": [None, None, 1.0], "3": [None]}


def test_a_script_is_one_call(tmp_path):
    path = tmp_path / "data/key.js"
    write_script(path, "key", {"a": "\n"})
    assert path.read_text() == 'Store.put(\'"key"\', \'{"a":"\\\\n"}\');\n'
