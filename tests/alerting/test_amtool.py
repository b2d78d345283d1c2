"""Our routing beside Alertmanager's own, `amtool` 0.25: what it prints, we print.

A process of amtool takes one set of labels. So a file holds a forest: many random trees below the
first route, each of which lets the next one see the alert as well, every receiver in them with a
name of its own. One process then tells of all of them.

WDH_AMTOOL_FORESTS: how many forests are grown (default 50; 40 trees and 8 sets of labels in each).
WDH_AMTOOL_SEED: another seed than that of the repository.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from work_data_hub.alerting.config import AlertsConfig, load
from work_data_hub.alerting.errors import ConfigError
from work_data_hub.alerting.matchers import Labels, parse, parse_one
from work_data_hub.alerting.route import receivers_for
from work_data_hub.cli.routes import routes_app

AMTOOL = shutil.which("amtool")
FORESTS = int(os.environ.get("WDH_AMTOOL_FORESTS", "50"))
SEED = int(os.environ.get("WDH_AMTOOL_SEED", "20241105"))
TREES_OF_A_FOREST = 40
LABEL_SETS = 8
MATCHER_TEXTS = 2_000

if AMTOOL is None and os.environ.get("CI"):
    pytest.fail("amtool is missing: apt-get install prometheus-alertmanager", pytrace=False)

pytestmark = pytest.mark.skipif(
    AMTOOL is None,
    reason="NOT COMPARED WITH ALERTMANAGER: no amtool; apt-get install prometheus-alertmanager",
)

NAMES = ["alertname", "job", "severity", "team", "location", "a:b", "_x"]
VALUES = [
    *("", "critical", "warning", "daily", "trustee_daily", "数据组", "受托业绩", "上海 一部", "é"),
    *("a,b", 'say "hi"', "back\\slash", "new\nline", "{x}", "a=b", " padded ", "全角", "1.50"),
    *("000123", "true", "null", "~", "17:00", "K", "k", "\u3000", "💥", "tab\there", "\u00a0"),
]
PATTERNS = [
    *(".*", ".+", "", "daily|warning", "trustee_.*", "数据.*", "[受-績]+.*", r"\p{Han}+", "(?i)K"),
    *(r"\d+(\.\d+)?", r"[^\s]+", "a,b", ".", "(?s).*", r"new\nline", "x{0,3}", r"\Qa=b\E", "c.+l"),
    *(
        r"\bdaily\b",
        "上海.一部",
        "a)|(?:d.*",
        "[[:alpha:]]+",
        r"\S+\\\S+",
        "é|e",
        r"^daily$",
        "💥?",
    ),
]


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert AMTOOL is not None
    return subprocess.run([AMTOOL, *arguments], capture_output=True, text=True, check=False)


class Forest:
    """Random trees, as Alertmanager's configuration."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self._receivers = ["root"]
        trees = [self._route(depth=1) | {"continue": True} for _ in range(TREES_OF_A_FOREST)]
        self.file = {
            "route": {"receiver": "root", "routes": trees},
            "receivers": [{"name": name} for name in self._receivers],
        }

    def _route(self, *, depth: int) -> dict[str, Any]:
        route: dict[str, Any] = {}
        choose = self._random
        if choose.random() < 0.85:
            route["receiver"] = f"{choose.choice(['r', '值班'])}{len(self._receivers)}"
            self._receivers.append(route["receiver"])
        if choose.random() < 0.7:
            route["matchers"] = [self._matchers() for _ in range(choose.randint(0, 2))]
        if choose.random() < 0.2:
            route["match"] = {self._name(): choose.choice(VALUES)}
        if choose.random() < 0.2:
            route["match_re"] = {self._name(): choose.choice(PATTERNS)}
        if choose.random() < 0.5:
            route["continue"] = choose.random() < 0.7
        if depth < 4:
            route["routes"] = [
                self._route(depth=depth + 1) for _ in range(choose.choice([0, 0, 1, 2, 3]))
            ]
        return route

    def _name(self) -> str:
        return self._random.choice([name for name in NAMES if ":" not in name])

    def _matchers(self) -> str:
        choose = self._random
        parts = [self._matcher() for _ in range(choose.choice([1, 1, 1, 2]))]
        text = choose.choice([",", ", ", " , "]).join(parts)
        if choose.random() < 0.2:
            text += ","
        return f"{{{text}}}" if choose.random() < 0.3 else text

    def _matcher(self) -> str:
        choose = self._random
        op = choose.choice(["=", "!=", "=~", "!~"])
        value = choose.choice(PATTERNS if "~" in op else VALUES)
        bare_ok = not set(value) & set('",\n\\{}') and value.strip() == value
        written = value if bare_ok and choose.random() < 0.3 else quoted(value)
        space = choose.choice(["", "", " ", "\t"])
        return f"{choose.choice(NAMES)}{space}{op}{space}{written}"


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def label_sets(random_: random.Random) -> Iterator[list[str]]:
    """As they are written on the command line."""
    for _ in range(LABEL_SETS):
        chosen = random_.sample(NAMES, random_.randint(0, len(NAMES)))
        yield [f"{name}={quoted(random_.choice(VALUES))}" for name in chosen]


def as_labels(texts: list[str]) -> Labels:
    return {matcher.name: matcher.value for matcher in map(parse_one, texts)}


def ours(config: AlertsConfig, texts: list[str]) -> str:
    return ",".join(route.receiver for route in receivers_for(config.route, as_labels(texts)))


def theirs(path: Path, texts: list[str]) -> str:
    told = amtool("config", "routes", "test", f"--config.file={path}", "--", *texts)
    assert told.returncode == 0, told.stderr
    return told.stdout.removesuffix("\n")


def test_amtool_is_the_version_we_follow() -> None:
    assert "version 0.25" in amtool("--version").stdout


def test_random_trees_take_random_labels_to_the_same_receivers(tmp_path: Path) -> None:
    random_ = random.Random(SEED)
    cases = []
    for i in range(FORESTS):
        path = tmp_path / f"forest{i}.yml"
        path.write_text(json.dumps(Forest(random_).file, ensure_ascii=False), encoding="utf-8")
        config = load(path, environ={})
        cases += [(path, texts, ours(config, texts)) for texts in label_sets(random_)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        told = pool.map(lambda case: theirs(case[0], case[1]), cases)
    different = [
        f"{path.name} {texts}: {said} is {expected} there"
        for (path, texts, said), expected in zip(cases, told, strict=True)
        if said != expected
    ]
    assert not different, "\n".join(different[:5])
    assert len({said for *_, said in cases}) > len(cases) / 2, "the labels hardly tell apart"


def matcher_texts(random_: random.Random) -> Iterator[str]:
    """Right ones, and right ones with a few letters changed."""
    forest = Forest(random_)
    letters = [*'{}"\\,=~! \t\n\u3000\u00a0\x0bna:数_1()[*']
    for _ in range(MATCHER_TEXTS):
        text = [*forest._matchers()]
        for _ in range(random_.choice([0, 1, 1, 2, 4])):
            at = random_.randint(0, len(text))
            text[at : at + random_.randint(0, 1)] = [random_.choice(letters)]
        yield "".join(text)


def test_random_texts_are_matchers_there_and_here_or_neither(tmp_path: Path) -> None:
    texts = list(matcher_texts(random.Random(SEED)))
    for i, text in enumerate(texts):
        routes = [{"receiver": "b", "matchers": [text]}]
        file = {"route": {"receiver": "a", "routes": routes}, "receivers": [*receivers("ab")]}
        (tmp_path / f"{i:05}.yml").write_text(
            json.dumps(file, ensure_ascii=False), encoding="utf-8"
        )
    told = amtool("check-config", *sorted(map(str, tmp_path.iterdir()))).stdout
    verdicts = [line for line in told.splitlines() if line.startswith("Checking ")]
    assert len(verdicts) == len(texts)
    different = []
    refused = 0
    for text, verdict in zip(texts, verdicts, strict=True):
        try:
            parse(text)
            here = "SUCCESS"
        except ValueError:
            here = "FAILED"
            refused += 1
        if here not in verdict:
            different.append(f"{text!r}: {here} here, {verdict}")
    assert not different, "\n".join(different[:5])
    assert MATCHER_TEXTS * 0.2 < refused < MATCHER_TEXTS * 0.8


def test_texts_that_both_read_take_the_same_values(tmp_path: Path) -> None:
    """However odd the text, what is read from it decides as there."""
    readable = []
    for text in matcher_texts(random.Random(SEED + 1)):
        try:
            readable.append((text, parse(text)))
        except ValueError:
            continue
    routes = [
        {"receiver": f"r{i}", "matchers": [text], "continue": True}
        for i, (text, _) in enumerate(readable)
    ]
    names = ["root", *(f"r{i}" for i in range(len(readable)))]
    file = {"route": {"receiver": "root", "routes": routes}, "receivers": [*receivers(names)]}
    path = tmp_path / "all.yml"
    path.write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    config = load(path, environ={})
    for _, matchers in random.Random(SEED).sample(readable, 60):
        texts = [f"{m.name}={quoted(m.value)}" for m in matchers]
        assert ours(config, texts) == theirs(path, texts), texts


def receivers(names: Any) -> Iterator[dict[str, str]]:
    yield from ({"name": name} for name in names)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["job=x", "severity=critical"],
        ["team=数据组"],
        ["team = 数据组 "],
        ['job="x"'],
        ["job=x", "job=y"],
        ["job="],
        ["service=database", "owner=team-X"],
        ["job=-v"],
    ],
    ids=" ".join,
)
def test_the_command_prints_what_amtool_prints(tmp_path: Path, texts: list[str]) -> None:
    file = {
        "route": {
            "receiver": "root",
            "routes": [
                {"receiver": "值班", "matchers": ["team=数据组"]},
                {"receiver": "x", "matchers": ["job=x"], "continue": True},
                {"receiver": "x", "match_re": {"job": "x|y"}, "match": {"service": ""}},
                {
                    "receiver": "db",
                    "match": {"service": "database"},
                    "routes": [{"receiver": "x", "match_re": {"owner": "team-."}}],
                },
            ],
        },
        "receivers": [*receivers(["root", "值班", "x", "db"])],
    }
    path = tmp_path / "alerts.yml"
    path.write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")
    said = CliRunner().invoke(routes_app, ["test", "--config", str(path), *texts])
    assert (said.exit_code, said.stdout) == (0, theirs(path, texts) + "\n")


@pytest.mark.parametrize("text", ["job", "job!=x", "job=~x", "=x", 'a="b', "数据=x", "1a=x"])
def test_what_amtool_takes_for_no_label_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text("route: {receiver: a}\nreceivers: [{name: a}]\n", encoding="utf-8")
    assert amtool("config", "routes", "test", f"--config.file={path}", text).returncode == 1
    said = CliRunner().invoke(routes_app, ["test", "--config", str(path), text])
    assert said.exit_code != 0
    assert "Traceback" not in said.output


ODD_VALUES = ["null", "~", "yes", "True", "000123", "1.50", "17:00", "2024-11-01", "0x1F", "1_000"]


@pytest.mark.parametrize("written", ODD_VALUES)
def test_what_yaml_takes_for_a_number_is_the_text_that_was_written(
    tmp_path: Path, written: str
) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(
        f"route: {{receiver: a, routes: [{{receiver: b, match: {{x: {written}}}}}]}}\n"
        "receivers: [{name: a}, {name: b}]\n",
        encoding="utf-8",
    )
    config = load(path, environ={})
    for value in ("", written, "83", "31", "1.5", "1020", "true", "1000"):
        texts = [f"x={quoted(value)}"]
        assert ours(config, texts) == theirs(path, texts), value


# Whether Alertmanager loads a file with this in place of the first route's child or beside it.
FRAGMENTS = [
    {"group_by": []},
    {"group_by": ["..."]},
    {"group_by": ["...", "..."]},
    {"group_by": ["...", "x"]},
    {"group_by": ["x", "x"]},
    {"group_by": ["地区"]},
    {"group_by": "x"},
    *(
        {"group_wait": text}
        for text in ("0", "0s", "5", "1h30m", "30m1h", " 1h", "1.5h", "", "9y1w")
    ),
    *(
        {"group_wait": text}
        for text in ("292y", "293y", "9223372036s", "9223372037s", "99999999999d")
    ),
    *({"group_interval": text} for text in ("0s", "1ms", "0")),
    *({"repeat_interval": text} for text in ("0s", "1ms", "0")),
    {"match": {"a:b": "x"}},
    {"match": {"地": "x"}},
    {"match": {"a": None}},
    {"match_re": {"a": None}},
    {"match_re": {"a": "("}},
    {"match_re": {"a": ""}},
    {"match": ["a"]},
    {"matchers": "a=b"},
    {"matchers": None, "routes": None, "match": None, "receiver": None},
    {"matchers": ["", "{}"]},
    {"matchers": {"a": "b"}},
    {"continue": "true"},
    {"continue": True},
    {"receiver": ""},
    {"receiver": "nobody"},
    {"mute_time_intervals": ["night"]},
    {"mute_time_intervals": ["old"]},
    {"active_time_intervals": ["day"]},
    {"nonsense": 1},
]
SPECS: list[Any] = [
    {},
    {"location": "Asia/Shanghai"},
    {"location": "Local"},
    {"location": ""},
    {"location": "Asia/Nowhere"},
    {"time_zone": "UTC"},
    {"weekdays": ["monday:friday", "Sunday"]},
    {"weekdays": ["saturday:sunday"]},
    {"weekdays": ["mon"]},
    {"weekdays": ["1"]},
    {"weekdays": ["monday:tuesday:friday"]},
    *(
        {"days_of_month": [text]}
        for text in ("1", "1:5", "-3:-1", "0", "32", "-32", "5:1", "-1:-3")
    ),
    *({"days_of_month": [text]} for text in ("-1:1", "27:-1", "28:-1", " 1", "1:", "+3", "007")),
    *({"months": [text]} for text in ("1:3", "May:AUGUST", "december", "3:1", "may:april", "x")),
    *({"years": [text]} for text in ("2024", "2024:2026", "2026:2024", "now")),
    {"times": [{"start_time": "09:00", "end_time": "24:00"}]},
    {"times": [{"start_time": "17:00", "end_time": "09:00"}]},
    {"times": [{"start_time": "9:00", "end_time": "17:00"}]},
    {"times": [{"start_time": "09:00", "end_time": "24:01"}]},
    {"times": [{"start_time": "09:00"}]},
    {"times": [{"start_time": "09:00", "end_time": "10:00", "x": 1}]},
]
RULES: list[Any] = [
    {},
    {"equal": ["a"]},
    {"equal": ["地"]},
    {"equal": "a"},
    {"source_match": {"a": "b"}, "target_match_re": {"c": "d.*"}, "equal": ["e"]},
    {"source_matchers": ["a=b"], "target_matchers": ["c=d"], "name": "x"},
    {"source_match_re": {"a": "("}},
    {"target_match": {"a:b": "c"}},
]


def whole_files() -> Iterator[dict[str, Any]]:
    def file(**sections: Any) -> dict[str, Any]:
        old = {"name": "old", "time_intervals": [{"years": ["2024"]}]}
        return {
            "route": {"receiver": "a", "routes": [{"receiver": "b"}]},
            "receivers": [*receivers("ab")],
            "mute_time_intervals": [old],
            "time_intervals": [{"name": "night"}, {"name": "shift", "time_intervals": [{}]}],
        } | sections

    for fragment in FRAGMENTS:
        yield file(route={"receiver": "a", "routes": [fragment]})
        yield file(route={"receiver": "a"} | fragment)
    for spec in SPECS:
        yield file(time_intervals=[{"name": "night", "time_intervals": [spec]}])
    for rule in RULES:
        yield file(inhibit_rules=[rule])
    yield file(time_intervals=[{"name": "old"}])
    yield file(time_intervals=[{"name": ""}])
    yield file(time_intervals=[{"time_intervals": []}])
    yield file(receivers=[*receivers("aba")])
    yield file(receivers=[*receivers("ab"), {"name": ""}])
    yield file(receivers=[])
    yield file(receivers=None)
    yield file(route=None)
    yield {**file(), "global": None}
    yield {**file(), "global": {"resolve_timeout": "5"}}
    yield {**file(), "global": {"resolve_timeout": "10m", "pagerduty_url": "https://x.example"}}
    yield {**file(), "global": {"nonsense": 1}}
    yield {**file(), "nonsense": 1}


def test_what_alertmanager_loads_or_refuses_so_do_we(tmp_path: Path) -> None:
    files = list(whole_files())
    for i, file in enumerate(files):
        text = json.dumps(file, ensure_ascii=False)
        (tmp_path / f"{i:04}.yml").write_text(text, encoding="utf-8")
    paths = sorted(tmp_path.iterdir())
    told = amtool("check-config", *map(str, paths)).stdout
    verdicts = [line for line in told.splitlines() if line.startswith("Checking ")]
    different = []
    for path, file, verdict in zip(paths, files, verdicts, strict=True):
        try:
            load(path, environ={})
            here = "SUCCESS"
        except ConfigError as err:
            here = "FAILED"
            told_here = str(err)
        if here not in verdict:
            different.append(f"{file}: {here} {told_here if here == 'FAILED' else ''}; {verdict}")
    assert not different, "\n".join(different)
