"""The plot and the page: what is drawn, what is written, and what can't be injected."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.plans import plan_of
from tests.report.stories import FORECAST, MIB, POLICY, Script, begun, landed, transfer
from tests.requirements import requirement
from virtmigrate import report
from virtmigrate.report import page_of, png_of
from virtmigrate.report.frame import ALONE, NARROW, WIDE, Frame
from virtmigrate.report.lanes import Lanes, apart
from virtmigrate.report.markup import Html, joined, tag
from virtmigrate.report.palette import DARK, LIGHT
from virtmigrate.report.plot import draw

PNG = b"\x89PNG\r\n\x1a\n"
NASTY = "<script>alert(1)</script> ' \" & $\\frac{1}{0}$ #ffffff url(#x) ]]>"
VOID = {"meta", "br"}


class Read(HTMLParser):
    """A page as a browser sees it: open elements closed in order, texts, attributes."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.words, self.marks = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.marks += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.marks += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@cache
def full():
    """One that needed post-copy, with all that a journal can hold."""
    script = transfer(begun(), postcopy_s=17.0, until_s=60)
    it = {"limit": "max_downtime", "value": 300, "unit": "ms", "origin": "request",
          "action": "postcopy", "at_s": 16.2}  # fmt: skip
    script = landed(script, fired=it, processed_bytes=1540 * MIB, iterations=2)
    return script.story(policy=POLICY, forecast=FORECAST)


@cache
def full_page():
    return page_of(full())


def disks_first():
    script = begun()
    for sent in range(0, 64, 8):
        script.sample(
            total_bytes=64 * MIB,
            processed_bytes=sent * MIB,
            remaining_bytes=(64 - sent) * MIB,
            disk_total_bytes=64 * MIB,
            disk_processed_bytes=sent * MIB,
            disk_remaining_bytes=(64 - sent) * MIB,
            iteration=0,
        )
    return landed(transfer(script, until_s=10)).story()


def throttled():
    script = transfer(begun(), until_s=30, throttle=lambda now: 20 if now > 20 else 0)
    return landed(script).story()


def percent_only():
    script = begun()
    for i in range(20):
        script.sample(percent=5.0 * i)
    return landed(script).story()


STORIES = {
    "full": full,
    "throttled": throttled,
    "disks": disks_first,
    "percent": percent_only,
    "silent": lambda: landed(begun()).story(),
    "refused": lambda: Script().story(),
}


def axes_named(figure):
    return [axes.get_ylabel() for axes in figure.axes]


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@requirement("disks.told")
@pytest.mark.parametrize(
    ("name", "panels"),
    [
        ("full", ["remaining, MiB", "MiB/s"]),
        ("throttled", ["remaining, MiB", "MiB/s", "throttle, %"]),
        ("disks", ["remaining, MiB", "disks left, MiB", "MiB/s"]),
        ("percent", ["done, % (nothing else is said)"]),
        ("silent", [""]),
    ],
)
def test_a_panel_for_what_was_said_and_none_for_what_was_not(name, panels):
    assert axes_named(draw(STORIES[name](), WIDE)) == panels


def test_the_plot_names_what_it_shows():
    said = words(draw(full(), WIDE))
    for word in ("post-copy", "COMMIT", "landed", "pass 1", "sent 64",
                 "fits in max downtime, 300 ms"):  # fmt: skip
        assert word in said


def test_the_line_of_max_downtime_is_what_fits_through_the_link():
    lines = draw(full(), WIDE).axes[0].get_lines()
    heights = {float(max(line.get_ydata())) for line in lines}
    assert 64 * 0.3 in {round(high, 6) for high in heights}


def test_max_time_is_a_line_when_it_was_near_and_a_word_when_it_was_not():
    near = {**POLICY, "limits": {"max_total_s": 28.0}}
    script = landed(transfer(begun(), postcopy_s=17.0, until_s=60))
    assert "max time 28.0 s" in words(draw(script.story(policy=near), WIDE))
    far = {**POLICY, "limits": {"max_total_s": 900.0}}
    figure = draw(script.story(policy=far), WIDE)
    assert "max time, 15 min 00 s, lies beyond" in figure.axes[-1].get_xlabel()
    assert Frame(script.story(policy=far), WIDE).span_s < 40


def test_long_ones_are_in_minutes():
    script = begun()
    for _ in range(50):
        script.sample(after_s=30, percent=1.0)
    assert draw(script.story(), WIDE).axes[-1].get_xlabel().startswith("minutes")


@pytest.mark.parametrize("name", STORIES)
def test_every_story_gives_a_page_and_a_picture(name):
    story = STORIES[name]()
    page = Read(page_of(story))
    assert story.outcome.partition(":")[0] in page.text
    assert page.tags.count("svg") == (0 if name in ("silent", "refused") else 2)
    assert png_of(story).startswith(PNG)


def test_one_without_samples_says_so():
    assert "journal holds no samples" in Read(page_of(STORIES["silent"]())).text
    assert "no transfer began" in Read(page_of(STORIES["refused"]())).text
    mute = landed(begun().sample(percent=None, remaining_bytes=None)).story()
    assert "the hypervisor said nothing" in Read(page_of(mute)).text
    assert "told percent only, 95 %" in Read(page_of(percent_only())).text


def test_the_page_tells_all_that_the_journal_knows():
    text = Read(full_page()).text
    for part in (
        "scripted:///a", "scripted:///b", "d" * 64, "adaptive", "--live", "212 ms",
        "1540 MiB", "max time 60 s request", "may use post-copy yes request",
        "Fired: max downtime 300 ms (request): post-copy after 16.2 s",
        "not by itself, by post-copy", "it does not converge within max downtime",
        "remaining, MiB", "Passes (",
    ):  # fmt: skip
        assert part in text


def test_the_page_needs_nothing_from_elsewhere():
    page = full_page()
    names = {"http://www.w3.org/2000/svg"}
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= names
    read = Read(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    assert all(value.startswith("#") for name, value in read.marks if name == "href")
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.marks


def test_the_page_is_drawn_in_the_readers_colours():
    page = full_page()
    head, body = page.split("</style>", 1)
    assert "prefers-color-scheme: dark" in head
    assert all(colour in head for colour in (*LIGHT.values(), *DARK.values()))
    drawn = re.sub(r">[^<]*<", "><", body)
    assert "var(--remaining)" in drawn
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= {"#000000"}


def test_light_colours_are_told_apart_by_their_values():
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert LIGHT.keys() == DARK.keys()


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize("role", sorted(LIGHT.keys() - {"paper", "grid"}))
def test_text_in_every_colour_can_be_read(colours, role):
    one, other = sorted((luminance(colours["paper"]), luminance(colours[role])))
    assert (other + 0.05) / (one + 0.05) >= 4.5


def test_for_those_who_cant_see_it_the_plot_is_words_and_tables():
    page = Read(full_page())
    labels = [value for name, value in page.marks if name == "aria-label"]
    assert any("MiB were left at most" in label for label in labels)
    assert ("lang", "en") in page.marks
    assert ("scope", "col") in page.marks
    ids = [value for name, value in page.marks if name == "id"]
    assert len(ids) == len(set(ids))


def test_nothing_in_a_journal_becomes_markup():
    plan = plan_of()
    guest = plan.guest.model_copy(update={"name": NASTY})
    script = begun(Script(plan=plan.model_copy(update={"guest": guest})))
    script.sample(remaining_bytes=MIB).acted(NASTY, None, NASTY)
    script.write("fault", step=NASTY, message=NASTY)
    fault = {"step": NASTY, "message": NASTY, "side": NASTY, "remedy": NASTY}
    script.end(outcome=NASTY, reason=NASTY, faults=[fault], warnings=[NASTY])
    story = script.story(policy={**POLICY, "name": NASTY, "origins": {}})
    page = Read(page_of(story))
    assert "script" not in page.tags
    assert page.text.count("<script>alert(1)</script>") > 5
    assert png_of(story).startswith(PNG)


@given(st.text(), st.text())
def test_text_is_escaped_and_markup_is_not(text, value):
    made = tag("p", text, tag("b", "x"), title=value)
    read = Read(f"{made}")
    assert read.tags == ["p", "b"]
    assert made.startswith("<p title=")
    assert joined(Html("<i>"), "<i>") == "<i>&lt;i&gt;"


def test_a_name_in_another_script_is_no_error(recwarn):
    plan = plan_of()
    guest = plan.guest.model_copy(update={"name": "\u4ed6\u4eec"})
    script = Script(plan=plan.model_copy(update={"guest": guest}))
    assert png_of(script.story()).startswith(PNG)
    assert not list(recwarn)


@given(
    st.lists(
        st.tuples(st.floats(0, 600), st.text("abcdefgh ", min_size=1, max_size=30))
    )
)
def test_labels_never_cover_one_another_nor_a_line(marks):
    lanes = Lanes(650, 10, 6, [at for at, _ in marks])
    placed = [(at, lanes.place(at, (text,))) for at, text in marks]
    boxes = []
    for at, found in placed:
        if found is not None:
            wide = len(found.text) * 6.0
            left = at if found.align == "left" else at - wide
            boxes.append((found.lane, left, left + wide, at))
    for i, (lane, left, right, at) in enumerate(boxes):
        for other, a, b, line in boxes[:i]:
            if lane == other:
                assert right <= a or b <= left
            if lane < other:
                assert not left < line < right
            if lane > other:
                assert not a < at < b


@given(st.lists(st.floats(0, 100), min_size=2, max_size=2))
def test_two_names_are_kept_apart_and_in_order(heights):
    low, high = sorted(apart(heights, 20))
    assert high - low >= 19.99
    assert sorted(range(2), key=apart(heights, 20).__getitem__) == sorted(
        range(2), key=heights.__getitem__
    )


def test_a_narrow_plot_and_one_that_stands_alone_are_drawn_as_well():
    assert draw(full(), NARROW).get_size_inches()[0] < 5
    assert "web" not in words(draw(full(), WIDE))
    assert any("succeeded" in text.get_text() for text in draw(full(), ALONE).texts)


def test_drawing_leaves_no_trace_in_matplotlib():
    before = mpl.rcParams.copy()
    assert png_of(STORIES["silent"]()).startswith(PNG)
    assert mpl.rcParams.copy() == before
    sources = Path(report.__file__).parent.glob("*.py")
    assert not [path for path in sources if "pyplot" in path.read_text("utf-8")]
