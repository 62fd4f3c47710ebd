"""YAML that is refused: nothing is turned into something else silently, and no file makes the reader hang."""

import time

import pytest

from evlib import InputError, load_scenario
from evlib.folders import DATA, SCENARIOS
from evlib.inputs.reading.strict_yaml import read_yaml

MINI = (SCENARIOS / "mini.yaml").read_text().replace("../", f"{DATA}/")
NODE_A = "{node: 4, bus: 4"
LAUGHS = "\n".join(
    ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)  # 2 x 9^8 values
FAULTS = {
    "key twice": ("a: 1\nb: 2\na: 3\n", r"line 3: .*key 'a' appears twice, first in line 1; keep one"),
    "number and text as key": ('1: x\n"1": y\n', r"line 2: .*key '1' appears twice"),
    "merge twice": ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", r"line 4: .*key '<<' appears twice"),
    "merge of text": ("a:\n  <<: text\n", r"line 2: .*'<<' takes a mapping"),
    "twice within a merge": ("a:\n  <<: {x: 1, x: 2}\n", r"line 2: .*key 'x' appears twice"),
    "list as key": ("? [a]\n: 1\n", r"line 1: .*a key must be text"),
    "python tag": (
        "a: !!python/object:os.system x\n",
        r"line 1: .*tag '!!python/object:os.system'; write a plain value",
    ),
    "int tag": ("a: 1\nb: !!int abc\n", r"line 2: .*tag '!!int'; write a plain value"),
    "empty tag": ("a: ! 3\n", r"line 1: .*tag '!'"),
    "binary": ("a: !!binary aGk=\n", r"line 1: .*tag '!!binary'"),
    "impossible date": ("a: 1\nb: 2020-02-30\n", r"line 2: .*2020-02-30 is an impossible date"),
    "impossible month": ("b: 2020-13-45\n", r"line 1: .*2020-13-45 is an impossible date"),
    "clock without quotes": ("a: 11:00\n", r"line 1: .*11:00 is a number in another notation; .* a clock in quotes"),
    "seconds without quotes": ("a: 11:00:00.5\n", r"line 1: .*is a number in another notation"),
    "octal": ("a: 010\n", r"line 1: .*010 is a number in another notation; write decimal digits"),
    "hexadecimal": ("a: 0x1F\n", r"line 1: .*0x1F is a number in another notation"),
    "binary digits": ("a: 0b11\n", r"line 1: .*0b11 is a number in another notation"),
    "underscores": ("a: 1_000.5\n", r"line 1: .*1_000\.5 is a number in another notation"),
    "huge number": (f"a: {'9' * 5000}\n", r"line 1: .*is a number in another notation"),
    "recursive alias": ("a: &a [1, *a]\n", r"line 1: .*alias 'a' stands within what it stands for"),
    "recursive mapping": ("a: &a\n  b: *a\n", r"line 2: .*alias 'a' stands within what it stands for"),
    "unknown alias": ("a: *b\n", r"line 1: .*undefined alias"),
    "many aliases": ("a: &a 1\nb: [" + "*a, " * 101 + "]\n", r"line 2: .*more than 100 aliases"),
    "aliases of aliases": (LAUGHS, r"line \d+: .*more than 100000 values when aliases are written out"),
    "nested aliases": (
        "\n".join(["a0: &a0 [[[[x]]]]"] + [f"a{i}: &a{i} [[[*a{i - 1}]]]" for i in range(1, 9)]),
        r"line \d+: .*more than 20 levels of nesting when aliases are written out",
    ),
    "deep lists": ("a: " + "[" * 100_000, r"line 1: .*more than 20 levels of nesting"),
    "deep mappings": ("".join(f"{' ' * i}k:\n" for i in range(30)), r"line 20: .*more than 20 levels of nesting"),
    "two documents": ("a: 1\n---\nb: 2\n", r"line 2: .*another document"),
    "open bracket": ("a: [1, 2\nb: 3\n", r"line \d: .*not readable as YAML"),
    "tabs": ("a:\n\tb: 1\n", r"line 2: .*not readable as YAML"),
    "control character": ("a: 1\nb: \x01\n", r"line 2: character .* is not allowed in YAML"),
    "NUL": ("a: 1\nb: \0\n", r"line 2: holds a NUL byte"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_one_error_with_file_and_line_at_once(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_bytes(text.encode())
    start_s = time.monotonic()
    with pytest.raises(InputError, match=rf"bad\.yaml: {message}"):
        load_scenario(file)
    assert time.monotonic() - start_s < 5


def test_files_that_are_no_text_or_too_large_are_named(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_bytes(b"a: 1\nb: Z\xfcrich\n")
    with pytest.raises(InputError, match=r"bad\.yaml: line 2: byte 0xfc is no text; must be UTF-8"):
        load_scenario(file)
    file.write_text("# " + "x" * 1_100_000)
    with pytest.raises(InputError, match=r"bad\.yaml: 1\.1 MB; must be at most 1 MB"):
        load_scenario(file)
    for text, message in {"": "the file is empty", "- 1\n": "a mapping of sections, this is a list"}.items():
        file.write_text(text)
        with pytest.raises(InputError, match=rf"bad\.yaml: .*{message}"):
            load_scenario(file)


def test_plain_values_are_read_as_they_are_written(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(
        "base: &base {x: 1, y: 0.5}\nmade:\n  y: 2\n  <<: *base\n1: one\nno: off\ndate: 2020-01-02\n"
        "none: ~\nlist: [-3, 1.0e+2, .nan, '11:00', true]\n<: '<<'\n"
    )
    values = read_yaml(file)
    assert repr(values.pop("list")) == "[-3, 100.0, nan, '11:00', True]"
    assert values == {
        "base": {"x": 1, "y": 0.5},
        "made": {"x": 1, "y": 2},
        "1": "one",
        "no": False,
        "date": "2020-01-02",
        "none": None,
        "<": "<<",
    }


def test_what_is_made_of_a_text_is_the_callers_own(tmp_path):
    """A text read twice in a process is parsed once; nobody sees what another did with its values."""
    file = tmp_path / "a.yaml"
    file.write_text("a: {b: [1, 2]}\n")
    first = read_yaml(file)
    first["a"]["b"].append(3)
    assert read_yaml(file) == {"a": {"b": [1, 2]}}


def test_a_scenario_may_share_values_by_merge_keys(tmp_path, mini):
    """Two zones that share their limits by `<<` are the same scenario."""
    zone_b = MINI[MINI.index("    b:\n      buses: [5, 6]") : MINI.index("  farms:")]
    merged = (
        "    b:\n      <<: *limits\n      buses: [5, 6]\n"
        "      backup_mw: {value: 0.1, unit: MW, source: assumption, range: [0, 0.5]}\n"
    )
    text = MINI.replace("    a:\n      buses: [3, 4]", "    a: &limits\n      buses: [3, 4]").replace(zone_b, merged)
    (tmp_path / "merged.yaml").write_text(text)
    merged = load_scenario(tmp_path / "merged.yaml")
    assert merged.grid == mini.grid.model_copy(
        update={name: getattr(merged.grid, name) for name in type(merged.grid).model_fields if name.endswith("_file")}
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NODE_A, '{node: "4", bus: 4', r"stations\.a\.node: '4'; must be a valid integer"),
        (NODE_A, "{node: true, bus: 4", r"stations\.a\.node: True; must be a valid integer"),
        (NODE_A, "{node: 4.0, bus: 4", r"stations\.a\.node: 4\.0; must be a valid integer"),
        (NODE_A, "{node: 1.0e+30, bus: 4", r"stations\.a\.node: 1e\+30; must be a valid integer"),
        ("buses: [3, 4]", 'buses: ["3", 4]', r"grid\.zones\.a\.buses\.0: '3'; must be a valid integer"),
        ("buses: [3, 4]", "buses: [true, 4]", r"grid\.zones\.a\.buses\.0: True; must be a valid integer"),
        (
            "renewable_swap: false",
            'renewable_swap: "false"',
            r"switches\.renewable_swap: 'false'; must be a valid bool",
        ),
        ("renewable_swap: false", "renewable_swap: 0", r"switches\.renewable_swap: 0; must be a valid boolean"),
        ("{value: 80, unit: veh,", "{value: true, unit: veh,", r"fleet\.vehicles: True; must be a valid number"),
        ("range: [20, 160]", "range: [true, 160]", r"fleet\.vehicles: range \[True, 160\] is not \[low, high\]"),
        (
            "range: [20, 160]",
            "range: [160, 20]",
            r"fleet\.vehicles: range \[160, 20\] is inverted; must be \[low, high\]",
        ),
        ("range: [20, 160]", "range: [20, .inf]", r"fleet\.vehicles: range \[20, inf\] is not"),
        ("range: [20, 160]", f"range: [20, {'9' * 29}]", r"fleet\.vehicles: range .* is not \[low, high\]"),
        ("unit: veh, source: assumption", 'unit: veh, source: ""', r"fleet\.vehicles: source '' is not text"),
        ("unit: veh, source: assumption", 'unit: veh, source: " "', r"fleet\.vehicles: source ' ' is not text"),
        ("unit: veh, source: assumption", "unit: veh, source: [a]", r"fleet\.vehicles: source \['a'\] is not text"),
        (
            "unit: veh, source: assumption",
            "unit: veh, source: 1964",
            r"fleet\.vehicles: source 1964 is not text; .* in quotes",
        ),
        ("unit: veh, source: assumption", "unit: veh, source: yes", r"fleet\.vehicles: source True is not text"),
        (
            "{value: 80, unit: veh,",
            "{valeu: 80, unit: veh,",
            r"fleet\.vehicles: unknown key 'valeu'; a parameter has value",
        ),
        ("{value: 80, unit: veh,", "{unit: veh,", r"fleet\.vehicles: value is missing"),
        (
            NODE_A,
            "{node: {value: 4, unit: parrots, source: x, range: [1, 9]}, bus: 4",
            r"stations\.a\.node: this field is no quantity; write the value alone",
        ),
        ("{value: 80, unit: veh,", "{value: 1.0e+300, unit: veh,", r"fleet\.vehicles: 1e\+300 is too large"),
        ("step_min: {value: 5,", "step_min: {value: 1.0e+308,", r"time\.step_min: 1e\+308 is too large"),
        (
            'peak_clock: "11:35"',
            "peak_clock: 695",
            r"""fleet\.peak_clock: 695; must be a valid string; put it in quotes, as in "10:00\"""",
        ),
        (
            "  a: {node: 4",
            "  a: {name: c, node: 4",
            r"stations: member 'a' holds a key 'name'; its key is its name: remove it",
        ),
        ("  a: {node: 4", "  nan: {node: 4", r"stations\.nan\.name: 'nan' cannot be a name"),
        ("  a: {node: 4", '  "": {node: 4', r"stations\.\.name: '' cannot be a name"),
        ("  a: {node: 4", '  " a": {node: 4', r"stations\. a\.name: ' a' cannot be a name: it has spaces around it"),
        ("  a: {node: 4", "  a.b: {node: 4", r"stations\.a\.b\.name: 'a\.b' cannot be a name: .* no dot"),
        ("  a: {node: 4", '  "1": {node: 4, bus: 4}\n  1: {node: 4', r"line \d+: .*key '1' appears twice"),
        ("  a: {node: 4", "  a: 3\n  c: {node: 4", r"stations: member 'a' must be a mapping of its fields"),
        ("stations:\n", "stations: []\nstation:\n", r"station: unknown key"),
        (
            "    b:\n      buses",
            "    trunk:\n      buses",
            r"grid\.zones\.trunk\.name: 'trunk' cannot be a zone: .* choose another name",
        ),
        ("plugs: {value: 30", "plugs: {value: -30", r"stations\.a\.plugs: -30; must be greater than 0"),
        (
            "battery_kwh: {value: 60",
            "battery_kwh: {value: -60",
            r"fleet\.classes\.car\.battery_kwh: -60; must be greater than 0",
        ),
        (
            'from_clock: "12:10"',
            "from_clock: noon",
            r"prices\.import_tariff\.noon\.from_clock: 'noon' is not a clock time",
        ),
        (
            'from_clock: "12:10"',
            'from_clock: "00:00"',
            r"import_tariff: morning and noon both begin at 00:00; keep one",
        ),
        (
            "14, unit: step, source: assumption, range: [5, 20]",
            "30, unit: step, source: assumption, range: [5, 40]",
            r"grid\.spike\.peak_step 30 must be a step 0\.\.23 of the horizon",
        ),
        (
            'peak_clock: "11:35"',
            'peak_clock: "12:16"',
            r"fleet\.peak_clock '12:16' must lie in 11:00\.\.12:15, the time of departures",
        ),
        ('peak_clock: "11:35"', 'peak_clock: "10:55"', r"fleet\.peak_clock '10:55' must lie in 11:00\.\.12:15"),
    ],
)
def test_each_fault_of_a_scenario_is_named_by_its_members(tmp_path, old, new, message):
    assert old in MINI
    (tmp_path / "mini.yaml").write_text(MINI.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"mini\.yaml: .*{message}"):
        load_scenario(tmp_path / "mini.yaml")
