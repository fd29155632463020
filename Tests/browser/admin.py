"""A real browser in the admin: what it follows live, and what it shows of tokens and refusals.

    admin.py [PATH-OF-NOTIFY-CLI] [PART-OF-A-TEST'S-NAME]       as run.py

Screenshots go to screenshots/, outside git: look at them.
"""

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

import chat
from chat import PHONE, look
from run import same

NARROW = {**PHONE, "viewport": {"width": 390, "height": 800}}
DARK = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}


def rows(admin):
    """What the tail shows, but for what the filter hides."""
    return admin.locator("#tail li:not([hidden]) .data")


def follow(admin, topics, after="", presence=False):
    admin.get_by_label("Groups and patterns").fill(topics)
    admin.get_by_label("After the id").fill(after)
    admin.get_by_label("Presence").set_checked(presence)
    admin.get_by_role("button", name="Follow").click()


def the_live_page_follows_several_at_once(scene):
    for group, text in (("news", "first"), ("orders.eu", "second"), ("other", "not followed")):
        scene.server.publish(text, group=group)
    # Nothing is filled in that would be refused.
    admin = scene.admin("/admin/live/")
    same(admin.get_by_label("Group", exact=True).input_value(), "", "no group to publish to")
    look(admin, "live-empty")
    admin.get_by_role("link", name="news", exact=True).click()
    same(admin.get_by_label("Groups and patterns").input_value(), "news", "the group that was offered")
    same(admin.get_by_label("Group", exact=True).input_value(), "news", "the group to publish to")
    # By the keyboard alone.
    field = admin.get_by_label("Groups and patterns")
    field.press("End")
    field.type(" orders.*")
    field.press("Enter")
    expect(admin.locator("#tail-state")).to_have_text("Following, newest first.")
    expect(rows(admin)).to_have_text(["second", "first"])
    # A group that comes later, published from the page itself.
    admin.get_by_label("Group", exact=True).fill("orders.us")
    admin.get_by_label("Event").fill("greeting")
    admin.get_by_label("Data").fill("<b>third</b>")
    admin.get_by_role("button", name="Publish").click()
    expect(rows(admin).first).to_have_text("<b>third</b>")
    expect(admin.locator("#tail .meta").first).to_have_text(re.compile(r"orders\.us · greeting · \w+-4$"))
    follow(admin, "news a*b[")
    expect(admin.get_by_role("alert")).to_contain_text("a*b[")
    same(admin.get_by_label("Groups and patterns").input_value(), "news a*b[", "what was refused, to be mended")
    look(admin, "live-refused")


def the_live_page_pauses_filters_and_clears(scene):
    admin = scene.admin("/admin/live/?group=my-group&match=orders.*")
    expect(admin.locator("#tail-state")).to_have_text("Following, newest first.")
    pause = admin.get_by_role("button", name="Pause")
    pause.focus()
    pause.press("Space")
    expect(pause).to_have_attribute("aria-pressed", "true")
    scene.server.publish("one")
    expect(admin.locator("#count")).to_have_text("Paused. Meanwhile 1 message came.")
    for number in range(1, 250):
        scene.server.publish(f"text {number}", group=("my-group", "orders.eu")[number % 2])
    # Bounded, and it says so.
    expect(admin.locator("#count")).to_have_text("Paused. Meanwhile 250 messages came; the newest 200 are kept.")
    same(rows(admin).count(), 0, "a page that is paused")
    look(admin, "live-paused")
    pause.click()
    expect(rows(admin)).to_have_count(200)
    expect(rows(admin).first).to_have_text("text 249")
    expect(rows(admin).last).to_have_text("text 50")
    scene.server.publish("newest")
    expect(rows(admin).first).to_have_text("newest")
    same(rows(admin).count(), 200, "rows on the page")
    find = admin.get_by_label("Show messages with this text")
    find.fill("ORDERS.EU")
    expect(rows(admin)).to_have_count(100)
    expect(admin.locator("#count")).to_have_text("100 of 200 messages have “ORDERS.EU”.")
    # What comes is filtered, too: by its event, and by its data.
    find.fill("greeting-2")
    expect(rows(admin)).to_have_count(0)
    scene.server.publish("other")
    scene.server.publish("wanted", event="greeting-2")
    expect(rows(admin)).to_have_text(["wanted"])
    find.fill("")
    expect(rows(admin)).to_have_count(200)
    admin.get_by_role("button", name="Clear").click()
    expect(rows(admin)).to_have_count(0)
    scene.server.publish("after")
    expect(rows(admin)).to_have_text(["after"])


def the_live_page_goes_on_after_an_id(scene):
    ids = [scene.server.publish(f"text {number}") for number in range(5)]
    admin = scene.admin("/admin/live/")
    follow(admin, "my-group", after=ids[2])
    expect(rows(admin)).to_have_text(["text 4", "text 3"])
    follow(admin, "my-group", after="nonsense")
    expect(admin.locator("#tail-state")).to_contain_text("That is no id of a message")
    scene.server.publish("new")
    expect(rows(admin)).to_have_text(["new"])
    follow(admin, "my-group", after=re.sub(r"^\w+", "zzzzzz", ids[0]))
    expect(admin.locator("#tail-state")).to_contain_text("of another database")
    # The server goes and comes back: nothing is lost, and nothing comes twice.
    follow(admin, "my-group")
    expect(rows(admin)).to_have_count(6)
    scene.server.stop()
    expect(admin.locator("#tail-state")).to_have_text("The connection was lost. Reconnecting …")
    scene.server.start()
    scene.server.publish("after the restart")
    expect(rows(admin).first).to_have_text("after the restart")
    same(rows(admin).count(), 7, "rows after a restart")


def the_live_page_shows_who_is_here(scene):
    """As the server tells it; what the server refuses is said in a sentence."""
    admin = scene.admin("/admin/live/")
    users = [{"user": f"u{number}", "info": None} for number in range(30)]
    told = [
        {"group": "a", "count": 42, "users": users, "more": True},
        {"group": "<b>", "count": 1, "users": [{"user": "<i>Ada</i>", "info": {}}], "more": False},
        {"group": "a", "count": 41, "joined": [{"user": "new", "info": None}], "left": ["u0", "u1"], "more": False},
    ]
    events = "retry: 600000\nevent: stream-open\nid: k-1\ndata: {}\n\n" + "".join(
        f"event: stream-presence\ndata: {json.dumps(one)}\n\n" for one in told
    )
    admin.route("**/admin/live/events/**",
                lambda route: route.fulfill(status=200, content_type="text/event-stream", body=events))
    follow(admin, "a", presence=True)
    here = admin.locator("#present")
    expect(here.locator("dt")).to_have_text(["a", "<b>"])
    expect(here.locator("dd").first).to_have_text("41 here: u2, u3, u4, u5, u6, u7, u8, u9, u10, u11 and 31 more")
    expect(here.locator("dd").last).to_have_text("1 here: <i>Ada</i>")
    look(admin, "live-presence")
    admin.unroute("**/admin/live/events/**")
    refused = json.dumps({"status": 501, "detail": "Presence is not available in this version."})
    admin.route("**/admin/live/events/**",
                lambda route: route.fulfill(status=501, content_type="application/problem+json", body=refused))
    follow(admin, "a", presence=True)
    expect(admin.locator("#tail-state")).to_have_text("Presence is not available in this version.")
    expect(admin.get_by_label("Presence")).to_be_checked()


def the_admin_shows_tokens_and_refusals(scene):
    admin = scene.admin("/admin/access/")
    expect(admin.get_by_text("This server has no keys")).to_be_visible()
    keys = Path(scene.database).with_name("keys.json")
    made = {}
    for name, rights in (("shop " + "long " * 12, ["--publish", "orders.*", "--subscribe", "orders.*", "--subscribe", "news.*"]),
                         ("operations", ["--admin"])):
        made[name] = subprocess.run(
            [scene.server.binary, "key", "create", "--api-keys", keys, "--name", name, *rights],
            capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        ).stdout.strip()
    scene.server.stop()
    scene.server.options += ["--api-keys", keys]
    scene.server.start()

    def ask(path, **headers):
        try:
            return urllib.request.urlopen(urllib.request.Request(scene.server.url + path, headers=headers), timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code

    for key in made.values():
        ask("/groups/orders.eu", Authorization=f"Bearer {key}")
    for status, headers in ((401, {}), (401, {"Authorization": "Bearer nk_x"}), (403, {"Origin": "https://evil.example"})):
        same(ask("/groups/a", **headers), status, str(headers))
    # The session outlives the restart, and opens the figures, too.
    for name, options in (("wide", {"viewport": {"width": 1180, "height": 760}}), ("dark", DARK), ("narrow", NARROW)):
        admin = scene.admin("/admin/access/", **options)
        expect(admin.get_by_role("region", name="Tokens").get_by_role("row")).to_have_count(3)
        expect(admin.get_by_role("region", name="Refusals")).to_contain_text("A page of another site asked.")
        assert not any(key in admin.content() for key in made.values()), "a key stands in the page"
        look(admin, f"access-{name}")
    admin.get_by_role("link", name="/metrics").click()
    expect(admin.locator("body")).to_contain_text("notify_rejections_total")


def the_live_page_wide_narrow_and_dark(scene):
    for number in range(14):
        scene.server.publish("long " * number, group=f"group-{number:02}" + ("-" + "n" * 80 if number % 5 == 0 else ""))
    for name, options in (("wide", {"viewport": {"width": 1180, "height": 760}}), ("dark", DARK), ("narrow", NARROW),
                          ("narrow-dark", {**NARROW, "color_scheme": "dark"})):
        admin = scene.admin("/admin/live/?topics=group-01+group-*&presence=", **options)
        expect(admin.locator("#tail-state")).to_have_text("Following, newest first.")
        expect(rows(admin)).to_have_count(14)
        admin.get_by_role("button", name="Pause").click()
        look(admin, f"live-{name}")
    same(scene.complaints, [], "nothing blocked, nothing failed")


chat.TESTS = [
    the_live_page_follows_several_at_once,
    the_live_page_pauses_filters_and_clears,
    the_live_page_goes_on_after_an_id,
    the_live_page_shows_who_is_here,
    the_admin_shows_tokens_and_refusals,
    the_live_page_wide_narrow_and_dark,
]

if __name__ == "__main__":
    chat.main()
